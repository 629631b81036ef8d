"""What the tests of docker-compose.yml share: an engine with the campus's images, and a class played on the stack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from class_play import Play, play_class
from compose_campus import ComposeCampus, compose_campus
from engines import CAMPUS_IMAGES
from own_engine import OwnEngine, own_engine


@pytest.fixture(scope="session")
def engine() -> Iterator[OwnEngine]:
    """An engine that has nothing but the campus's images."""
    with own_engine(CAMPUS_IMAGES) as engine:
        yield engine


@pytest.fixture(scope="session")
def campus(engine: OwnEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeCampus]:
    """The stack, open."""
    with compose_campus(engine, tmp_path_factory.mktemp("composed") / "campus") as campus:
        campus.start()
        yield campus


@pytest.fixture(scope="session")
def play(campus: ComposeCampus) -> Play:
    return play_class(campus)
