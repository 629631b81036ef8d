"""nbgrader's formgrader, for grading servers, loaded by the first request for it."""

from hub_config.lab.on_request import extension

ADDRESSES = (r"/formgrader(?:/.*)?",)

_load_jupyter_server_extension = extension("nbgrader.server_extensions.formgrader", ADDRESSES)
