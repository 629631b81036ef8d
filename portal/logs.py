"""What the campus's programs write down: one line an event, for people or as JSON, with the request it belongs to.

Owns the two forms and the request's id. Refuses what no log should hold: values that a failed statement was given, and
the addresses that a client asks (they can carry codes and tokens), are left out.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

#: the id of the request that is being answered here, "" outside of one
REQUEST: ContextVar[str] = ContextVar("bitgoeul_request", default="")
FORMATS = ("text", "json")
#: libraries that would tell at INFO what isn't ours to tell: addresses with their queries, every renewed thing
QUIET = ("httpx", "httpcore", "asyncio", "multipart", "traitlets")
_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{5,63}")
_PARAMETERS = re.compile(r"^\[parameters: .*$", re.MULTILINE)


def is_sane(request: object) -> bool:
    """Whether somebody else's `request` can be taken over as an id: short, and no character that means anything."""
    return isinstance(request, str) and _SANE.fullmatch(request) is not None


def new_request() -> str:
    """An id for a request that came without one, 12 hexadecimal digits."""
    return secrets.token_hex(6)


class _Lines(logging.Formatter):
    """Without the values of SQL statements: they are people's."""

    def formatException(self, ei: Any) -> str:
        return _PARAMETERS.sub("[parameters left out]", super().formatException(ei))


class TextLines(_Lines):
    """Lines for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s%(mark)s")

    def format(self, record: logging.LogRecord) -> str:
        request = REQUEST.get()
        record.mark = f" [request {request}]" if request else ""
        return super().format(record)


class JsonLines(_Lines):
    """Lines for programs: an object each, with times in UTC."""

    def __init__(self, component: str) -> None:
        super().__init__()
        self._component = component

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "component": self._component,
            "process": record.process,
        }
        if request := REQUEST.get():
            line["request"] = request
        line |= getattr(record, "access", {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logs(component: str, form: str, *, stream: TextIO | None = None) -> None:
    """Make this process log to stderr (or `stream`) as `component`, in the `form` "text" or "json"."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(component) if form == "json" else TextLines())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
