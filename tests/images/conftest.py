"""What the tests of the images share: the engine, and a look into an image without any network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container
from docker.models.images import Image
from image_containers import Run

LOOK = (Path(__file__).parent / "look.py").read_text()


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture(scope="session")
def image_of(engine: docker.DockerClient) -> Callable[[str], Image]:
    def image(name: str) -> Image:
        try:
            return engine.images.get(f"bitgoeul-{name}")
        except docker.errors.ImageNotFound:
            pytest.skip(f"bitgoeul-{name} is not on this engine: images/build {name}")

    return image


@pytest.fixture
def run(engine: docker.DockerClient, image_of: Callable[[str], Image]) -> Iterator[Run]:
    """Starts a container of an image, without network; it is removed with the test."""
    started: list[Container] = []

    def start(name: str, command: list[str] | None = None, **options: Any) -> Container:
        image = image_of(name)
        container = engine.containers.run(image, command, detach=True, **{"network_mode": "none"} | options)
        started.append(container)
        return container

    yield start
    for container in started:
        container.remove(force=True)


@pytest.fixture
def output_of(run: Run) -> Callable[..., str]:
    """What a command prints in a container of an image; it has to succeed."""

    def output(name: str, *command: str, **options: Any) -> str:
        container = run(name, list(command), **options)
        status = container.wait(timeout=120)["StatusCode"]
        printed = container.logs().decode()
        assert status == 0, printed
        return printed

    return output


@pytest.fixture(scope="session")
def seen(engine: docker.DockerClient, image_of: Callable[[str], Image]) -> Callable[[str], dict[str, Any]]:
    """What look.py, run inside an image, found there."""
    known: dict[str, dict[str, Any]] = {}

    def look(name: str) -> dict[str, Any]:
        if name not in known:
            printed = engine.containers.run(
                image_of(name), ["-c", LOOK], entrypoint=["python3"], network_mode="none", remove=True
            )
            known[name] = json.loads(printed)
        return known[name]

    return look
