"""What holds for every answer and request: an id and a line in the log, security headers, a bound on what may be sent.

Nothing from elsewhere is loaded and no script stands in a page. The log tells method, path, status, time and who; never
a query, a header or a body.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.logs import REQUEST, is_sane, new_request
from portal.request_figures import RequestFigures

REQUEST_HEADER = "X-Request-ID"
access_log = logging.getLogger("bitgoeul.portal.access")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "frame-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
FILES_LAST = "public, max-age=31536000, immutable"
DRAINED = 32 * 1024 * 1024


class BodyLimit:
    """Answers with `refuse` where a request announces more than `limit` bytes, before a handler sees it.

    Below `unbounded` routes count for themselves. Bodies that announce nothing are the framework's to count.
    """

    def __init__(
        self, app: ASGIApp, *, limit: int, unbounded: str, refuse: Callable[[Request], Awaitable[Response]]
    ) -> None:
        self.app = app
        self.limit = limit
        self.unbounded = unbounded
        self.refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = Headers(scope=scope).get("content-length", "") if scope["type"] == "http" else ""
        if not length.isdigit() or int(length) <= self.limit or scope["path"].startswith(self.unbounded):
            await self.app(scope, receive, send)
            return
        seen = 0
        while seen < DRAINED:  # a browser that is cut off while it sends shows no answer
            message = await receive()
            seen += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        await (await self.refuse(Request(scope)))(scope, receive, send)


class SecurityHeaders:
    """Adds the headers above wherever a route hasn't set its own; `static` is the path of the portal's own files."""

    def __init__(self, app: ASGIApp, static: str) -> None:
        self.app = app
        self.static = static

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        versioned = scope["path"].startswith(self.static) and scope["query_string"].startswith(b"v=")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if versioned and message["status"] == 200:
                    headers["Cache-Control"] = FILES_LAST
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class RequestTrail:
    """Gives every request an id and a line in the log, and counts it. The outermost of all.

    An id that comes along in X-Request-ID is kept where it is short and harmless. It is in `scope["state"]`, in every
    line that is logged meanwhile, and in the answer. Answers to `quiet` paths are told at DEBUG.
    """

    def __init__(self, app: ASGIApp, *, figures: RequestFigures, quiet: tuple[str, ...] = ()) -> None:
        self.app = app
        self.figures = figures
        self.quiet = quiet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_HEADER, "")
        request = given if is_sane(given) else new_request()
        scope.setdefault("state", {})["request_id"] = request
        REQUEST.set(request)
        began = time.monotonic()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self.figures.note(scope["method"], status, time.monotonic() - began)
                MutableHeaders(scope=message)[REQUEST_HEADER] = request
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            if not status:  # the answer is made outside of the middleware
                status = 500
                self.figures.note(scope["method"], status, time.monotonic() - began)
            raise
        finally:
            self._tell(scope, status, time.monotonic() - began)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        path = quote(scope["path"], safe="/~:@!$&'()*+,;=")
        who = getattr(scope["state"].get("identity"), "username", "")
        access = {
            "method": scope["method"],
            "path": path,
            "status": status,
            "ms": round(1000 * seconds, 1),
            "user": who,
        }
        level = logging.DEBUG if status < 400 and scope["path"].startswith(self.quiet) else logging.INFO
        access_log.log(
            level,
            "%s %s %s %.1f ms%s",
            access["method"],
            path,
            status or "cut off",
            access["ms"],
            f" {who}" if who else "",
            extra={"access": access},
        )
