"""What holds for every answer and request: security headers, and a bound on what may be sent outside the exchange.

Nothing from elsewhere is loaded and no script stands in a page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
