"""nbgrader's Assignment List, loaded by the first request for it: to import nbgrader costs a second and 50 MB."""

from hub_config.lab.on_request import extension

ADDRESSES = (r"/assignments", r"/assignments/(?!validate$).*", r"/courses", r"/nbgrader_version")

_load_jupyter_server_extension = extension("nbgrader.server_extensions.assignment_list", ADDRESSES)
