"""The world that attacks are tried in: a host that listens, a course with secrets, another student's work."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import attacked_course
from attacking import World
from small_course import write

from grader.reading import read_notebook
from grader.reference import reference_run
from grader.sandbox.base import Limits, Sandbox
from grader.sanitize import sanitize
from grader.source_reading import read_source_notebook

TOKEN = "token-of-the-campus-0417"
TOKEN_NAME = "BITGOEUL_PORTAL_TOKEN"
OTHERS_WORK = "work-of-another-student-8826"


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


def hand_in_others_work(course: Path) -> Path:
    """The work of another student, which nobody else may see; its path."""
    other = attacked_course.released_notebook({"primes": f"# {OTHERS_WORK}"})
    return write(other, course / "submitted" / "other" / "ps1" / "lab.ipynb")


def placed_names(extra: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What @NAME@ in an attack stands for."""
    names = json.dumps([OTHERS_WORK[5:], TOKEN[6:], *attacked_course.SOURCE_SECRETS[:2]])
    return {**dict(extra), "NAMES": names}


def build_world(folder: Path, sandbox: Sandbox, listeners: Listeners) -> World:
    """The course, other students' work and a gradebook, below an empty `folder`."""
    course, given, work = folder / "course", folder / "given", folder / "work"
    for made in (course, given, work):
        made.mkdir()
    source = read_source_notebook(attacked_course.make_course(course))
    (course / "gradebook.db").write_bytes(b"SQLite format 3\0" + OTHERS_WORK.encode())
    hand_in_others_work(course)
    places = {
        "PORT": str(listeners.tcp.getsockname()[1]),
        "SOCKET": str(listeners.path),
        "ABSTRACT": listeners.abstract,
        "COURSE": str(course),
        "PID": str(os.getpid()),
        "CHECKOUT": str(Path(__file__).resolve().parents[2]),
    }
    for name, content in attacked_course.DATA.items():
        (given / name).write_text(content, encoding="utf-8")
    nb = read_notebook((course / "source" / "ps1" / "lab.ipynb").read_bytes())
    sanitize(nb, source)
    profile = reference_run(nb, source, sandbox, Limits(wall=120.0, cell=60.0), given, given).profile
    return World(replace(source, profile=profile), course, sandbox, work, placed_names(places.items()), given)
