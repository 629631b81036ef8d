"""The world that attacks are tried in: a host that listens, a course with secrets, one sandbox for all of them."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import attacked_course
import pytest
from attacking import World
from small_course import write

from grader.reading import read_notebook
from grader.reference import reference_run
from grader.sandbox.base import Limits, Sandbox
from grader.sandbox.detect import best_sandbox
from grader.sanitize import sanitize
from grader.source_reading import read_source_notebook

CONTROL = "control"
TOKEN = "token-of-the-campus-0417"
OTHERS_WORK = "work-of-another-student-8826"


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


class Listeners:
    """Sockets of the host that a job must not reach: TCP on loopback, a path, an abstract name."""

    def __init__(self, folder: Path) -> None:
        self.reached: list[str] = []
        self.abstract = f"campus-{os.getpid()}"
        self.path = folder / "campus.sock"
        self.tcp = socket.create_server(("127.0.0.1", 0))
        named, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        named.bind(str(self.path))
        abstract.bind("\0" + self.abstract)
        self.sockets = {"tcp": self.tcp, "path": named, "abstract": abstract}
        for name, listening in self.sockets.items():
            listening.listen()
            threading.Thread(target=self._serve, args=(name, listening), daemon=True).start()

    def _serve(self, name: str, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self.reached.append(name)
            connection.close()

    def close(self) -> None:
        for listening in self.sockets.values():
            listening.shutdown(socket.SHUT_RDWR)
            listening.close()


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
    course = tmp_path_factory.mktemp("course")
    source = read_source_notebook(attacked_course.make_course(course))
    (course / "gradebook.db").write_bytes(b"SQLite format 3\0" + OTHERS_WORK.encode())
    other = attacked_course.released_notebook({"primes": f"# {OTHERS_WORK}"})
    write(other, course / "submitted" / "other" / "ps1" / "lab.ipynb")
    places = {
        "PORT": str(listeners.tcp.getsockname()[1]),
        "SOCKET": str(listeners.path),
        "ABSTRACT": listeners.abstract,
        "COURSE": str(course),
        "PID": str(os.getpid()),
        "CHECKOUT": str(Path(__file__).resolve().parents[2]),
        "NAMES": json.dumps([OTHERS_WORK[5:], TOKEN[6:], *attacked_course.SOURCE_SECRETS[:2]]),
    }
    given = tmp_path_factory.mktemp("given")
    for name, content in attacked_course.DATA.items():
        (given / name).write_text(content, encoding="utf-8")
    nb = read_notebook((course / "source" / "ps1" / "lab.ipynb").read_bytes())
    sanitize(nb, source)
    profile = reference_run(nb, source, sandbox, Limits(wall=120.0, cell=60.0), given, given).profile
    known = replace(source, profile=profile)
    return World(known, course, sandbox, tmp_path_factory.mktemp("work"), places, given)


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """The campus's token in this process's environment, for as long as a test runs."""
    monkeypatch.setenv("BITGOEUL_PORTAL_TOKEN", TOKEN)
