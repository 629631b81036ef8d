"""The trusted side of an assignment: what its cells must be, as values.

Marking works on these values alone, so it needs no connection to the gradebook while a student's code is running;
`source_reading` makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from grader.hidden import Hidden, find_hidden
from grader.strength import CellProfile, read_profile


@dataclass(frozen=True)
class SourceCell:
    """A cell nbgrader knows by its grade id. `max_score` is None for cells without points."""

    name: str
    cell_type: str
    source: str
    checksum: str | None
    locked: bool
    grade: bool
    solution: bool
    task: bool
    max_score: float | None

    @property
    def is_graded(self) -> bool:
        return self.grade or self.task

    @property
    def flags(self) -> tuple[bool, bool, bool, bool]:
        return self.grade, self.solution, self.locked, self.task

    @property
    def is_manual(self) -> bool:
        """Whether a person scores it: a written answer, a free answer in code, a task."""
        return self.task or (self.grade and (self.solution or self.cell_type != "code"))

    @property
    def metadata(self) -> dict[str, Any]:
        """nbgrader's metadata for this cell (schema version 3)."""
        meta: dict[str, Any] = {
            "grade": self.grade,
            "grade_id": self.name,
            "locked": self.locked,
            "schema_version": 3,
            "solution": self.solution,
            "task": self.task,
            "cell_type": self.cell_type,
        }
        if self.checksum is not None:
            meta["checksum"] = self.checksum
        if self.is_graded:
            meta["points"] = self.max_score
        return meta


@dataclass(frozen=True)
class Given:
    """A cell as a release handed it out; `flags` are grade, solution, locked, task."""

    source: str
    cell_type: str
    points: float | None
    flags: tuple[bool, bool, bool, bool]


@dataclass(frozen=True)
class SourceNotebook:
    """One notebook of an assignment. `cells` maps grade ids to cells, in their order in the notebook where it is known.

    `earlier` maps grade ids to what students got under them in any release: nothing that was ever given out is an edit.
    `reference` holds all code cells of the instructor's notebook in order, solutions included, and `plain` those among
    them that nbgrader knows nothing of; both are empty where only the gradebook is at hand. `profile` says by grade id
    what the reference solution's run showed of each test (see `grader.strength`). `in_every_release` are the grade ids
    that no student can have been without; empty where no release is known.
    """

    name: str
    kernelspec: Mapping[str, Any]
    cells: Mapping[str, SourceCell]
    hidden: Mapping[str, Hidden] = field(default_factory=dict)
    earlier: Mapping[str, frozenset[Given]] = field(default_factory=dict)
    reference: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    profile: Mapping[str, CellProfile] = field(default_factory=dict)
    ordered: bool = True
    in_every_release: frozenset[str] = frozenset()

    @property
    def graded(self) -> list[SourceCell]:
        return [cell for cell in self.cells.values() if cell.is_graded]


@dataclass(frozen=True)
class SourceAssignment:
    """An assignment's notebooks, in nbgrader's order (by name)."""

    name: str
    notebooks: tuple[SourceNotebook, ...]


def build_notebook(name: str, kernelspec: Mapping[str, Any], cells: Iterable[SourceCell]) -> SourceNotebook:
    """A source notebook, its hidden regions found."""
    known = {cell.name: cell for cell in cells}
    hidden = {key: found for key, cell in known.items() if cell.grade and (found := find_hidden(cell.source))}
    return SourceNotebook(name, kernelspec, known, hidden)


def flags_of(meta: Mapping[str, Any]) -> tuple[bool, bool, bool, bool]:
    """What nbgrader takes a cell with this metadata for: grade, solution, locked, task."""
    grade, solution = bool(meta.get("grade")), bool(meta.get("solution"))
    return grade, solution, not solution and (grade or bool(meta.get("locked"))), bool(meta.get("task"))


def number_of(value: Any) -> float | None:
    """`value` as a number, None where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def with_profiles(source: SourceAssignment, evidence: Mapping[str, Mapping[str, Any]]) -> SourceAssignment:
    """`source`, with the profiles that a release check kept, by notebook and grade id."""
    return replace(
        source,
        notebooks=tuple(
            replace(
                notebook,
                profile={
                    name: read_profile(raw)
                    for name, raw in evidence.get(notebook.name, {}).items()
                    if name in notebook.cells
                },
            )
            for notebook in source.notebooks
        ),
    )
