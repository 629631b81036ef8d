"""A server as the hub starts them, without Jupyter: lets in whom the hub gave access, and remembers it for a second."""

from __future__ import annotations

import asyncio
import os
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.services.auth import HubOAuth, HubOAuthCallbackHandler, HubOAuthenticated
from tornado import web


class Status(HubOAuthenticated, web.RequestHandler):  # type: ignore[misc]
    @web.authenticated
    def get(self) -> None:
        self.write({"visitor": self.get_current_user()["name"]})


class Up(web.RequestHandler):
    def get(self) -> None:
        self.write("up")


async def main() -> None:
    prefix = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
    HubOAuth.instance(cache_max_age=1)
    routes: list[Any] = [
        (prefix + "api/status", Status),
        (prefix + "oauth_callback", HubOAuthCallbackHandler),
        (prefix, Up),
    ]
    at = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    web.Application(routes, cookie_secret=os.urandom(32)).listen(at.port, at.hostname)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
