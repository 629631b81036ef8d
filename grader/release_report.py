"""What a release check found, as values: per test cell how it came out, and what is wrong, in two languages.

Owns the verdict. A problem refuses the release, or asks for a person's reason, or is only told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from cohorts.errors import Invalid
from courses.model import Text

TOLD = 6  # problems that the sentence of a refusal names


class Level(StrEnum):
    """REFUSED stops the release whatever anybody says; UNSTEADY until somebody gives a reason; a NOTE is told."""

    REFUSED = "refused"
    UNSTEADY = "unsteady"
    NOTE = "note"


class Verdict(StrEnum):
    PASSED = "passed"
    UNSTEADY = "unsteady"
    REFUSED = "refused"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: in which notebook and cell (a grade id, or `#3` for the third), why, and what to do.

    `detail` is the test's own message and traceback. It may hold hidden tests, so it is for staff alone.
    """

    rule: str
    level: Level
    notebook: str
    cell: str | None
    text: Text
    detail: str = ""

    @property
    def where(self) -> str:
        return self.notebook + (f" · {self.cell}" if self.cell else "")


@dataclass(frozen=True)
class CellReport:
    """How one test cell came out. `points` are what it is worth.

    `reference` and `empty` are what the reference solution and the untouched student version earned, in the words of
    `results.Outcome`. `steady` is false where runs differed. `strength` (strong, weak, shared) says how far a
    student's code can reach the test; None: not known yet. `seconds` is the slowest run of it.
    """

    notebook: str
    cell: str
    points: float
    reference: float | None
    reference_outcome: str
    empty: float | None
    empty_outcome: str
    steady: bool
    hidden: int
    strength: str | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class ReleaseReport:
    """All that a check of one source version said."""

    assignment: str
    notebooks: tuple[str, ...]
    cells: tuple[CellReport, ...]
    problems: tuple[Problem, ...]
    runs: int
    seconds: float

    @property
    def verdict(self) -> Verdict:
        levels = {problem.level for problem in self.problems}
        if Level.REFUSED in levels:
            return Verdict.REFUSED
        return Verdict.UNSTEADY if Level.UNSTEADY in levels else Verdict.PASSED

    @property
    def reasons(self) -> list[Problem]:
        """What stands in the way of a release, the worst first."""
        found = [problem for problem in self.problems if problem.level is not Level.NOTE]
        return sorted(found, key=lambda problem: problem.level is not Level.REFUSED)

    @property
    def notes(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.level is Level.NOTE]

    @property
    def points(self) -> float:
        """What the test cells are worth together."""
        return sum(cell.points for cell in self.cells)

    def to_dict(self) -> dict[str, Any]:
        return {
            "assignment": self.assignment,
            "verdict": self.verdict.value,
            "points": self.points,
            "runs": self.runs,
            "seconds": self.seconds,
            "notebooks": list(self.notebooks),
            "cells": [asdict(cell) for cell in self.cells],
            "problems": [
                {
                    "rule": problem.rule,
                    "level": problem.level.value,
                    "notebook": problem.notebook,
                    "cell": problem.cell,
                    "message": problem.text.en,
                    "message_ko": problem.text.ko,
                    "detail": problem.detail,
                }
                for problem in self.problems
            ],
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> ReleaseReport:
        """The report that `to_dict` wrote."""
        return cls(
            assignment=told["assignment"],
            notebooks=tuple(told["notebooks"]),
            cells=tuple(CellReport(**cell) for cell in told["cells"]),
            problems=tuple(
                Problem(
                    rule=problem["rule"],
                    level=Level(problem["level"]),
                    notebook=problem["notebook"],
                    cell=problem["cell"],
                    text=Text(ko=problem["message_ko"], en=problem["message"]),
                    detail=problem["detail"],
                )
                for problem in told["problems"]
            ),
            runs=told["runs"],
            seconds=told["seconds"],
        )


class ReleaseRefused(Invalid):
    """The release check stands in the way; `report` says all of it. What was handed out before stays."""

    def __init__(self, report: ReleaseReport) -> None:
        self.report = report
        reasons = report.reasons
        english = " ".join(f"[{problem.where}] {problem.text.en}" for problem in reasons[:TOLD])
        korean = " ".join(f"[{problem.where}] {problem.text.ko}" for problem in reasons[:TOLD])
        more = len(reasons) - TOLD
        super().__init__(
            f"'{report.assignment}' was not released; the release check found: {english}"
            + (f" And {more} more." if more > 0 else ""),
            f"'{report.assignment}'을(를) 배포하지 않았습니다. 배포 점검 결과: {korean}"
            + (f" 그 밖에 {more}건." if more > 0 else ""),
        )
