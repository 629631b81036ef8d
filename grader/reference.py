"""The reference solution, marked both ways: what each test cell is worth as evidence.

Owns the strengths. Runs the instructor's own notebook in one interpreter and apart; a test that comes out the same is
strong (or weak, where a comparison has to run the student's code), any other has to be shared, with the probes that the
reference solution answers as honest code does.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from grader.aside import Surroundings
from grader.conducting import Conducted
from grader.guarding import Guard
from grader.judge.plan import PlannedCell, Role
from grader.probes import failed
from grader.running import Run
from grader.sandbox.base import Limits, Sandbox
from grader.source import SourceNotebook
from grader.strength import CellProfile, Strength

SEED = 20260302  # probes need no secret where the code is the instructor's own


@dataclass(frozen=True)
class Reference:
    """What the reference solution's runs showed: by grade id a profile, and how each test ended, alone and apart."""

    profile: Mapping[str, CellProfile]
    alone: Mapping[str, str]
    apart: Mapping[str, str]


def reference_run(
    nb: Any,
    source: SourceNotebook,
    sandbox: Sandbox,
    limits: Limits,
    files: Path | None,
    given: Path | None = None,
    cancel: Event | None = None,
) -> Reference:
    """Run the instructor's notebook `nb` (nbformat 4, sanitized against `source`) both ways."""
    run = Run.of(copy.deepcopy(nb), source, sandbox, limits, files, given, cancel)
    cells = run.cells
    guard = Guard(source.name, None, random.Random(SEED), Surroundings.of(cells, source.reference))
    alone = run.conductor.guarded(cells, guard.step)
    plan = run.plan(cells)
    first = run.conductor.apart(cells, plan, {}, reference=True)
    seen = {name: CellProfile(_first_look(first, cell), _evidence(first, cell)) for name, cell in _tests(cells).items()}
    again = run.conductor.apart(cells, plan, seen)
    profile = {}
    for name, cell in _tests(cells).items():
        same = _outcome(alone, cell) == _outcome(first, cell) == _outcome(again, cell)
        faultless = not any(_evidence(done, cell).get("faults") for done in (first, again))
        strength = seen[name].strength if same and faultless else Strength.SHARED
        answered, shown = guard.answered.get(name, frozenset()), guard.shown.get(name)
        profile[name] = CellProfile(strength, seen[name].evidence, answered, shown)
    ends = ({name: _outcome(done, cell) for name, cell in _tests(cells).items()} for done in (alone, again))
    return Reference(profile, *ends)


def _tests(cells: Sequence[PlannedCell]) -> dict[str, PlannedCell]:
    return {cell.name: cell for cell in cells if cell.role is Role.TEST and cell.name}


def _evidence(done: Conducted, cell: PlannedCell) -> Mapping[str, Any]:
    run = done.cells.get(cell.index)
    return run.evidence if run is not None else {}


def _first_look(done: Conducted, cell: PlannedCell) -> Strength:
    return Strength.WEAK if _evidence(done, cell).get("weak") else Strength.STRONG


def _outcome(done: Conducted, cell: PlannedCell) -> str:
    """What decides the cell's points: an error, words on stderr, the value it ends in."""
    run = done.cells.get(cell.index)
    if run is None:
        return "not run"
    if failed(run.outputs):
        return "failed"
    if any(output["output_type"] == "stream" and output["name"] == "stderr" for output in run.outputs):
        return "stderr"
    values = [output["data"].get("text/plain") for output in run.outputs if output["output_type"] == "execute_result"]
    return f"value {values[-1]}" if values else "passed"
