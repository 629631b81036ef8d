"""How many jobs a worker takes at once, and who has a place: by cores and memory, with room to run one alone.

Owns the places of one worker process. What other processes of the machine do is not its to say.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from grader.sandbox.base import Cancelled, Limits

CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")
LOOK_EVERY = 0.2


def places_for(cores: float, memory: int, each: int, workers: int = 1) -> int:
    """How many jobs one of `workers` workers takes at once: two more than cores, no more than fit into `memory` bytes.

    Two more, because jobs wait for the disk and for the database a good part of their time. `each` is what one job may
    hold. Never less than one: a machine that is too small still marks, slowly.
    """
    together = min(int(cores) + 2, memory // each)
    return max(1, together // max(1, workers))


def machine_places(workers: int = 1) -> int:
    """`places_for` this machine."""
    return places_for(usable_cores(), free_memory(), Limits().memory, workers)


def usable_cores(cgroup: Path = CGROUP) -> float:
    """Cores that this process may use: its affinity, and its control group's quota where there is one."""
    cores = float(len(os.sched_getaffinity(0)))
    with suppress(OSError, ValueError):
        quota, period = (cgroup / "cpu.max").read_text().split()
        cores = min(cores, int(quota) / int(period)) if quota != "max" else cores
    return cores


def free_memory(meminfo: Path = MEMINFO, cgroup: Path = CGROUP) -> int:
    """Bytes that can still be taken without swapping: the machine's, and what the control group leaves."""
    lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
    free = int(lines["MemAvailable"].split()[0]) * 1024
    with suppress(OSError, ValueError):
        limit, used = (int((cgroup / name).read_text()) for name in ("memory.max", "memory.current"))
        free = min(free, limit - used)
    return max(0, free)


class Places:
    """The places of one worker. A job that must run alone waits for the others, and nobody comes in meanwhile."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._taken = 0
        self._alone = False
        self._want_alone = 0
        self._changed = threading.Condition()

    def take(self, seconds: float) -> bool:
        """Take a place, waiting for one up to `seconds`; False when there was none."""

        def is_free() -> bool:
            return self._taken < self.number and not self._alone and not self._want_alone

        with self._changed:
            if not self._changed.wait_for(is_free, seconds):
                return False
            self._taken += 1
            return True

    def take_more(self, further: int) -> None:
        """For who has a place: take `further` ones at once, be they free or not; nobody comes in before all fit."""
        with self._changed:
            self._taken += further

    def give_back(self, number: int = 1) -> None:
        with self._changed:
            self._taken -= number
            self._changed.notify_all()

    def idle(self, seconds: float) -> bool:
        """Wait up to `seconds` until no place is taken, or one becomes free; whether none is taken."""
        with self._changed:
            if self._taken:
                self._changed.wait(seconds)
            return not self._taken

    @contextmanager
    def alone(self, cancel: threading.Event, having: int = 1) -> Iterator[None]:
        """For who has places: have all of them, until the block ends. Raises Cancelled when `cancel` is set first."""
        with self._changed:
            self._taken -= having
            self._want_alone += 1
            self._changed.notify_all()
            try:
                while self._taken or self._alone:
                    if cancel.is_set():
                        raise Cancelled("told to stop while waiting for the machine")
                    self._changed.wait(LOOK_EVERY)
                self._alone = True
            finally:
                self._want_alone -= 1
                self._taken += having
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
