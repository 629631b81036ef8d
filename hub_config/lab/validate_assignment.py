"""nbgrader's Validate button, loaded by the first request for it."""

from hub_config.lab.on_request import extension

ADDRESSES = (r"/assignments/validate",)

_load_jupyter_server_extension = extension("nbgrader.server_extensions.validate_assignment", ADDRESSES)
