"""The worker's eye on a job's memory where no control group counts it: what its processes hold, seen from outside.

Owns the counting, and the pages that a fork shares with its warm parent, which are not the job's. It looks every so
often, so a job may hold more for a moment; each process alone is bounded by its address space all the time.
"""

from __future__ import annotations

from grader.sandbox.launch import children_of


def held_by_tree(root: int, shared: int) -> int:
    """Bytes that `root` and its descendants hold: their own pages and shared memory, less `shared` for each fork."""
    total = 0
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        waiting += children_of(pid)
        total += max(0, held_by(pid) - shared)
    return total


def held_by(pid: int) -> int:
    """Bytes that one process holds in memory; files of the disk don't count."""
    held = 0
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as handle:
            for line in handle:
                if line.startswith(("RssAnon:", "RssShmem:")):
                    held += int(line.split()[1]) * 1024
    except (OSError, ValueError):
        return 0
    return held


def pid_behind(handle: int) -> int:
    """The pid, as seen here, of the process that a pidfd stands for; 0 when it is gone."""
    with open(f"/proc/self/fdinfo/{handle}", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("Pid:"):
                return max(0, int(line.split()[1]))
    return 0
