"""Campuses that lend slices: on SQLite, and where the database has a part in it on PostgreSQL, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from gpu_campus import GpuCampus, gpu_campus

from gpus.hardware import Hardware


@pytest.fixture
def campus_with(tmp_path: Path) -> Iterator[Callable[[Hardware], GpuCampus]]:
    """Makes a campus on SQLite with the given hardware."""
    with ExitStack() as stack:
        yield lambda hardware: stack.enter_context(gpu_campus(f"sqlite:///{tmp_path / 'campus.db'}", hardware))


@pytest.fixture
def any_campus_with(database_url: str) -> Iterator[Callable[[Hardware], GpuCampus]]:
    """Makes a campus on SQLite or PostgreSQL with the given hardware."""
    with ExitStack() as stack:
        yield lambda hardware: stack.enter_context(gpu_campus(database_url, hardware))
