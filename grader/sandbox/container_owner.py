"""Whose a container is, and whether its worker still lives: what a killed worker left behind is swept by the next one.

Owns the labels and the judgement; pure but for a look at /proc. A container whose worker is gone ends by itself, since
its standard input closes; the sweep removes what then remains of it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.sandbox.container_engine import Engine, Found

LABEL = "bitgoeul.sandbox"
WORKER, HOST, PROCESS = f"{LABEL}.worker", f"{LABEL}.host", f"{LABEL}.process"
SURELY_OVER = 600.0  # seconds; a living worker removes a container as soon as it has ended


@dataclass(frozen=True)
class Owner:
    """A worker: its name, its host, and its process as `pid/start`, which no later process has."""

    worker: str
    host: str
    process: str

    @classmethod
    def me(cls, worker: str) -> Owner:
        """This process, as the worker of that name."""
        return cls(worker, socket.gethostname(), process_named(os.getpid()) or "")

    @property
    def labels(self) -> dict[str, str]:
        return {LABEL: "job", WORKER: self.worker, HOST: self.host, PROCESS: self.process}


def process_named(pid: int) -> str | None:
    """A process by its pid and the moment it started; None when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return f"{pid}/{fields[19]}"


def is_left_behind(found: Found, me: Owner) -> bool:
    """Whether nobody looks after a container or volume any more."""
    owner = Owner(*(found.labels.get(name, "") for name in (WORKER, HOST, PROCESS)))
    if owner == me:
        return False
    if owner.host == me.host:
        pid = owner.process.partition("/")[0]
        return not pid.isdecimal() or process_named(int(pid)) != owner.process
    return owner.worker == me.worker or (not found.running and found.age > SURELY_OVER)


def sweep(engine: Engine, me: Owner) -> int:
    """Remove what dead workers left on the engine; how many containers and volumes it was."""
    containers = [found for found in engine.containers(LABEL) if is_left_behind(found, me)]
    for found in containers:
        engine.remove(found.id)
    volumes = [found for found in engine.volumes(LABEL) if is_left_behind(found, me)]
    for found in volumes:
        engine.remove_volume(found.id)
    return len(containers) + len(volumes)


def labels_of(me: Owner, side: str) -> Mapping[str, str]:
    """The labels of one of a job's containers, or of the folder they share."""
    return {**me.labels, f"{LABEL}.side": side}
