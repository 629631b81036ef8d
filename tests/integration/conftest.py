"""One campus for the tests that only use it; tests that break one start their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from campus_process import Campus
from ports import free_port


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campus]:
    campus = Campus(tmp_path_factory.mktemp("campus"), free_port())
    try:
        campus.start()
        yield campus
    finally:
        campus.stop()
