"""The server of a person, as JupyterHub makes it, but that it listens before it has talked to the hub."""

# JupyterHub carries no types
# mypy: disallow-subclassing-any=False

from __future__ import annotations

import asyncio
import gc
from typing import Any

from jupyterhub.singleuser.extension import JupyterHubSingleUser


class CampusServer(JupyterHubSingleUser):
    """JupyterHub's extension of Jupyter Server. Ends, as that does, when the hub can't be reached in five tries."""

    _hub_check: asyncio.Task[None] | None = None

    @classmethod
    def get_extension_package(cls) -> str:
        return __name__

    async def check_hub_version(self) -> None:
        """Ask the hub for its version as soon as this server listens; JupyterHub asks before."""
        self._hub_check = asyncio.create_task(self._check_when_listening())

    async def _check_when_listening(self) -> None:
        await asyncio.sleep(0)  # until the event loop runs for good
        gc.freeze()
        gc.enable()
        await super().check_hub_version()


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": __name__, "app": CampusServer}]
