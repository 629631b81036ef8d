"""What the hub writes down: JupyterHub's lines for people, or a JSON object a line, with the request it belongs to.

The portal's logs have the same fields (`portal.logs`), so one id leads from a click to the container. Addresses are
told without their queries, which can carry codes and tokens.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from jupyterhub.metrics import prometheus_log_method
from tornado import web
from tornado.log import access_log

REQUEST_HEADER = "X-Request-ID"
#: the id of the request that the hub acts upon here, "" outside of one
REQUEST: ContextVar[str] = ContextVar("bitgoeul_request", default="")
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{5,63}")


def is_sane(request: object) -> bool:
    """Whether somebody else's `request` can be taken over as an id: short, and no character that means anything."""
    return isinstance(request, str) and _SANE.fullmatch(request) is not None


def new_request() -> str:
    """An id for a start that nobody has named, 12 hexadecimal digits."""
    return secrets.token_hex(6)


class JsonLines(logging.Formatter):
    """An object a line, with times in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "component": "hub",
            "process": record.process,
        }
        if request := REQUEST.get():
            line["request"] = request
        line |= getattr(record, "access", {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def ensure_lines(form: str) -> None:
    """Give what isn't JupyterHub's own to tell, this configuration's warnings among it, the `form` "json"."""
    root = logging.getLogger()
    if form == "json" and not any(isinstance(handler.formatter, JsonLines) for handler in root.handlers):
        handler = logging.StreamHandler()
        handler.setFormatter(JsonLines())
        root.addHandler(handler)


def build_logging(form: str) -> dict[str, Any]:
    """JupyterHub's `logging_config` for the `form` "text", which is its own, or "json"."""
    if form != "json":
        return {}
    return {"formatters": {"json": {"()": JsonLines}}, "handlers": {"console": {"formatter": "json"}}}


def log_request(handler: web.RequestHandler) -> None:
    """Tell of one answer, and count it as JupyterHub does (jupyterhub/log.py)."""
    request, status = handler.request, handler.get_status()
    access: dict[str, object] = {
        "method": request.method,
        "path": quote(urlsplit(request.uri or "").path, safe="/~:@!$&'()*+,;=%"),
        "status": status,
        "ms": round(1000 * request.request_time(), 1),
        "user": _who(handler),
    }
    given = request.headers.get(REQUEST_HEADER, "")
    if is_sane(given):
        access["request"] = given
    mark = f" [request {given}]" if is_sane(given) else ""
    boring = status == 304 or (status < 300 and isinstance(handler, web.StaticFileHandler))
    if access["path"] in ("/hub/health", "/hub/metrics") and status < 400:
        boring = True
    level = logging.DEBUG if boring else logging.INFO if status < 400 else logging.WARNING
    access_log.log(
        logging.ERROR if status >= 500 else level,
        "%s %s %s %s ms (%s)%s",
        *(access[name] for name in ("status", "method", "path", "ms", "user")),
        mark,
        extra={"access": access},
    )
    prometheus_log_method(handler)


def _who(handler: web.RequestHandler) -> str:
    try:
        user = handler.current_user
    except (web.HTTPError, RuntimeError):
        return ""
    return str(user["name"] if isinstance(user, dict) else getattr(user, "name", user or ""))
