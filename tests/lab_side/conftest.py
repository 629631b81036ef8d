"""Labs with news of their lease: a real JupyterLab, configured as the campus does, and a portal at its boundary."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lab_process import LabProcess
from lease_portal import TOKEN, LeasePortal, notice, serving

StartLab = Callable[..., LabProcess]


@pytest.fixture
def portal() -> Iterator[LeasePortal]:
    with serving() as portal:
        yield portal


@pytest.fixture(scope="module")
def lab_in_use(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LabProcess, LeasePortal]]:
    """One lab and its portal, for the tests of a file that only look at it; a GPU is held until 14 minutes from now."""
    with serving() as portal:
        portal.lease(timedelta(minutes=14), notices=[notice("lease-17-idle")], in_class=True)
        lab = LabProcess(tmp_path_factory.mktemp("lab"), portal_url=portal.url, token=TOKEN)
        yield lab, portal
        lab.stop()


@pytest.fixture
def start_lab(portal: LeasePortal, tmp_path: Path) -> Iterator[StartLab]:
    """Start a lab that asks `portal`; stopped at the end of the test."""
    started: list[LabProcess] = []

    def start(**options: Any) -> LabProcess:
        folder = tmp_path / f"lab-{len(started)}"
        folder.mkdir()
        lab = LabProcess(folder, **{"portal_url": portal.url, "token": TOKEN, **options})
        started.append(lab)
        return lab

    yield start
    for lab in started:
        lab.stop()
