"""What a regrade would change: who, by how much, in which tests. Reads only, in a fixed number of queries.

A mark here is what the gradebook would say: points given by a person stay, lateness takes off what it takes off, and
the attempt that counts is chosen anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from cohorts.models import Person
from grader.counting import Marked, counted
from grader.lateness import penalty
from grader.models import Assignment, Attempt, Marking, MarkingKind, MarkingState, Regrade
from grader.policies import Deadlines, deadlines
from grader.regrade_by_hand import ByHand, by_hand_scores
from grader.regrade_changes import Preview, StudentChange, TestChange, flips_of, rounded

NEAR = 1e-9


@dataclass(frozen=True)
class Result:
    """What one marking said about one attempt."""

    state: MarkingState
    score: float
    max_score: float
    tests: Sequence[Mapping[str, Any]]
    suspect: bool


def preview(session: Session, regrade: Regrade, offering: Path) -> Preview:
    """`regrade` against what stands now, or stood when it ended; `offering` is the folder with the gradebook."""
    assignment = session.get_one(Assignment, regrade.assignment_id)
    attempts = session.scalars(
        select(Attempt).where(Attempt.assignment_id == assignment.id).order_by(Attempt.username, Attempt.number)
    ).all()
    before, after = _before(session, regrade), _after(session, regrade)
    names = _names(session, assignment.id)
    scores = by_hand_scores(offering, assignment.name)
    holding = deadlines(session, assignment)
    by_student: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_student.setdefault(attempt.username, []).append(attempt)
    marked = {key: result for key, result in after.items() if result.state is MarkingState.DONE}
    both = before | marked
    students = []
    for username, theirs in by_student.items():
        if any(attempt.id in after for attempt in theirs):
            found = _Comparison(assignment, holding, scores.get(username, {}), before, marked, both)
            failed = any(attempt.id in after and after[attempt.id].state is MarkingState.FAILED for attempt in theirs)
            students.append(found.student(username, names.get(username, username), theirs, failed=failed))
    return Preview(
        students=tuple(sorted(students, key=lambda student: (student.name, student.username))),
        tests=tuple(flips_of(students)),
        attempts=len(after),
        attempts_changed=sum(_moved(before.get(key), result) for key, result in after.items()),
    )


@dataclass(frozen=True)
class _Comparison:
    """One student's attempts, before and after: `marked` has the regrade's results, `both` what would then stand."""

    assignment: Assignment
    holding: Deadlines
    by_hand: Mapping[tuple[str, str], ByHand]
    before: Mapping[int, Result]
    marked: Mapping[int, Result]
    both: Mapping[int, Result]

    def student(self, username: str, name: str, attempts: Sequence[Attempt], *, failed: bool) -> StudentChange:
        old = self._counting(attempts, self.before)
        told = self._counting(attempts, self.both) or attempts[-1]
        fresh = self.marked.get(told.id)
        stands = self.before.get(old.id) if old else None
        return StudentChange(
            username=username,
            name=name,
            attempt_id=told.id,
            old_number=old.number if old else None,
            number=told.number,
            old=self._mark(old, stands),
            new=self._mark(told, fresh),
            old_max=stands.max_score if stands else None,
            new_max=fresh.max_score if fresh else None,
            tests=self._tests(stands, fresh),
            suspect=fresh.suspect if fresh else False,
            failed=failed,
        )

    def _counting(self, attempts: Sequence[Attempt], results: Mapping[int, Result]) -> Attempt | None:
        known = {attempt.id: attempt for attempt in attempts if attempt.id in results}
        standings = [
            Marked(attempt, results[key].score, results[key].max_score).standing(self.holding)
            for key, attempt in known.items()
        ]
        chosen = counted(standings, self.assignment.counting)
        return known[chosen.attempt_id] if chosen else None

    def _mark(self, attempt: Attempt | None, result: Result | None) -> float | None:
        if attempt is None or result is None:
            return None
        whole = sum(self._points(test) for test in result.tests)
        return rounded(max(0.0, whole - penalty(self.holding.of(attempt).percent, result.max_score)))

    def _points(self, test: Mapping[str, Any]) -> float:
        given = self.by_hand.get((test["notebook"], test["name"]))
        points: float = test["points"] or 0.0
        return points if given is None else given.instead_of(points)

    def _tests(self, stands: Result | None, fresh: Result | None) -> tuple[TestChange, ...]:
        if fresh is None:
            return ()
        old = {(test["notebook"], test["name"]): test for test in stands.tests} if stands else {}
        new = {(test["notebook"], test["name"]): test for test in fresh.tests}
        return tuple(
            TestChange(
                notebook=key[0],
                name=key[1],
                old=self._points(old[key]) if key in old else None,
                new=self._points(new[key]) if key in new else None,
                old_max=old[key]["max_points"] if key in old else None,
                new_max=new[key]["max_points"] if key in new else None,
                by_hand=key in self.by_hand and self.by_hand[key].points is not None,
            )
            for key in dict.fromkeys([*new, *old])
        )


def _before(session: Session, regrade: Regrade) -> dict[int, Result]:
    """The newest finished marking of each attempt that is not this regrade's own, by the time the regrade ended."""
    newest = (
        select(func.max(Marking.id))
        .join(Attempt, Attempt.id == Marking.attempt_id)
        .where(
            Attempt.assignment_id == regrade.assignment_id,
            Marking.kind == MarkingKind.MARK,
            Marking.state == MarkingState.DONE,
            or_(Marking.regrade_id.is_(None), Marking.regrade_id != regrade.id),
        )
        .group_by(Marking.attempt_id)
    )
    if regrade.ended_at is not None:
        newest = newest.where(Marking.finished_at <= regrade.ended_at)
    return _results(session.execute(select(*_COLUMNS).where(Marking.id.in_(newest))))


def _after(session: Session, regrade: Regrade) -> dict[int, Result]:
    return _results(session.execute(select(*_COLUMNS).where(Marking.regrade_id == regrade.id)))


_COLUMNS = (
    Marking.attempt_id,
    Marking.state,
    Marking.score,
    Marking.max_score,
    Marking.tests,
    Marking.integrity,
)


def _results(rows: Iterable[Any]) -> dict[int, Result]:
    return {
        row.attempt_id: Result(
            row.state, row.score or 0.0, row.max_score or 0.0, row.tests or [], row.integrity == "suspect"
        )
        for row in rows
    }


def _names(session: Session, assignment_id: int) -> dict[str, str]:
    found = select(Person.username, Person.name).join(Attempt, Attempt.username == Person.username)
    rows = session.execute(found.where(Attempt.assignment_id == assignment_id).distinct())
    return {row.username: row.name for row in rows}


def _moved(old: Result | None, new: Result) -> bool:
    if new.state is not MarkingState.DONE:
        return False
    return old is None or abs(old.score - new.score) > NEAR or old.max_score != new.max_score
