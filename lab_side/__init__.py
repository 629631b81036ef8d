"""What runs inside a learner's JupyterLab: news of the GPU lease, asked of the portal under the server's own token.

A Jupyter server extension (`lab_side` in `jpserver_extensions`) and a JupyterLab extension (`labextensions/`). Imports
only Jupyter Server, tornado and the standard library, and most of it when the server listens; asks nobody before.
Takes nothing back and stops nothing: the portal decides about leases.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

#: what LabApp.extra_labextensions_path has to name
LABEXTENSIONS = Path(__file__).parent / "labextensions"


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "lab_side"}]


def _load_jupyter_server_extension(serverapp: ServerApp) -> None:
    from lab_side.extension import load

    load(serverapp)


async def _start_jupyter_server_extension(serverapp: ServerApp) -> None:
    from lab_side.extension import start

    start(serverapp)
