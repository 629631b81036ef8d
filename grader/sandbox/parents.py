"""The worker's warm parents: one for each set of imports, started when first asked for, and anew when it dies.

Owns the processes and how many there are: the one that was not needed for longest makes room, never while it has jobs.
Safe for several threads. Refuses to hand out a parent that did not come up, with the step that failed.
"""

from __future__ import annotations

import logging
import os
import resource
import select
import socket
import subprocess
import sys
import tempfile
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from grader.sandbox import control, parcel
from grader.sandbox.launch import KILL_AFTER, PACKAGE_ROOT
from grader.sandbox.warm_files import PLOTTING, put_font_list
from grader.sandbox.watching import held_by_tree

log = logging.getLogger(__name__)

START = "import sys; sys.path.insert(0, sys.argv[1]); from grader.sandbox.warm_parent import main; main()"
START_ALLOWANCE = 180.0  # seconds that imports may take on a busy machine
MOST_PARENTS = 3
MOST_OPEN = 1 << 16
REQUEST_SIZE = 1 << 16


class ParentFailed(Exception):
    """A warm parent could not be set up; the message names the step."""


class WarmParent:
    """The worker's end of one warm parent."""

    def __init__(self, imports: Sequence[str], spec: dict[str, Any]) -> None:
        self.users = 0
        self.imports = tuple(imports)
        self._lock = Lock()
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        raise_open_files()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", START, str(PACKAGE_ROOT)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            )
        try:
            self._set_up(spec)
        except BaseException:
            self.close()
            raise
        self.shared = held_by_tree(self.process.pid, 0)

    def _set_up(self, spec: dict[str, Any]) -> None:
        message = {**spec, "imports": self.imports, "package_root": str(PACKAGE_ROOT)}
        home = self._pack_home()
        try:
            control.send_with(self.channel, message, home)
        finally:
            for handle in home:
                os.close(handle)
        poll = select.poll()
        poll.register(self.channel, select.POLLIN)
        if not poll.poll(START_ALLOWANCE * 1000):
            raise ParentFailed(f"imports: not done after {START_ALLOWANCE:.0f} seconds")
        try:
            answer, _ = control.receive_with(self.channel)
        except control.ChannelClosed:
            raise ParentFailed("it ended while it was set up") from None
        if "failed" in answer:
            raise ParentFailed(str(answer["failed"]))
        if answer["missing"]:
            log.warning("Not importable here, left to the jobs: %s", ", ".join(answer["missing"]))
        if answer["threads"] != 1:
            log.warning("Imports of %s left %d threads running", ", ".join(self.imports), answer["threads"] - 1)

    def _pack_home(self) -> list[int]:
        if not any(word in name for name in self.imports for word in PLOTTING):
            return []
        with tempfile.TemporaryDirectory(prefix="bitgoeul-") as home:
            put_font_list(Path(home))
            return [parcel.pack(Path(home))]

    def start_job(self, request: dict[str, Any], descriptors: list[int]) -> None:
        """Ask for a fork. Raises ChannelClosed when the parent is gone."""
        with self._lock:
            control.send_with(self.channel, request, descriptors)

    def alive(self) -> bool:
        """Whether it still listens."""
        if self.process.poll() is not None:
            return False
        poll = select.poll()
        poll.register(self.channel, select.POLLIN)
        return not poll.poll(0)  # it never speaks after its set-up: news can only be its end

    def close(self) -> None:
        """End it, and with it all its jobs."""
        self.channel.close()
        try:
            self.process.wait(KILL_AFTER)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def raise_open_files() -> None:
    """Let this process, and the warm parents, open more than a job's code may.

    So that code can't keep others from passing descriptors: see `inside`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN if hard == resource.RLIM_INFINITY else min(MOST_OPEN, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Parents:
    """At most `most` warm parents that have nothing to do, and those that have."""

    def __init__(self, build_spec: Callable[[], dict[str, Any]], most: int = MOST_PARENTS) -> None:
        self._build_spec = build_spec
        self._most = most
        self._lock = Lock()
        self._starting: dict[frozenset[str], Lock] = {}
        self._parents: OrderedDict[frozenset[str], WarmParent] = OrderedDict()
        weakref.finalize(self, _close_all, self._parents)

    def take(self, imports: frozenset[str]) -> WarmParent:
        """A living parent, marked as in use until `give_back`."""
        with self._lock:
            starting = self._starting.setdefault(imports, Lock())
        with starting:
            with self._lock:
                parent = self._parents.get(imports)
                if parent is not None and parent.alive():
                    parent.users += 1
                    self._parents.move_to_end(imports)
                    return parent
                if parent is not None:
                    del self._parents[imports]
                    log.warning("The warm interpreter with %s is gone; starting another", ", ".join(parent.imports))
            if parent is not None:
                parent.close()
            parent = WarmParent(sorted(imports), self._build_spec())
            parent.users = 1
            with self._lock:
                self._parents[imports] = parent
        self._make_room()
        return parent

    def give_back(self, parent: WarmParent) -> None:
        """The caller's job is over."""
        with self._lock:
            parent.users -= 1
        self._make_room()

    def all(self) -> list[WarmParent]:
        """Those that are up, the longest unused first."""
        with self._lock:
            return list(self._parents.values())

    def close(self) -> None:
        """End all of them, with their jobs."""
        with self._lock:
            parents = OrderedDict(self._parents)
            self._parents.clear()
        _close_all(parents)

    def _make_room(self) -> None:
        with self._lock:
            idle = [key for key, parent in self._parents.items() if parent.users == 0]
            spare = [self._parents.pop(key) for key in idle[: max(0, len(self._parents) - self._most)]]
        for parent in spare:
            parent.close()


def _close_all(parents: OrderedDict[frozenset[str], WarmParent]) -> None:
    while parents:
        parents.popitem()[1].close()
