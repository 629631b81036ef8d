"""Serves the portal: `python -m portal.server --port N`. One process, loopback unless told otherwise."""

from __future__ import annotations

import argparse
import os

import uvicorn

from portal.app import create_app
from portal.settings import PortalSettings


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the portal of a Bitgoeul campus.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    options = parser.parse_args()
    app = create_app(PortalSettings.from_environment(os.environ))
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        log_level="info",
        access_log=False,
        proxy_headers=True,
        forwarded_allow_ips="127.0.0.1",
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
