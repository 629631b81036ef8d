"""A tree of processes that starts together, is kept alive, and leaves nothing behind. Knows nothing of what they do.

Children die with the supervisor (PR_SET_PDEATHSIG). One that owns its whole process (`adopt`) also takes in
grandchildren whose parent died (PR_SET_CHILD_SUBREAPER, prctl(2)) and ends them with the rest. A child that dies is
started again, after a growing pause.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LOG_LIMIT = 20 * 1024 * 1024
STABLE_AFTER = 30.0
MAX_PAUSE = 30.0


class StartError(Exception):
    """A process did not come up; the message names it, its last words and its log."""


@dataclass(frozen=True)
class Program:
    """What to run: a name for people and logs, the command, its whole environment, and how to tell that it is up."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    ready: Callable[[], bool] | None = None
    stop_seconds: float = 15.0


@dataclass
class _Running:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 0.5
    start_again_at: float = 0.0
    restarts: int = 0


@dataclass
class Supervisor:
    """Starts programs in order, restarts what dies, stops all of them in reverse order.

    With `adopt`, `stop` ends every other child of this process too: only for a process that does nothing else.
    """

    logs: Path
    report: Callable[[str], None] = print
    adopt: bool = False
    _running: list[_Running] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        if self.adopt and sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def start(self, program: Program) -> None:
        """Start `program`; returns at once."""
        running = _Running(program)
        self._running.append(running)
        self._launch(running)

    def wait_ready(self, name: str, seconds: float) -> None:
        """Return when the program called `name` answers; raises StartError when it died or took too long."""
        running = next(item for item in self._running if item.program.name == name)
        deadline = time.monotonic() + seconds
        while not self._stopping.is_set():
            if running.program.ready is None or running.program.ready():
                return
            if running.process is not None and running.process.poll() is not None:
                raise StartError(self._last_words(running, f"stopped with status {running.process.returncode}"))
            if time.monotonic() > deadline:
                raise StartError(self._last_words(running, f"did not answer within {seconds:.0f} s"))
            time.sleep(0.1)

    def watch(self) -> None:
        """Keep every program alive until `stop` is asked for."""
        for beat in itertools.count():
            if self._stopping.wait(0.3):
                return
            for running in self._running:
                self._tend(running)
            if self.adopt and beat % 10 == 0:
                self._reap_adopted()

    def request_stop(self) -> None:
        """Make `watch` and `wait_ready` return; safe in a signal handler."""
        self._stopping.set()

    @property
    def stop_requested(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """End every program, last started first, then whatever descendants are left."""
        self._stopping.set()
        for running in reversed(self._running):
            self._end(running)
        if self.adopt:
            self._end_adopted()

    def pids(self) -> dict[str, int]:
        """Process ids of the programs that run, by name."""
        return {
            running.program.name: running.process.pid
            for running in self._running
            if running.process is not None and running.process.poll() is None
        }

    def log_path(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def _launch(self, running: _Running) -> None:
        program = running.program
        path = self.log_path(program.name)
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log:
            running.process = subprocess.Popen(
                program.command,
                env=dict(program.environment),
                cwd=program.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        running.started = time.monotonic()
        running.start_again_at = 0.0

    def _tend(self, running: _Running) -> None:
        process = running.process
        if process is None or process.poll() is None:
            return
        now = time.monotonic()
        if not running.start_again_at:
            if now - running.started > STABLE_AFTER:
                running.pause = 0.5
            running.start_again_at = now + running.pause
            running.pause = min(running.pause * 2, MAX_PAUSE)
            running.restarts += 1
            self.report(
                f"{running.program.name} stopped (status {process.returncode}); starting it again. "
                f"Its log: {self.log_path(running.program.name)}"
            )
        elif now >= running.start_again_at:
            self._launch(running)

    def _end(self, running: _Running) -> None:
        process = running.process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(running.program.stop_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _own(self) -> set[int]:
        return {running.process.pid for running in self._running if running.process is not None}

    def _reap_adopted(self) -> None:
        """Collect adopted processes that ended, without stealing the exit status of our own children."""
        own = self._own()
        for pid in children_of(os.getpid()):
            if pid not in own:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    continue

    def _end_adopted(self) -> None:
        deadline = time.monotonic() + 5
        while children := children_of(os.getpid()):
            force = time.monotonic() > deadline
            for pid in children:
                try:
                    os.kill(pid, signal.SIGKILL if force else signal.SIGTERM)
                except ProcessLookupError:
                    continue
            time.sleep(0.1)
            self._reap_adopted()
            if time.monotonic() > deadline + 5:
                self.report(f"these processes did not end: {', '.join(map(str, children_of(os.getpid())))}")
                return

    def _last_words(self, running: _Running, what: str) -> str:
        path = self.log_path(running.program.name)
        tail = path.read_text(errors="replace").splitlines()[-12:] if path.exists() else []
        return "\n".join([f"The {running.program.name} {what}. The end of {path}:", *(f"    {line}" for line in tail)])


def children_of(pid: int) -> list[int]:
    """Direct children of `pid`, ended ones that nobody collected included; empty where there is no /proc."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # pid (name) state ppid ...; the name may hold spaces and brackets
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue  # it ended while we looked
        if parent == pid:
            found.append(int(stat.parent.name))
    return found


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
