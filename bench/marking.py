"""Throughput of marking: `bitgoeul autograde` against `nbgrader autograde`, one after the other, same submissions."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.report import Result

CONTENT = Path(__file__).resolve().parents[1] / "courses" / "content" / "job-conversion" / "python-data"
ASSIGNMENT = "cafe-sales"
SUBMISSIONS = 12


def measure() -> list[Result]:
    """Submissions a minute, commands timed whole, both on copies of one course folder."""
    with tempfile.TemporaryDirectory(prefix="bitgoeul-bench-") as folder:
        stock, ours = Path(folder) / "stock", Path(folder) / "ours"
        build_course(stock)
        shutil.copytree(stock, ours)
        theirs_seconds = timed(stock, [sys.executable, "-m", "nbgrader", "autograde", ASSIGNMENT])
        ours_seconds = timed(ours, [sys.executable, "-m", "portal.cli", "autograde", ASSIGNMENT])
    return [
        Result(
            f"pandas notebook, {SUBMISSIONS} submissions",
            60 * SUBMISSIONS / ours_seconds,
            "submissions/min",
            "nbgrader autograde",
            60 * SUBMISSIONS / theirs_seconds,
        )
    ]


def build_course(folder: Path) -> None:
    """A course folder with SUBMISSIONS students who all handed in the reference solution."""
    shutil.copytree(CONTENT / "source" / ASSIGNMENT, folder / "source" / ASSIGNMENT)
    timed(folder, [sys.executable, "-m", "nbgrader", "generate_assignment", ASSIGNMENT])
    for number in range(SUBMISSIONS):
        shutil.copytree(folder / "source" / ASSIGNMENT, folder / "submitted" / f"student{number:03}" / ASSIGNMENT)


def timed(folder: Path, command: list[str]) -> float:
    """Seconds of wall time that `command` takes in `folder`."""
    environment = {
        **os.environ,
        "HOME": str(folder.parent),
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
    }
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began
