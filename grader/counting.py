"""Which of a student's attempts stands in the gradebook: the latest marked one, or the best.

Owns the choice. An older attempt that is marked later never replaces a newer one; of two equally good ones the newer
counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grader.jobs import enqueue_marking
from grader.models import Attempt, Counting, Marking, MarkingKind, MarkingState


@dataclass(frozen=True)
class Standing:
    """An attempt with the automatic score of its newest finished marking."""

    attempt_id: int
    number: int
    score: float


def standings_of(session: Session, assignment_id: int, username: str) -> list[Standing]:
    """The student's marked attempts at an assignment."""
    newest = (
        select(func.max(Marking.id))
        .join(Attempt, Attempt.id == Marking.attempt_id)
        .where(
            Attempt.assignment_id == assignment_id,
            Attempt.username == username,
            Marking.kind == MarkingKind.MARK,
            Marking.state == MarkingState.DONE,
        )
        .group_by(Marking.attempt_id)
    )
    rows = session.execute(
        select(Attempt.id, Attempt.number, Marking.score)
        .join(Marking, Marking.attempt_id == Attempt.id)
        .where(Marking.id.in_(newest))
    )
    return [Standing(attempt, number, score or 0.0) for attempt, number, score in rows]


def choose(standings: Iterable[Standing], fresh: Standing, counting: Counting) -> int:
    """The id of the attempt that counts, with `fresh` in place of what was known of that attempt."""
    all_of_them = [standing for standing in standings if standing.attempt_id != fresh.attempt_id] + [fresh]
    if counting is Counting.LATEST:
        return max(all_of_them, key=lambda standing: standing.number).attempt_id
    return max(all_of_them, key=lambda standing: (standing.score, standing.number)).attempt_id


def enqueue_if_overtaken(session: Session, counting: int, placed: int | None, now: datetime) -> None:
    """Have the attempt that counts marked again when the gradebook shows another one.

    That happens when the best attempt, marked again, turns out worse than another.
    """
    if placed is not None and placed != counting:
        enqueue_marking(session, session.get_one(Attempt, counting), now)
