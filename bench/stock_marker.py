"""Runs `nbgrader autograde` and `generate_feedback` inside the walls, and says what came of them.

The first program of a stock marking (see `walls`): imports nbgrader once and forks for each of the two commands, so
that a command that is killed or hangs is told, not suffered. Reads afterwards what the gradebook and the course folder
hold. Nobody else in there can look into it: it is not dumpable, and its output is closed to the commands. Imports
nothing of this package.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import select
import signal
import socket
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

PR_SET_DUMPABLE = 4
TICK = 0.1
MOST = 16 * 1024 * 1024  # characters of one file
KEPT = ("source", "release", "submitted/other", "autograded/other")  # what no marking of another student may change
DEFINITIONS = ("assignment", "notebook", "base_cell", "grade_cells", "solution_cells", "source_cell")
SCORES = """select c.name, coalesce(g.manual_score, g.auto_score, 0) + coalesce(g.extra_credit, 0) from grade g
join base_cell c on c.id = g.cell_id join submitted_notebook n on n.id = g.notebook_id
join submitted_assignment a on a.id = n.assignment_id where a.student_id = ?"""


def main() -> None:
    """The argument is a JSON object: assignment, notebook, students, cell and deadline (seconds), memory, places."""
    asked = json.loads(sys.argv[1])
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    listening = listen(asked["places"])
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # a second to import, for formats no notebook has
    from nbgrader.apps import AutogradeApp, GenerateFeedbackApp

    say(report, {"started": True})
    before = fingerprints(asked["assignment"])
    limit = f"--ExecutePreprocessor.timeout={asked['cell']}"
    bounds = (asked["deadline"], asked["memory"])
    status = {"autograde": command(AutogradeApp, [asked["assignment"], limit], report, *bounds)}
    if status["autograde"] != "hung":
        status["feedback"] = command(GenerateFeedbackApp, [asked["assignment"]], report, *bounds)
    after = fingerprints(asked["assignment"])
    changed = [name for name in before if before[name] != after[name]]
    students = {name: student(name, asked["assignment"], asked["notebook"]) for name in asked["students"]}
    say(report, {"status": status, "changed": changed, "students": students})
    for one in listening:
        one.close()


def say(report: Any, record: dict[str, Any]) -> None:
    report.write(json.dumps(record) + "\n")
    report.flush()


def listen(places: dict[str, str]) -> list[socket.socket]:
    """What a campus has beside its marker: a port on loopback, a socket by path, one by an abstract name."""
    listening = [socket.create_server(("127.0.0.1", int(places["PORT"])))]
    for name in (places["SOCKET"], "\0" + places["ABSTRACT"]):
        made = socket.socket(socket.AF_UNIX)
        made.bind(name)
        made.listen()
        listening.append(made)
    return listening


def command(app: Any, arguments: list[str], report: Any, deadline: float, memory: int) -> str:
    """Run one of nbgrader's commands in a process of its own: "0" or another exit code, a signal's name, "hung"."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            os.close(report.fileno())
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.dup2(1, 2)
            app.launch_instance(arguments)
        except SystemExit as end:
            os._exit(int(end.code or 0))
        except BaseException:
            os._exit(1)
        os._exit(0)
    handle = os.pidfd_open(pid)
    until = time.monotonic() + deadline
    while not (ended := bool(select.select([handle], [], [], TICK)[0])) and time.monotonic() < until:
        free_memory(memory)
    os.close(handle)
    if not ended:
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return "hung" if not ended else signal.Signals(-code).name if code < 0 else str(code)


def free_memory(most: int) -> None:
    """Kill the largest process when all of them hold more than `most` bytes."""
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and int(entry) > os.getpid()]
    if sum(held(pid, "status", ("RssAnon:", "RssShmem:")) for pid in pids) <= most:
        return
    shares = {pid: held(pid, "smaps_rollup", ("Pss:",)) for pid in pids}  # shared pages count once
    if sum(shares.values()) > most:
        with contextlib.suppress(OSError):
            os.kill(max(shares, key=lambda pid: shares[pid]), signal.SIGKILL)


def held(pid: int, file: str, names: tuple[str, ...]) -> int:
    """The sum of these rows of a process's file in /proc, in bytes."""
    try:
        with open(f"/proc/{pid}/{file}", encoding="utf-8", errors="replace") as rows:
            return 1024 * sum(int(row.split()[1]) for row in rows if row.startswith(names))
    except (OSError, ValueError):
        return 0


def fingerprints(assignment: str) -> dict[str, str]:
    """Of all that is no business of the students who are marked."""
    return {"gradebook": gradebook_print(assignment), **{name: folder_print(Path(name)) for name in KEPT}}


def gradebook_print(assignment: str) -> str:
    """A hash of what the gradebook holds of the assignment, and of the student who was marked before."""
    held = hashlib.sha256()
    try:
        with contextlib.closing(sqlite3.connect("gradebook.db", timeout=5)) as db:
            for table in DEFINITIONS:
                for row in db.execute(f"select * from {table} order by id"):
                    held.update(repr(row).encode())
            for row in db.execute(SCORES + " order by c.name", ("other",)):
                held.update(repr(row).encode())
    except sqlite3.Error as error:
        return f"unreadable: {error}"
    return held.hexdigest()


def folder_print(folder: Path) -> str:
    """A hash of names and contents."""
    held = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        held.update(str(path).encode())
        with contextlib.suppress(OSError):
            if path.is_file() and not path.is_symlink() and path.stat().st_size < MOST:
                held.update(path.read_bytes())
    return held.hexdigest()


def student(name: str, assignment: str, notebook: str) -> dict[str, Any]:
    """The scores in the gradebook by cell, the autograded notebook and the feedback page (None where there is none)."""
    try:
        with contextlib.closing(sqlite3.connect("gradebook.db", timeout=5)) as db:
            scores = {str(cell): float(score) for cell, score in db.execute(SCORES, (name,))}
    except (sqlite3.Error, TypeError, ValueError):
        scores = {}
    return {
        "scores": scores,
        "autograded": read(Path("autograded", name, assignment, f"{notebook}.ipynb")),
        "page": read(Path("feedback", name, assignment, f"{notebook}.html")),
    }


def read(path: Path) -> str | None:
    """A text of at most MOST characters; what is no plain file is not read."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read(MOST)
    except OSError:
        return None


if __name__ == "__main__":
    main()
