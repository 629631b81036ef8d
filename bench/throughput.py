"""How many submissions a minute: stored to feedback ready, against nbgrader's own ways, in one run.

Ours: the workers that `bitgoeul up` would start on this machine, warm; tests in an interpreter of their own, gradebook
and feedback written. Both peers mark the same notebooks and make no feedback.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path

from bench.coursework import build_course
from bench.peers import sequential, warm_workers
from bench.queue import opened
from bench.report import Result

SUBMISSIONS = 200
WARM_UP = 4


def measure() -> list[Result]:
    """The median of ours before, between and after the two peers; everybody marks the same submissions."""
    with tempfile.TemporaryDirectory(prefix="bitgoeul-bench-") as name:
        folder = Path(name)
        released = build_course(folder / "stock")
        shutil.copytree(folder / "stock", folder / "warm")
        before = per_minute(folder / "before")
        one_by_one = sequential(folder / "stock", released, SUBMISSIONS)
        between = per_minute(folder / "between")
        warm = warm_workers(folder / "warm", released, SUBMISSIONS, 2)
        after = per_minute(folder / "after")
    name = f"numpy/pandas notebook, {SUBMISSIONS} submissions"
    ours, unit = statistics.median((before, between, after)), "submissions/min"
    return [
        Result(name, ours, unit, "nbgrader autograde, sequential", one_by_one),
        Result(name, ours, unit, "2 warm processes over nbgrader's API", warm),
    ]


def per_minute(folder: Path) -> float:
    with opened(folder, SUBMISSIONS) as queue:
        queue.hold_back(SUBMISSIONS, WARM_UP)
        began = time.perf_counter()
        queue.go_on()
        queue.wait_for_feedback(WARM_UP + SUBMISSIONS, every=0.1)  # looking takes time from what is measured
        seconds = time.perf_counter() - began
        queue.require_full_marks()
    return 60 * SUBMISSIONS / seconds
