"""A server that is not to start, with the sentence that its owner reads, wherever they read it."""

# JupyterHub carries no types
# mypy: disallow-subclassing-any=False

from __future__ import annotations

from html import escape

from jupyterhub.spawner import SpawnException


class StartRefused(SpawnException):
    """A SpawnException whose sentence also reaches whoever watches the start.

    JupyterHub 6.1 shows `message` to whoever waits for the answer; in the progress events and on the page of a start
    that failed it looks for these two attributes (utils.format_exception), and shows the log's text without them.
    """

    def __init__(
        self, message: str, *, reason: str, log_message: str = "", message_html: str = "", status_code: int = 400
    ) -> None:
        super().__init__(
            message, reason=reason, log_message=log_message, message_html=message_html, status_code=status_code
        )
        self.jupyterhub_message = message
        self.jupyterhub_html_message = message_html or escape(message)
