"""The server extension: one address for the page, and a watch that begins when the server listens."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from tornado import web

from lab_side.kernels import read_activity
from lab_side.portal import Portal
from lab_side.watch import LeaseWatch, NoPortal

WATCH = "bitgoeul_lease_watch"


class LeaseHandler(APIHandler):
    """GET <base>/bitgoeul/lease: what the page shows of the lease. A page that asks isn't a person who works."""

    _track_activity = False

    @web.authenticated
    def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.finish(self.settings[WATCH].page())


def load(serverapp: ServerApp) -> None:
    """Register the address."""
    serverapp.web_app.settings[WATCH] = build_watch(os.environ, serverapp)
    address = url_path_join(serverapp.base_url, "bitgoeul", "lease")
    serverapp.web_app.add_handlers(".*$", [(address, LeaseHandler)])


def start(serverapp: ServerApp) -> None:
    """Begin to watch; the server listens by now."""
    serverapp.web_app.settings[WATCH].begin()


def build_watch(environ: Mapping[str, str], serverapp: Any) -> LeaseWatch | NoPortal:
    """A watch for this server; one that does nothing where the environment names no portal or token."""
    url, token = environ.get("BITGOEUL_PORTAL_URL", ""), environ.get("JUPYTERHUB_API_TOKEN", "")
    if not url or not token:
        return NoPortal()
    return LeaseWatch(Portal(url, token), lambda: read_activity(serverapp.kernel_manager))
