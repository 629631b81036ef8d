"""How much the processes on a device compute, by the kernel's own account of CPU time.

Owns a second witness for devices whose work no driver measures (MIG before Hopper): who drives a GPU also spends CPU
time, while a notebook that merely keeps its memory spends next to none. Refuses to guess: a process that wasn't there
at the settled look, or can't be read, makes the answer None.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

#: inode of the machine's own process id namespace (PROC_PID_INIT_INO in Linux's include/linux/proc_ns.h)
MACHINES_OWN = "pid:[4026531836]"


def sees_every_process(proc: Path = Path("/proc")) -> bool:
    """Whether this process shares the machine's process ids, rather than a container's."""
    try:
        return os.readlink(proc / "self" / "ns" / "pid") == MACHINES_OWN
    except OSError:
        return False


class ProcessTimes:
    """CPU seconds of processes, between a settled look and now. `clock` counts seconds and never goes back."""

    def __init__(self, clock: Callable[[], float], proc: Path = Path("/proc")) -> None:
        self._clock = clock
        self._proc = proc
        self._settled: dict[int, tuple[str, float, float]] = {}
        self._now: dict[int, tuple[str, float, float]] = {}

    def share(self, pids: Iterable[int]) -> float | None:
        """CPU seconds a second that `pids` spent together; None where one of them can't be told."""
        total = 0.0
        for pid in pids:
            now = self._read(pid)
            before = self._settled.get(pid)
            if now is not None:
                self._now[pid] = now
            if now is None or before is None or before[0] != now[0] or now[2] <= before[2]:
                return None
            total += (now[1] - before[1]) / (now[2] - before[2])
        return total

    def settle(self) -> None:
        """Make the last look the one that shares count from."""
        self._settled, self._now = self._now, {}

    def _read(self, pid: int) -> tuple[str, float, float] | None:
        """When the process began, the CPU seconds it has spent, and the time now."""
        try:
            fields = (self._proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        ticks = int(fields[11]) + int(fields[12])
        return fields[19], ticks / os.sysconf("SC_CLK_TCK"), self._clock()
