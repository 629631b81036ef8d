"""A Jupyter Server extension that is loaded by the first request for one of its addresses.

The request waits meanwhile, is then answered by the extension, and no other request waits with it. Who may ask, the
extension itself decides: nothing is answered here.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, HTTPServerRequest, RequestStartLine, ResponseStartLine
from tornado.routing import PathMatches, Router, Rule


class OnRequest(Router):
    """Holds the addresses of an extension until it is loaded. Afterwards it matches nothing."""

    #: Jupyter Server looks through these for answers without sign-in; a router answers nothing itself
    SUPPORTED_METHODS = ()

    def __init__(self, server: Any, module: str) -> None:
        self.server, self.module = server, module
        self.loaded = False
        self._loading = asyncio.Lock()
        self._let_through: HTTPServerRequest | None = None

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
        return None if self.loaded or request is self._let_through else Waiting(self, request)

    def find_next_handler(self, request: HTTPServerRequest) -> HTTPMessageDelegate:
        """Who answers the request when this router doesn't: the extension, or 404 if it couldn't be loaded."""
        self._let_through = request
        try:
            found: HTTPMessageDelegate = self.server.web_app.find_handler(request)
            return found
        finally:
            self._let_through = None

    async def load(self) -> None:
        """Import the extension in a thread, then let it add its handlers."""
        async with self._loading:
            if not self.loaded:
                extension = await asyncio.to_thread(import_module, self.module)
                extension.load_jupyter_server_extension(self.server)
                self.loaded = True


class Waiting(HTTPMessageDelegate):
    """A request whose extension is being loaded."""

    def __init__(self, route: OnRequest, request: HTTPServerRequest) -> None:
        self.route, self.request = route, request
        self.chunks: list[bytes] = []
        self.task: asyncio.Task[None] | None = None

    def headers_received(self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders) -> None:
        self.start_line, self.headers = start_line, headers

    def data_received(self, chunk: bytes) -> None:
        self.chunks.append(chunk)

    def finish(self) -> None:
        self.task = asyncio.create_task(self._pass_on())

    def on_connection_close(self) -> None:
        self.chunks.clear()

    async def _pass_on(self) -> None:
        try:
            await self.route.load()
        except Exception:
            self.route.server.log.exception("%s could not be loaded", self.route.module)
        handler = self.route.find_next_handler(self.request)
        handler.headers_received(self.start_line, self.headers)
        for chunk in self.chunks:
            handler.data_received(chunk)
        handler.finish()


def load_on_request(server: Any, module: str, patterns: tuple[str, ...]) -> None:
    """Register `module`'s addresses, patterns below the server's own address, without importing it."""
    base = re.escape(server.web_app.settings["base_url"].rstrip("/"))
    route = OnRequest(server, module)
    server.web_app.add_handlers(".*$", [Rule(PathMatches(base + pattern), route) for pattern in patterns])


def extension(module: str, patterns: tuple[str, ...]) -> Callable[[Any], None]:
    """A `_load_jupyter_server_extension` for `module`."""

    def _load_jupyter_server_extension(server: Any) -> None:
        load_on_request(server, module, patterns)

    return _load_jupyter_server_extension
