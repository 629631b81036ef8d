"""What holds for every answer and every request: security headers, and a bound on how much a form may carry.

Nothing from elsewhere is loaded and no script stands in a page. The exchange bounds its own streams.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT = 4 * 1024 * 1024
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


class SecurityHeaders:
    """Adds the headers above wherever a route hasn't set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class BodyTooLarge(Exception):
    """A body without a length that turned out longer than the bound."""


class BodyLimit:
    """Refuses bodies beyond BODY_LIMIT, except below `unbounded`, where a route counts for itself."""

    def __init__(self, app: ASGIApp, unbounded: str) -> None:
        self.app = app
        self.unbounded = unbounded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self.unbounded):
            await self.app(scope, receive, send)
            return
        sent = received = 0
        too_large = JSONResponse(
            {
                "error": f"At most {BODY_LIMIT // 2**20} MiB may be sent here. Nothing was changed.",
                "error_ko": f"여기로는 최대 {BODY_LIMIT // 2**20} MiB까지 보낼 수 있습니다. 바뀐 것은 없습니다.",
            },
            status_code=413,
        )
        length = Headers(scope=scope).get("content-length", "0")
        if length.isdigit() and int(length) > BODY_LIMIT:
            await too_large(scope, receive, send)
            return

        async def counted_receive() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > BODY_LIMIT:
                    raise BodyTooLarge
            return message

        async def counted_send(message: Message) -> None:
            nonlocal sent
            sent += 1
            await send(message)

        try:
            await self.app(scope, counted_receive, counted_send)
        except BodyTooLarge:
            if not sent:
                await too_large(scope, receive, send)
