"""What the tests on a container engine share: a sandbox of its own name; a campus with labs on an engine of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from container_campus import IMAGE as LAB
from container_campus import ContainerCampus
from engines import IMAGE
from own_engine import OwnEngine, own_engine
from world import SILENT, SITE, World

from grader.sandbox.container import ContainerKind, ContainerSandbox


@pytest.fixture(scope="session")
def container() -> Iterator[ContainerSandbox]:
    sandbox = ContainerSandbox(ContainerKind(IMAGE), worker=f"tests-{secrets.token_hex(4)}")
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="session")
def lab_engine() -> Iterator[OwnEngine]:
    """An engine of its own that keeps containers while it restarts, and believes that it has a GPU runtime."""
    settings = {"live-restore": True, "insecure-registries": [f"{SITE}:{SILENT}"]}
    with own_engine([LAB], gpus=True, settings=settings) as engine:
        yield engine


@pytest.fixture(scope="session")
def world(lab_engine: OwnEngine) -> Iterator[World]:
    """The hosts around that engine's machine."""
    world = World(lab_engine)
    yield world
    world.close()


@pytest.fixture(scope="session")
def campus(lab_engine: OwnEngine, world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerCampus]:
    """A campus whose labs are containers of that engine."""
    campus = ContainerCampus(lab_engine, tmp_path_factory.mktemp("campus"), {"BITGOEUL_LAB_HOME_QUOTA": "256M"})
    try:
        campus.start()
        yield campus
    finally:
        campus.stop()
