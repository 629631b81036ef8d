"""One campus for the tests that only use it; tests that break one start their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
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
