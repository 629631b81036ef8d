"""How long a student waits: from pressing submit to feedback, on an idle campus, through proxy, portal and grader."""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.marking import CONTENT, timed
from bench.people import Campus, Person, bundle, free_port, hand_in, wait_for
from bench.report import Result

ASSIGNMENT = "first-steps"
ROUNDS = 40


def measure() -> list[Result]:
    """Of ROUNDS submissions, one after the other; the peer runs `nbgrader autograde` and `generate_feedback`."""
    with tempfile.TemporaryDirectory(prefix="bitgoeul-bench-") as folder:
        theirs = statistics.median(stock_seconds(Path(folder) / f"stock{number}") for number in range(3))
        campus = Campus(Path(folder) / "campus", free_port())
        try:
            campus.start()
            ours = campus_seconds(campus)
        finally:
            campus.stop()
    peer = "nbgrader autograde + generate_feedback"
    return [
        Result("submit to feedback, median", statistics.median(ours), "s", peer, theirs),
        Result("submit to feedback, 95th percentile", statistics.quantiles(ours, n=20)[-1], "s", peer, theirs),
        Result("submit to feedback, worst", max(ours), "s", peer, theirs),
        Result("submit to feedback, the first since the start", ours[0], "s", peer, theirs),
    ]


def campus_seconds(campus: Campus) -> list[float]:
    instructor, student = campus.sign_in("prof-lee"), campus.sign_in("minji")
    offerings = [row["id"] for row in instructor.api("GET", "/me/offerings").json()]
    (course,) = [offering for offering in offerings if offering.endswith("python-data")]
    instructor.api("POST", f"/offerings/{course}/assignments/{ASSIGNMENT}/release").raise_for_status()
    bodies = [bundle(student, course, ASSIGNMENT, number) for number in range(ROUNDS)]
    return [seconds_to_feedback(student, course, body) for body in bodies]


def seconds_to_feedback(student: Person, course: str, body: bytes) -> float:
    began = time.perf_counter()
    receipt = hand_in(student, course, ASSIGNMENT, body)

    def visible() -> bool:
        listed = student.api("GET", f"/me/offerings/{course}/assignments/{ASSIGNMENT}").json()["attempts"]
        return any(attempt["number"] == receipt["attempt"] and attempt["has_feedback"] for attempt in listed)

    wait_for("the feedback", visible, 120, every=0.02)
    return time.perf_counter() - began


def stock_seconds(folder: Path) -> float:
    shutil.copytree(CONTENT / "source" / ASSIGNMENT, folder / "source" / ASSIGNMENT)
    nbgrader = [sys.executable, "-m", "nbgrader"]
    timed(folder, [*nbgrader, "generate_assignment", ASSIGNMENT])
    shutil.copytree(folder / "source" / ASSIGNMENT, folder / "submitted" / "student" / ASSIGNMENT)
    return sum(timed(folder, [*nbgrader, command, ASSIGNMENT]) for command in ("autograde", "generate_feedback"))
