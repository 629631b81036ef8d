"""Light stand-ins for single-user servers: one process that answers for all of them, and a spawner for them.

Everything before a lab is real: hub, proxy, portal, leases, routes. The lab itself answers what the hub asks of a
server and greets whoever arrives; it takes BITGOEUL_STAND_IN_SECONDS to start, as a lab does.
"""

# JupyterHub carries no types
# mypy: disallow-subclassing-any=False

from __future__ import annotations

import asyncio
import os
import sys
import time

from jupyterhub import _version as hub_version
from jupyterhub.spawner import Spawner
from tornado import httpserver, web

from hub_config.leased import LeasedSpawner


class StandInSpawner(LeasedSpawner, Spawner):
    """Leases like every spawner of the campus; its server is a path of the stand-in process."""

    _runs = False

    async def start(self) -> tuple[str, int]:
        grant = await self.take_hardware()
        await asyncio.sleep(float(os.environ.get("BITGOEUL_STAND_IN_SECONDS", "2")))
        self._runs = True
        await self.say_running(device=grant.lease.device if grant.lease else "")
        return "127.0.0.1", int(os.environ["BITGOEUL_STAND_IN_PORT"])

    async def stop(self, now: bool = False) -> None:
        self._runs = False
        await self.give_hardware_back("stopped")
        self.clear_state()

    async def poll(self) -> int | None:
        return None if self._runs else 0


class Greeting(web.RequestHandler):
    """What any path below /user/NAME/ answers."""

    def get(self) -> None:
        self.set_header("X-JupyterHub-Version", hub_version.__version__)
        self.write({"lab": self.request.path, "at": time.time()})

    head = get


async def serve(port: int) -> None:
    httpserver.HTTPServer(web.Application([(r"/.*", Greeting)])).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
