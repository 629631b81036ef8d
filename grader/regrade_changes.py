"""What a regrade changes, as values: students, tests, totals. `regrade_preview` reads them out of the databases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Cell(StrEnum):
    """What has become of a graded cell."""

    KEPT = "kept"
    ADDED = "added"
    REMOVED = "removed"
    POINTS = "points"


@dataclass(frozen=True)
class TestChange:
    """One graded cell of a student, before and after: what it earns, what it can earn; None where there is no cell.

    `by_hand`: a person's points stand, whatever the test says; the cell is flagged for another look.
    """

    __test__ = False  # pytest would take the name for a test class

    notebook: str
    name: str
    old: float | None
    new: float | None
    old_max: float | None
    new_max: float | None
    by_hand: bool

    @property
    def difference(self) -> float:
        return rounded((self.new or 0.0) - (self.old or 0.0))


@dataclass(frozen=True)
class StudentChange:
    """One student's mark before and after. `old` is None where nothing was marked before, `new` where nothing is yet.

    `old_number` and `number` are the attempts that count before and after; `attempt_id` is the latter.
    """

    username: str
    name: str
    attempt_id: int
    old_number: int | None
    number: int
    old: float | None
    new: float | None
    old_max: float | None
    new_max: float | None
    tests: tuple[TestChange, ...]
    suspect: bool
    failed: bool

    @property
    def difference(self) -> float:
        return 0.0 if self.new is None else rounded(self.new - (self.old or 0.0))

    @property
    def changed(self) -> bool:
        return self.new is not None and (self.old is None or self.difference != 0 or self.old_max != self.new_max)

    @property
    def flips(self) -> tuple[TestChange, ...]:
        """The tests that earn something else now."""
        return tuple(test for test in self.tests if test.difference != 0)


@dataclass(frozen=True)
class TestFlips:
    """A graded cell, what became of it, and in how many students' counting attempts it earns more or less now."""

    __test__ = False

    notebook: str
    name: str
    cell: Cell
    old_max: float | None
    new_max: float | None
    up: int
    down: int


@dataclass(frozen=True)
class Preview:
    """A regrade against what stands. `attempts_changed` counts attempts that don't count, too."""

    students: tuple[StudentChange, ...]
    tests: tuple[TestFlips, ...]
    attempts: int
    attempts_changed: int

    @property
    def up(self) -> int:
        return sum(student.difference > 0 for student in self.students)

    @property
    def down(self) -> int:
        return sum(student.difference < 0 for student in self.students)

    @property
    def unchanged(self) -> int:
        return sum(student.difference == 0 and student.new is not None for student in self.students)

    @property
    def mean(self) -> float:
        """The mean change of those who have a mark before and after."""
        both = [student.difference for student in self.students if student.new is not None and student.old is not None]
        return sum(both) / len(both) if both else 0.0


def flips_of(students: Iterable[StudentChange]) -> list[TestFlips]:
    """Every graded cell, those that changed for most students first."""
    kinds: dict[tuple[str, str], tuple[Cell, float | None, float | None]] = {}
    moved: dict[tuple[str, str], list[int]] = {}
    for student in students:
        for test in student.tests:
            key = (test.notebook, test.name)
            if student.old is not None:
                kinds[key] = (_kind(test), test.old_max, test.new_max)
            kinds.setdefault(key, (Cell.KEPT, test.new_max, test.new_max))
            counts = moved.setdefault(key, [0, 0])
            counts[0] += test.difference > 0
            counts[1] += test.difference < 0
    found = []
    for (notebook, name), (up, down) in moved.items():
        cell, old_max, new_max = kinds[notebook, name]
        found.append(TestFlips(notebook, name, cell, old_max, new_max, up, down))
    return sorted(found, key=lambda test: -(test.up + test.down))


def _kind(test: TestChange) -> Cell:
    if test.old_max is None:
        return Cell.ADDED
    if test.new_max is None:
        return Cell.REMOVED
    return Cell.KEPT if test.old_max == test.new_max else Cell.POINTS


def rounded(points: float) -> float:
    """Points without the trace of binary fractions."""
    return round(points, 6) + 0.0
