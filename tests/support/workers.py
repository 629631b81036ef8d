"""Workers for tests: in this process or one of their own, and sandboxes that do more than run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from marking_campus import MarkingCampus
from small_course import RIGHT, answered, cell_of

from grader.gradebook import marks
from grader.sandbox.base import (
    Interpreters,
    Opening,
    Sandbox,
    SandboxJob,
    SandboxResult,
)
from grader.worker import Worker


def worker_for(campus: MarkingCampus, sandbox: Sandbox, *, ahead: float = 0.0, **settings: Any) -> Worker:
    """A worker; `ahead` seconds into the future, it finds jobs of killed workers at once."""
    return Worker(
        campus.database,
        campus.storage,
        campus.offerings,
        sandbox,
        clock=lambda: datetime.now(UTC) + timedelta(seconds=ahead),
        **settings,
    )


def score(campus: MarkingCampus, username: str = "kim") -> float | None:
    return next((mark.score for mark in marks(campus.course) if mark.username == username), None)


class Around:
    """A sandbox around another one; what it adds happens when interpreters are opened."""

    name, isolates = "around", True

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def open(self, opening: Opening, cancel: threading.Event | None = None) -> Interpreters:
        return self.sandbox.open(opening, cancel)

    def run(self, job: SandboxJob, cancel: threading.Event | None = None) -> SandboxResult:
        return self.sandbox.run(job, cancel)

    def layers(self) -> list[Any]:
        return self.sandbox.layers()

    def afresh(self) -> Sandbox:
        return self

    def close(self) -> None:
        """The other one's owner ends it."""


def start_worker(campus: MarkingCampus, *options: str, **variables: str) -> subprocess.Popen[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("BITGOEUL")} | variables
    return subprocess.Popen(
        [sys.executable, "-m", "portal.cli", "worker", "--data", str(campus.root), *options],
        env=environment | {"BITGOEUL_DATABASE_URL": campus.database.url, "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def sleeping_notebook(released: dict[str, Any], seconds: float) -> dict[str, Any]:
    nb = answered(released, RIGHT)
    cell_of(nb, "ratio")["source"] += f"\nimport time\ntime.sleep({seconds})"
    return nb
