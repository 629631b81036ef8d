"""What a marking found, as values: tests, findings, grades. `marking` makes them, `gradebook` stores them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from courses.model import Text
from grader.hidden import Hidden
from grader.strength import Strength


class Outcome(StrEnum):
    """How a graded cell came out. MANUAL waits for a person; MISSING was not in the submission; NOT_RUN never ran."""

    PASSED = "passed"
    PARTIAL = "partial"
    FAILED = "failed"
    MANUAL = "manual"
    UNANSWERED = "unanswered"
    MISSING = "missing"
    NOT_RUN = "not-run"


class Severity(StrEnum):
    """SUSPECT looks like tampering and makes the whole marking suspect; a NOTE happens to honest people too."""

    SUSPECT = "suspect"
    NOTE = "note"


@dataclass(frozen=True)
class TestResult:
    """One graded cell. `points` is None where a person has to decide. `message` is safe to show to the student.

    `strength` tells how a test was judged, None for what is no test.
    """

    __test__ = False  # pytest would take the name for a test class

    notebook: str
    name: str
    points: float | None
    max_points: float
    outcome: Outcome
    message: Text | None = None
    strength: Strength | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "notebook": self.notebook,
            "name": self.name,
            "strength": self.strength.value if self.strength else None,
            "points": self.points,
            "max_points": self.max_points,
            "outcome": self.outcome.value,
            "message": self.message.en if self.message else None,
            "message_ko": self.message.ko if self.message else None,
        }


@dataclass(frozen=True)
class Finding:
    """A sign of tampering, or a note, about a cell (or a whole notebook, when `cell` is None)."""

    rule: str
    severity: Severity
    notebook: str
    cell: str | None
    text: Text

    def to_dict(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "severity": self.severity.value,
            "notebook": self.notebook,
            "cell": self.cell,
            "message": self.text.en,
            "message_ko": self.text.ko,
        }


@dataclass(frozen=True)
class CellGrade:
    """What nbgrader's SaveAutoGrades would store for one graded cell."""

    cell: str
    auto_score: float | None


@dataclass(frozen=True)
class NotebookResult:
    """One notebook of a marking.

    `executed` is the sanitized notebook with its new outputs, None when there was nothing to run; `shown` is what its
    student may see of it. `missing` tells that no readable notebook of this name was handed in, which nbgrader scores
    with zero.
    `comments` maps solution and task cells to nbgrader's automatic comment.
    """

    name: str
    executed: Any | None
    grades: tuple[CellGrade, ...]
    comments: dict[str, str | None]
    tests: tuple[TestResult, ...]
    findings: tuple[Finding, ...]
    hidden: dict[str, Hidden]
    missing: bool = False
    problem: Text | None = None
    log: str = ""
    shown: Any | None = None


@dataclass(frozen=True)
class MarkingResult:
    """One attempt, marked. Pure: nothing of it has been stored yet."""

    notebooks: tuple[NotebookResult, ...]

    @property
    def tests(self) -> list[TestResult]:
        return [test for notebook in self.notebooks for test in notebook.tests]

    @property
    def findings(self) -> list[Finding]:
        return [finding for notebook in self.notebooks for finding in notebook.findings]

    @property
    def score(self) -> float:
        """The sum of what could be scored without a person."""
        return sum(test.points or 0.0 for test in self.tests)

    @property
    def max_score(self) -> float:
        return sum(test.max_points for test in self.tests)

    @property
    def needs_manual(self) -> bool:
        """Whether nbgrader asks a person to look at a grade."""
        return any(grade.auto_score is None for notebook in self.notebooks for grade in notebook.grades)

    @property
    def integrity(self) -> str:
        """`suspect` when anything looks like tampering, else `clean`."""
        return "suspect" if any(finding.severity is Severity.SUSPECT for finding in self.findings) else "clean"

    @property
    def log(self) -> str:
        return "\n".join(f"[{notebook.name}] {notebook.log}" for notebook in self.notebooks if notebook.log)
