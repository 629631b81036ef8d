"""How long people wait for a start: the campus with and without its data, a student's lab."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from bench.people import Campus, Lab, free_port
from bench.report import Result

ROUNDS = 3


def measure() -> list[Result]:
    """A new data folder, the same again, and labs of three students one after the other. Medians."""
    with tempfile.TemporaryDirectory(prefix="bitgoeul-bench-") as folder:
        campus = Campus(Path(folder) / "campus", free_port())
        try:
            first = campus.start()
            campus.stop()
            again = []
            for _ in range(ROUNDS):
                again.append(campus.start())
                if len(again) < ROUNDS:
                    campus.stop()
            labs = [lab_seconds(campus, name) for name in ("minji", "dohyun", "seoyeon")]
        finally:
            campus.stop()
    return [
        Result("campus open, new data folder", first, "s"),
        Result(f"campus open, data there, median of {ROUNDS}", statistics.median(again), "s"),
        Result(f"lab ready after the click, median of {len(labs)}", statistics.median(labs), "s"),
    ]


def lab_seconds(campus: Campus, username: str) -> float:
    person = campus.sign_in(username)
    began = time.perf_counter()
    Lab(person).start()
    return time.perf_counter() - began
