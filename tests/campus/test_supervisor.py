"""The process tree: starts, restarts, stops, and leaves nothing behind. Real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import wait_for

from portal.supervisor import Program, StartError, Supervisor


def alive(pid: int) -> bool:
    """Whether `pid` runs; one that ended and was not collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def program(folder: Path, code: str, name: str = "worker", ready: Callable[[], bool] | None = None) -> Program:
    command = (sys.executable, "-c", textwrap.dedent(code))
    return Program(name, command, {"PATH": os.environ["PATH"]}, folder, ready=ready, stop_seconds=2)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    said: list[str] = []
    supervisor = Supervisor(tmp_path / "logs", report=said.append)
    yield supervisor
    supervisor.stop()


SLEEP = "import time; time.sleep(600)"


def test_a_program_that_dies_is_started_again(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(program(tmp_path, SLEEP))
    first = supervisor.pids()["worker"]
    watching = threading.Thread(target=supervisor.watch)
    watching.start()
    os.kill(first, signal.SIGKILL)
    wait_for("the worker's return", lambda: supervisor.pids().get("worker", first) != first)
    supervisor.request_stop()
    watching.join(5)
    assert not watching.is_alive()


def test_stop_ends_a_program_that_ignores_the_request(supervisor: Supervisor, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = f"""
        import pathlib, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pathlib.Path({str(ready)!r}).touch()
        time.sleep(600)
    """
    supervisor.start(program(tmp_path, code, ready=ready.exists))
    supervisor.wait_ready("worker", 15)
    pid = supervisor.pids()["worker"]
    supervisor.stop()
    assert not alive(pid)


def test_stop_ends_grandchildren_whose_parent_was_killed(tmp_path: Path) -> None:
    """In a process of its own: adopting orphans is a property of the whole process."""
    note = tmp_path / "grandchild"
    script = f"""
        import os, pathlib, signal, sys, time
        from portal.supervisor import Program, Supervisor
        child = '''
        import pathlib, subprocess, sys, time
        grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
        path = pathlib.Path({str(note)!r})
        path.with_suffix(".new").write_text(str(grandchild.pid)); path.with_suffix(".new").rename(path)
        time.sleep(600)
        '''
        import textwrap
        supervisor = Supervisor(pathlib.Path({str(tmp_path / "logs")!r}), adopt=True)
        path = pathlib.Path({str(note)!r})
        supervisor.start(Program("parent", (sys.executable, "-c", textwrap.dedent(child)), dict(os.environ),
                                 path.parent, ready=path.exists))
        supervisor.wait_ready("parent", 30)
        os.kill(supervisor.pids()["parent"], signal.SIGKILL)
        supervisor.stop()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=60)
    assert not alive(int(note.read_text()))


def test_programs_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"""
        import os, pathlib, sys
        from portal.supervisor import Program, Supervisor
        supervisor = Supervisor(pathlib.Path({str(tmp_path / "logs")!r}))
        supervisor.start(Program("child", (sys.executable, "-c", "import time; time.sleep(600)"), dict(os.environ),
                                 pathlib.Path({str(tmp_path)!r})))
        note = pathlib.Path({str(note)!r})
        note.with_suffix(".new").write_text(str(supervisor.pids()["child"])); note.with_suffix(".new").rename(note)
        supervisor.watch()
    """
    outer = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)])
    wait_for("the child's note", note.exists)
    child = int(note.read_text())
    assert alive(child)
    outer.kill()
    outer.wait()
    wait_for("the child's end", lambda: not alive(child))


def test_a_program_that_fails_to_start_is_named_with_its_last_words(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(program(tmp_path, "raise SystemExit('the disk is full')", name="hub", ready=lambda: False))
    with pytest.raises(StartError, match=r"(?s)The hub stopped with status 1.*the disk is full"):
        supervisor.wait_ready("hub", 15)


def test_a_program_that_never_answers_is_given_up(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start(program(tmp_path, SLEEP, name="portal", ready=lambda: False))
    with pytest.raises(StartError, match="did not answer within"):
        supervisor.wait_ready("portal", 0.3)
