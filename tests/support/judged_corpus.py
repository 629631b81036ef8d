"""Notebooks whose test cells are judged in both forms: our courses, their usual wrong answers, nbgrader's samples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbgrader
from judged import Judged, failure, planned, printed

NBGRADER = Path(nbgrader.__file__).parent
SAMPLES = (
    "docs/source/user_guide/source/ps1/problem1.ipynb",
    *(
        f"tests/apps/files/{name}.ipynb"
        for name in (
            "autotest-hashed-changed", "autotest-hidden-changed-right", "autotest-multi-changed",
            "autotest-simple-changed", "submitted-changed", "test-hidden-tests", "test-with-output", "test",
            "validating-environment-variable",
        )
    ),
)  # fmt: skip
Cells = list[tuple[str, str]]


def role_of(cell: Mapping[str, Any]) -> str:
    """How the trusted side takes a code cell."""
    meta = cell["metadata"].get("nbgrader", {})
    if meta.get("solution"):
        return "student"
    return "test" if meta.get("grade") else "locked" if meta.get("locked") else "student"


def cells_of(path: Path, answers: Mapping[str, str] | None = None) -> Cells:
    """Role and source of each code cell, with `answers` in the place of solutions, by grade id."""
    found = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        meta = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] != "code" or (meta.get("grade") and meta.get("solution")):
            continue
        source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        found.append((role_of(cell), (answers or {}).get(meta.get("grade_id", ""), source)))
    return found


@dataclass(frozen=True)
class Verdict:
    """One test cell: how it ended in one interpreter, and in two; what the two noted down."""

    place: str
    one: tuple[Any, ...]
    two: tuple[Any, ...]
    evidence: Mapping[str, Any]

    @property
    def same(self) -> bool:
        return self.one == self.two and not self.evidence.get("faults")

    @property
    def strong(self) -> bool:
        return self.same and not self.evidence["weak"]


def ending(record: Any) -> tuple[Any, ...]:
    """What a marking sees of a cell: its error, what it printed, its last value."""
    if record is None:
        return ("never run",)
    values = [o["data"].get("text/plain") for o in record["outputs"] if o["output_type"] == "execute_result"]
    return (failure(record), printed(record), values)


def compare(judged: Judged, cells: Cells, files: Path | None = None, by: Cells | None = None) -> Iterator[Verdict]:
    """Run `cells` in both forms. `by` is the instructor's notebook, when the cells are somebody's answers to it."""
    evidence = None
    if by is not None:
        run = judged.run(planned(by, reference=True), True, files)
        evidence = [record.get("evidence") if record else None for record in run]
    one = judged.run(planned(cells), False, files)
    two = judged.run(planned(cells, evidence=evidence, reference=by is None, by=by), True, files)
    for place, (role, _) in enumerate(cells):
        if role == "test":
            noted = two[place].get("evidence", {}) if two[place] else {"faults": ["never run"]}
            yield Verdict(f"cell {place}", ending(one[place]), ending(two[place]), noted)
