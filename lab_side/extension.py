"""The server extension: one address for the page, and a watch that begins when the server listens."""

from __future__ import annotations

import os

from jupyter_server.base.handlers import APIHandler
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from tornado import web

WATCH = "bitgoeul_lease_watch"
#: what a page is told that asks before the watch has begun: nothing yet, ask again in so many seconds
NOT_YET = {"on": False, "again": 2.0}


class LeaseHandler(APIHandler):
    """GET <base>/bitgoeul/lease: what the page shows of the lease. A page that asks isn't a person who works.

    `?fresh=1`: the person has come back to the page.
    """

    _track_activity = False

    @web.authenticated
    def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        watch = self.settings.get(WATCH)
        self.finish(watch.page(fresh="fresh" in self.request.arguments) if watch else NOT_YET)


def load(serverapp: ServerApp) -> None:
    """Register the address."""
    address = url_path_join(serverapp.base_url, "bitgoeul", "lease")
    serverapp.web_app.add_handlers(".*$", [(address, LeaseHandler)])  # type: ignore[no-untyped-call]


def start(serverapp: ServerApp) -> None:
    """Begin to watch. The server listens by now, so what the watch imports delays nobody."""
    from lab_side.kernels import read_activity
    from lab_side.watch import build_watch

    watch = build_watch(os.environ, lambda: read_activity(serverapp.kernel_manager))
    serverapp.web_app.settings[WATCH] = watch
    watch.begin()
