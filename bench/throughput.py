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
ROUNDS = 3
SAMPLE = 24
WARM_UP = 4


def measure() -> list[Result]:
    """Medians of ROUNDS; peers mark SAMPLE submissions a round, since their speed does not depend on how many."""
    ours, one_by_one, warm = [], [], []
    with tempfile.TemporaryDirectory(prefix="bitgoeul-bench-") as name:
        folder = Path(name)
        released = build_course(folder / "stock")
        for number in range(ROUNDS):
            for kind in ("sequential", "warm"):
                shutil.copytree(folder / "stock", folder / f"{kind}{number}")
            one_by_one.append(sequential(folder / f"sequential{number}", released, SAMPLE))
            warm.append(warm_workers(folder / f"warm{number}", released, SAMPLE, 2))
            ours.append(per_minute(folder / f"campus{number}"))
    name = f"numpy/pandas notebook, {SUBMISSIONS} submissions"
    mine = statistics.median(ours)
    unit = "submissions/min"
    return [
        Result(name, mine, unit, "nbgrader autograde, sequential", statistics.median(one_by_one)),
        Result(name, mine, unit, "2 warm processes over nbgrader's API", statistics.median(warm)),
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
