"""Ten thousand jobs on one worker: does it grow? Memory, processes, mounts, descriptors and files, before and after.

`BITGOEUL_BENCH_JOBS` sets how many.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from bench.queue import Queue, opened
from bench.report import Result

JOBS = int(os.environ.get("BITGOEUL_BENCH_JOBS", "10000"))
SETTLED = 200
BATCH = 500
STUDENTS = 50


def measure() -> list[Result]:
    """After SETTLED jobs, and after JOBS more. The difference is what one would see grow."""
    with (
        tempfile.TemporaryDirectory(prefix="bitgoeul-bench-") as name,
        opened(Path(name) / "campus", STUDENTS) as queue,
    ):
        queue.start_workers()
        done = run(queue, 0, SETTLED)
        before = look(queue)
        while done < SETTLED + JOBS:
            done = run(queue, done, min(BATCH, SETTLED + JOBS - done))
        after = look(queue)
        queue.require_full_marks()
    return [Result(f"{what} after {JOBS} more jobs", after[what], unit, "before", before[what]) for what, unit in UNITS]


UNITS = (
    ("memory of worker and warm interpreters", "MiB"),
    ("processes", "processes"),
    ("mounts", "mounts"),
    ("open descriptors of the worker", "descriptors"),
    ("files in the worker's temporary folder", "files"),
)


def run(queue: Queue, done: int, count: int) -> int:
    """Hand in and wait for `count` more."""
    for number in range(done, done + count):
        queue.submit(number % STUDENTS, marker=number // STUDENTS)
    queue.wait_for_feedback(done + count, every=0.2)
    return done + count


def look(queue: Queue) -> dict[str, float]:
    """What the worker and everything below it holds now."""
    (worker,) = queue.workers
    tree = descendants(worker.pid)
    memory = sum(held(pid) for pid in tree) / 2**20
    folders = Path(tempfile.gettempdir()).glob(f"bitgoeul-{os.getuid()}/{worker.pid}-*")
    return {
        "memory of worker and warm interpreters": memory,
        "processes": len(tree),
        "mounts": len(Path("/proc", str(worker.pid), "mountinfo").read_text().splitlines()),
        "open descriptors of the worker": len(os.listdir(f"/proc/{worker.pid}/fd")),
        "files in the worker's temporary folder": sum(1 for folder in folders for _ in folder.rglob("*")),
    }


def descendants(pid: int) -> list[int]:
    """`pid` and all processes below it."""
    found = [pid]
    for thread in Path("/proc", str(pid), "task").iterdir():
        try:
            children = (thread / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            found += descendants(int(child))
    return found


def held(pid: int) -> int:
    """Bytes of its own that a process holds in memory."""
    try:
        lines = Path("/proc", str(pid), "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
