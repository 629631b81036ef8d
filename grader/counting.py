"""Which of a student's attempts stands in the gradebook: the latest marked one, or the best.

Owns the choice. The best is the one that is worth most after what lateness takes off. An older attempt that is marked
later never replaces a newer one; of two equally good ones the newer counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, select
from sqlalchemy.orm import Session

from cohorts.database import table_of
from grader.jobs import enqueue_marking
from grader.lateness import penalty
from grader.models import Assignment, Attempt, Counting, Marking, MarkingKind, MarkingState
from grader.policies import Deadlines, deadlines_for_one


@dataclass(frozen=True)
class Standing:
    """An attempt with the automatic score of its newest finished marking, and the points that lateness takes off."""

    attempt_id: int
    number: int
    score: float
    penalty: float = 0.0

    @property
    def worth(self) -> float:
        """What attempts are compared by. May be below zero: points that a person gives come on top."""
        return self.score - self.penalty


@dataclass(frozen=True)
class Marked:
    """A marked attempt: its newest finished marking's automatic score."""

    attempt: Attempt
    score: float
    max_score: float

    def standing(self, holding: Deadlines) -> Standing:
        """Where it stands under these deadlines."""
        off = penalty(holding.of(self.attempt).percent, self.max_score)
        return Standing(self.attempt.id, self.attempt.number, self.score, off)


@dataclass(frozen=True)
class Ruling:
    """What the policies say as an attempt has been marked: which one counts, and what lateness takes off this one."""

    counts: int
    percent: float


def _marked(username: bool) -> Select[*tuple[Any, ...]]:
    """Attempts at an assignment with the points of their newest marking, oldest first; with `username` of one."""
    mine = [Attempt.assignment_id == bindparam("assignment")]
    mine += [Attempt.username == bindparam("username")] if username else []
    newest = (
        select(func.max(Marking.id))
        .join(Attempt, Attempt.id == Marking.attempt_id)
        .where(*mine, Marking.kind == MarkingKind.MARK, Marking.state == MarkingState.DONE)
        .group_by(Marking.attempt_id)
    )
    return (
        select(Attempt, Marking.score, Marking.max_score)
        .join(Marking, Marking.attempt_id == Attempt.id)
        .where(Marking.id.in_(newest))
        .order_by(Attempt.number)
    )


_MARKED, _MARKED_OF_ONE = _marked(username=False), _marked(username=True)


def _to_rule_on() -> Select[*tuple[Any, ...]]:
    """One student's attempts at the assignment of one of them, with the points of each one's newest marking."""
    mine, assignment, marking = table_of(Attempt), table_of(Assignment), table_of(Marking)
    fresh, newest = mine.alias("fresh"), marking.alias("newest")
    last = select(func.max(marking.c.id)).where(
        marking.c.attempt_id == mine.c.id,
        marking.c.kind == MarkingKind.MARK,
        marking.c.state == MarkingState.DONE,
    )
    return (
        select(
            mine.c.id.label("attempt_id"),
            mine.c.number,
            mine.c.username,
            mine.c.received_at,
            mine.c.due_at.label("held"),
            newest.c.id.label("marking_id"),
            newest.c.score,
            newest.c.max_score,
            *assignment.c,
        )
        .select_from(fresh)
        .join(assignment, assignment.c.id == fresh.c.assignment_id)
        .join(mine, and_(mine.c.assignment_id == fresh.c.assignment_id, mine.c.username == fresh.c.username))
        .outerjoin(newest, newest.c.id == last.correlate(mine).scalar_subquery())
        .where(fresh.c.id == bindparam("attempt"))
    )


_TO_RULE_ON = _to_rule_on()
_HELD = _TO_RULE_ON.with_for_update(read=True, of=table_of(Assignment))


def marked_attempts(session: Session, assignment_id: int, username: str | None = None) -> dict[str, list[Marked]]:
    """The marked attempts at an assignment by student (only `username`'s if given), oldest first."""
    query = _MARKED if username is None else _MARKED_OF_ONE
    found: dict[str, list[Marked]] = defaultdict(list)
    for attempt, score, max_score in session.execute(query, {"assignment": assignment_id, "username": username}):
        found[attempt.username].append(Marked(attempt, score or 0.0, max_score or 0.0))
    return dict(found)


def standings_of(session: Session, assignment_id: int, username: str) -> list[Standing]:
    """The student's marked attempts at an assignment."""
    holding = deadlines_for_one(session, session.get_one(Assignment, assignment_id), username)
    mine = marked_attempts(session, assignment_id, username).get(username, [])
    return [marked.standing(holding) for marked in mine]


def counted(standings: Iterable[Standing], counting: Counting) -> Standing | None:
    """The attempt that counts, None where none is marked."""
    if counting is Counting.LATEST:
        return max(standings, key=lambda standing: standing.number, default=None)
    return max(standings, key=lambda standing: (standing.worth, standing.number), default=None)


def choose(standings: Iterable[Standing], fresh: Standing, counting: Counting) -> int:
    """The id of the attempt that counts, with `fresh` in place of what was known of that attempt."""
    others = [standing for standing in standings if standing.attempt_id != fresh.attempt_id]
    return (counted([*others, fresh], counting) or fresh).attempt_id


def rule_on(session: Session, attempt_id: int, score: float, max_score: float, *, hold: bool = False) -> Ruling:
    """What holds for an attempt that has just been marked with this automatic score.

    With `hold`, policies and extensions of the assignment stay as they are until the transaction ends.
    """
    rows: Sequence[Any] = session.execute(_HELD if hold else _TO_RULE_ON, {"attempt": attempt_id}).all()
    assignment = rows[0]  # each has all of its columns
    holding = deadlines_for_one(session, assignment, assignment.username)
    standings = [_standing(row, row.score, row.max_score, holding) for row in rows if row.marking_id is not None]
    fresh = next(row for row in rows if row.attempt_id == attempt_id)
    counts = choose(standings, _standing(fresh, score, max_score, holding), assignment.counting)
    return Ruling(counts, holding.under(fresh.held, fresh.username, fresh.received_at).percent)


def _standing(row: Any, score: float | None, max_score: float | None, holding: Deadlines) -> Standing:
    off = penalty(holding.under(row.held, row.username, row.received_at).percent, max_score or 0.0)
    return Standing(row.attempt_id, row.number, score or 0.0, off)


def enqueue_if_overtaken(session: Session, counting: int, placed: int | None, now: datetime) -> None:
    """Have the attempt that counts marked again when the gradebook shows another one.

    That happens when the best attempt, marked again, turns out worse than another, or policies have changed meanwhile.
    """
    if placed is not None and placed != counting:
        enqueue_marking(session, session.get_one(Attempt, counting), now)
