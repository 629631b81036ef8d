"""The world that attacks are tried in: a host that listens, a course with secrets, one sandbox for all of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from attacked_world import TOKEN, TOKEN_NAME, Listeners, build_world
from attacking import World

from grader.sandbox.base import Sandbox
from grader.sandbox.detect import best_sandbox

CONTROL = "control"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{CONTROL}: shows what an attack gains without guards (run with -m {CONTROL})")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Controls run when they are asked for: they say something about the attacks, not about the grader."""
    if CONTROL in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker(CONTROL)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """The sandbox a worker would take; closed at the end where it keeps something open."""
    found = best_sandbox(insist=True)
    yield found
    close = getattr(found, "close", None)
    if close is not None:
        close()


@pytest.fixture(scope="session")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listeners]:
    listening = Listeners(Path(tempfile.mkdtemp(prefix="bg-", dir=tmp_path_factory.getbasetemp())))
    yield listening
    listening.close()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox, listeners: Listeners) -> World:
    """The course, other students' work and a gradebook."""
    return build_world(tmp_path_factory.mktemp("world"), sandbox, listeners)


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """The campus's token in this process's environment, for as long as a test runs."""
    monkeypatch.setenv(TOKEN_NAME, TOKEN)
