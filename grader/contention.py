"""Whether a time-out was the student's or the machine's: a program that got too little of a busy machine is run again.

Owns the decision, a pure function, and what it is made from: how long programs of this machine stood waiting for a
core (/proc/pressure/cpu, where the kernel counts it), how many wanted to run, and the job's own CPU time if known.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.capacity import usable_cores
from grader.exposure import NOT_RUN, TIMEOUT_ERROR
from grader.results import MarkingResult
from grader.sandbox.base import Ending

PRESSURE = Path("/proc/pressure/cpu")
#: a program that got this much of its time on a core was slow by itself
ITS_OWN = 0.8
#: somebody stood waiting for a core during this share of the time
CROWDED = 0.3
#: programs that wanted to run, for each core
OVERLOADED = 1.5


@dataclass(frozen=True)
class Conditions:
    """What a job ran under. Shares are of its `wall` seconds; None where the machine doesn't tell."""

    wall: float
    cpu: float | None = None
    stalled: float | None = None
    load_per_core: float | None = None


def deserves_another_try(timed_out: bool, conditions: Conditions) -> bool:
    """Whether a job that ran out of time is to be run again, alone, before that counts."""
    if not timed_out or conditions.wall <= 0:
        return False
    if conditions.cpu is not None and conditions.cpu >= ITS_OWN * conditions.wall:
        return False
    if conditions.stalled is not None:
        return conditions.stalled >= CROWDED
    return conditions.load_per_core is not None and conditions.load_per_core >= OVERLOADED


def timed_out(result: MarkingResult) -> bool:
    """Whether a cell, or a whole notebook, ran out of time."""
    return any(
        _is_timeout(output)
        for notebook in result.notebooks
        if notebook.executed is not None
        for cell in notebook.executed.cells
        for output in cell.get("outputs", ())
    )


def _is_timeout(output: Any) -> bool:
    if output.get("output_type") != "error":
        return False
    name, trace = output.get("ename"), output.get("traceback") or [""]
    return name == TIMEOUT_ERROR or (name == NOT_RUN and f"({Ending.TIMEOUT.value})" in trace[-1])


def watch(tick: Callable[[], float] = time.monotonic) -> Callable[[], Conditions]:
    """Begin to look; the function that is returned says what the machine was like since."""
    began, stalled = tick(), _stalled_seconds()

    def conditions() -> Conditions:
        wall, now = tick() - began, _stalled_seconds()
        share = (now - stalled) / wall if now is not None and stalled is not None and wall > 0 else None
        return Conditions(wall=wall, stalled=share, load_per_core=os.getloadavg()[0] / max(1.0, usable_cores()))

    return conditions


def _stalled_seconds() -> float | None:
    """Seconds since the machine's start in which some program stood waiting for a core; None where nobody counts."""
    with suppress(OSError, ValueError, IndexError):
        some = PRESSURE.read_text().splitlines()[0]
        return int(some.rpartition("total=")[2]) / 1_000_000
    return None
