"""Serves the portal: `python -m portal.server --port N`. One process, loopback unless told otherwise."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys

import uvicorn

from portal.app import create_app
from portal.logs import configure_logs
from portal.settings import PortalSettings

#: seconds for which an idle connection stays open: the proxy sends into those that it keeps, and mustn't meet their end
KEEP_ALIVE = 600


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the portal of a Bitgoeul campus.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    options = parser.parse_args()
    settings = PortalSettings.from_environment(os.environ)
    configure_logs("portal", settings.log_format)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        log_config=None,  # the campus's own form
        access_log=False,
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1",
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=5,
    )
    server = LingeringServer(config, settings.linger)
    server.run()
    if not server.started:
        sys.exit(3)  # as uvicorn itself does


class LingeringServer(uvicorn.Server):
    """Told to stop, it takes requests for some seconds more: a proxy on another node learns late that it goes.

    Each of these answers ends its connection, so that nobody sends into one that is about to be closed.
    """

    def __init__(self, config: uvicorn.Config, linger: float) -> None:
        super().__init__(config)
        self._linger = linger

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        await asyncio.sleep(self._linger)
        await super().shutdown(sockets)


if __name__ == "__main__":
    main()
