"""A deadline: 200 students hand in within ten seconds. How long until everybody has feedback, and is anything lost?

Submissions go straight into the campus's database and storage, as the portal's route puts them there; the workers are
those that `bitgoeul up` starts.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.queue import opened
from bench.report import Result

STUDENTS = 200
WITHIN = 10.0
WARM_UP = 4


def measure() -> list[Result]:
    """Seconds from the first submission until the last one has feedback, and how many have none."""
    with (
        tempfile.TemporaryDirectory(prefix="bitgoeul-bench-") as name,
        opened(Path(name) / "campus", STUDENTS) as queue,
    ):
        queue.start_workers()
        for number in range(WARM_UP):
            queue.submit(number, marker=1)
        queue.wait_for_feedback(WARM_UP)
        began = time.perf_counter()
        for number in range(STUDENTS):
            time.sleep(max(0.0, began + number * WITHIN / STUDENTS - time.perf_counter()))
            queue.submit(number, marker=2)
        handed_in = time.perf_counter() - began
        queue.wait_for_feedback(STUDENTS + WARM_UP)
        seconds = time.perf_counter() - began
        queue.require_full_marks()
        lost = STUDENTS + WARM_UP - queue.feedback()
    return [
        Result(f"{STUDENTS} submissions, first to last handed in", handed_in, "s"),
        Result(f"{STUDENTS} submissions, first handed in to last feedback", seconds, "s"),
        Result("submissions without feedback", lost, "submissions"),
    ]
