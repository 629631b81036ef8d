"""How each question of an assignment goes: who tried it, who passed, how many points it brings. Reads only.

Counts the attempt that counts of each student (the latest marked, or the best), as its newest marking scored it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grader.models import Assignment, Attempt, Counting, Marking, MarkingKind, MarkingState
from grader.results import Outcome

Tests = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Question:
    """A graded cell. `judged` students have points for it (the others wait for a person), `passed` have all of them."""

    notebook: str
    name: str
    max_points: float
    students: int
    judged: int
    passed: int
    mean_points: float | None

    @property
    def passed_share(self) -> float | None:
        """From 0 to 1, of those who have points; None where nobody has."""
        return self.passed / self.judged if self.judged else None


def questions_of(session: Session, assignment: Assignment) -> list[Question]:
    """The assignment's questions, in the order of its notebooks' cells."""
    newest = (
        select(func.max(Marking.id).label("id"))
        .join(Attempt, Attempt.id == Marking.attempt_id)
        .where(
            Attempt.assignment_id == assignment.id,
            Marking.kind == MarkingKind.MARK,
            Marking.state == MarkingState.DONE,
        )
        .group_by(Marking.attempt_id)
    )
    marked = session.execute(
        select(Marking.id, Attempt.username, Attempt.number, Marking.score)
        .join(Attempt, Attempt.id == Marking.attempt_id)
        .where(Marking.id.in_(newest))
    )
    counts: dict[str, tuple[tuple[float, int], int]] = {}
    for marking_id, username, number, score in marked:
        rank = (score or 0.0 if assignment.counting is Counting.BEST else 0.0, number)
        counts[username] = max(counts.get(username, (rank, marking_id)), (rank, marking_id))
    wanted = [marking_id for _, marking_id in counts.values()]
    return rates(tests for tests in _tests(session, wanted) if tests)


def _tests(session: Session, marking_ids: Sequence[int], at_once: int = 500) -> Iterable[Tests | None]:
    for start in range(0, len(marking_ids), at_once):
        yield from session.scalars(select(Marking.tests).where(Marking.id.in_(marking_ids[start : start + at_once])))


def rates(markings: Iterable[Tests]) -> list[Question]:
    """The rate of each question over the tests of one marking for each student."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for tests in markings:
        for test in tests:
            found[test["notebook"], test["name"]].append(test)
    return [_rate(notebook, name, tests) for (notebook, name), tests in found.items()]


def _rate(notebook: str, name: str, tests: list[dict[str, Any]]) -> Question:
    points = [float(test["points"]) for test in tests if test["points"] is not None]
    return Question(
        notebook=notebook,
        name=name,
        max_points=float(tests[-1]["max_points"]),
        students=len(tests),
        judged=len(points),
        passed=sum(test["outcome"] == Outcome.PASSED for test in tests),
        mean_points=sum(points) / len(points) if points else None,
    )
