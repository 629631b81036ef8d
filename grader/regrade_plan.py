"""Which attempts a regrade's results are for, which of them count, and which are to be marked once more. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grader.counting import Marked, counted, marked_attempts
from grader.models import Assignment, Attempt, Marking, MarkingKind, MarkingState, Regrade
from grader.policies import deadlines


@dataclass(frozen=True)
class Regraded:
    """An attempt with its result of the regrade. `counts`: it is the one that stands in the gradebook."""

    attempt: Attempt
    marking_id: int
    result_sha256: str
    late_percent: float
    counts: bool


def regraded_attempts(session: Session, regrade_id: int, assignment: Assignment) -> list[Regraded]:
    """The attempts with a result, and which of them count now that all others have theirs, too."""
    rows = session.execute(
        select(Attempt, Marking)
        .join(Marking, Marking.attempt_id == Attempt.id)
        .where(Marking.regrade_id == regrade_id, Marking.state == MarkingState.DONE)
        .order_by(Attempt.id)
    ).all()
    holding = deadlines(session, assignment)
    known: dict[str, dict[int, Marked]] = {}
    for username, marked in marked_attempts(session, assignment.id).items():
        known[username] = {item.attempt.id: item for item in marked}
    for attempt, marking in rows:
        fresh = Marked(attempt, marking.score or 0.0, marking.max_score or 0.0)
        known.setdefault(attempt.username, {})[attempt.id] = fresh
    counting = {
        chosen.attempt_id
        for marks in known.values()
        if (chosen := counted((mark.standing(holding) for mark in marks.values()), assignment.counting)) is not None
    }
    return [
        Regraded(attempt, marking.id, marking.result_sha256, holding.of(attempt).percent, attempt.id in counting)
        for attempt, marking in rows
        if marking.result_sha256 is not None
    ]


def left_over(session: Session, regrade: Regrade, mine: Mapping[int, int]) -> list[Attempt]:
    """Attempts whose newest marking may be by the old tests: new ones, failed ones, ones that were marked meanwhile."""
    newest = dict(
        session.execute(
            select(Marking.attempt_id, func.max(Marking.id))
            .join(Attempt, Attempt.id == Marking.attempt_id)
            .where(Attempt.assignment_id == regrade.assignment_id, Marking.kind == MarkingKind.MARK)
            .group_by(Marking.attempt_id)
        ).all()
    )
    running = set(
        session.scalars(
            select(Marking.attempt_id)
            .join(Attempt, Attempt.id == Marking.attempt_id)
            .where(
                Attempt.assignment_id == regrade.assignment_id,
                Marking.kind == MarkingKind.MARK,
                Marking.state == MarkingState.RUNNING,
            )
        )
    )
    attempts = session.scalars(select(Attempt).where(Attempt.assignment_id == regrade.assignment_id))
    return [
        attempt
        for attempt in attempts
        if attempt.id not in mine or attempt.id in running or newest.get(attempt.id) != mine[attempt.id]
    ]
