"""The other ways to mark: `nbgrader autograde` one after the other, and warm processes over nbgrader's own API."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.coursework import ASSIGNMENT, environment, student, submit_stock

WARM = """
import logging, os, sys
logging.disable(logging.CRITICAL)
from traitlets.config import Config
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
config = Config()
config.CourseDirectory.root = os.getcwd()
api = NbGraderAPI(CourseDirectory(config=config), config=config)
names = sys.argv[1:]
result = api.autograde("numbers", names[0])
print("warm", result["success"], flush=True)
sys.stdin.readline()
for name in names[1:]:
    result = api.autograde("numbers", name)
    assert result["success"], result
print("done", flush=True)
"""


def sequential(folder: Path, released: dict[str, Any], count: int) -> float:
    """Submissions a minute of one `nbgrader autograde` over `count` submissions, its start included."""
    submit_stock(folder, released, range(count))
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "nbgrader", "autograde", ASSIGNMENT],
        cwd=folder,
        env=environment(folder),
        check=True,
        capture_output=True,
    )
    return 60 * count / (time.perf_counter() - began)


def warm_workers(folder: Path, released: dict[str, Any], count: int, workers: int) -> float:
    """Submissions a minute of `workers` processes that have marked one each already, over `count` more."""
    submit_stock(folder, released, range(count + workers))
    names = [student(number) for number in range(count + workers)]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WARM, *names[number::workers]],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for number in range(workers)
    ]
    try:
        for process in started:
            _expect(process, "warm True")
        began = time.perf_counter()
        for process in started:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        for process in started:
            _expect(process, "done")
        return 60 * count / (time.perf_counter() - began)
    finally:
        for process in started:
            process.kill()
            process.wait()


def _expect(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    said = process.stdout.readline().strip()
    if said != line:
        raise RuntimeError(f"a warm nbgrader worker said {said!r} instead of {line!r}")
