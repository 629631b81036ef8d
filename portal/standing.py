"""Where a student stands with an assignment: the one state the page and the API show, attempts, marks, feedback.

Reads only. A mark is a student's to see once its feedback is released, never before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from grader.assignments import assignments_of
from grader.counting import Standing as Ranking
from grader.counting import counted, standings_of
from grader.lateness import ON_TIME, Lateness
from grader.models import Assignment, Attempt, Counting, Feedback, Marking, MarkingKind, MarkingState, Release
from grader.policies import Deadlines, deadlines
from grader.releases import current_release
from grader.returns import released_feedback


class State(StrEnum):
    """What a student sees of an assignment, or of one attempt."""

    NOT_RELEASED = "not-released"
    OPEN = "open"
    CLOSED = "closed"
    SUBMITTED = "submitted"
    MARKING = "marking"
    MARKED = "marked"
    FAILED = "failed"
    MANUAL = "manual"
    FEEDBACK = "feedback"


MARKED_STATES = frozenset({State.MARKED, State.MANUAL, State.FEEDBACK})


@dataclass(frozen=True)
class AttemptStanding:
    """One attempt, its receipt, and what has become of it. Scores only where feedback is released.

    `lateness` is what holds now, after any extension.
    """

    id: int
    number: int
    received_at: datetime
    sha256: str
    size: int
    lateness: Lateness
    state: State
    score: float | None
    max_score: float | None
    has_feedback: bool

    @property
    def late(self) -> bool:
        return self.lateness.late


@dataclass(frozen=True)
class Standing:
    """One assignment as one student has it. `counted` is the attempt that the mark comes from.

    Work is taken until `closes_at`; handed in now it would be as late as `late_now` says.
    """

    assignment: Assignment
    release: Release | None
    due_at: datetime | None
    extended: bool
    state: State
    attempts: tuple[AttemptStanding, ...]
    counted: AttemptStanding | None
    attempts_left: int | None
    may_submit: bool
    closes_at: datetime | None = None
    late_now: Lateness = ON_TIME

    @property
    def latest(self) -> AttemptStanding | None:
        return self.attempts[-1] if self.attempts else None


def standings(session: Session, offering_id: str, username: str, now: datetime) -> list[Standing]:
    """The student's standing in every assignment of the offering, in the order they are taught."""
    return [standing(session, assignment, username, now) for assignment in assignments_of(session, offering_id)]


def standing(session: Session, assignment: Assignment, username: str, now: datetime) -> Standing:
    """The student's standing in `assignment`."""
    release = current_release(session, assignment)
    holding = deadlines(session, assignment)
    due_at, closes_at = holding.due_for(username), holding.closes_for(username)
    attempts = attempt_standings(session, assignment, username, holding)
    used = len(attempts)
    left = None if assignment.attempt_limit is None else max(assignment.attempt_limit - used, 0)
    in_time = closes_at is None or now <= closes_at
    if attempts:
        state = attempts[-1].state
    elif release is None:
        state = State.NOT_RELEASED
    else:
        state = State.OPEN if in_time else State.CLOSED
    return Standing(
        assignment=assignment,
        release=release,
        due_at=due_at,
        extended=due_at != assignment.due_at,
        state=state,
        attempts=attempts,
        counted=counted_attempt(
            attempts, assignment.counting, standings_of(session, assignment.id, username) if used > 1 else []
        ),
        attempts_left=left,
        may_submit=release is not None and in_time and left != 0,
        closes_at=closes_at,
        late_now=holding.at(username, now),
    )


def attempt_standings(
    session: Session, assignment: Assignment, username: str, holding: Deadlines
) -> tuple[AttemptStanding, ...]:
    """The student's attempts, oldest first."""
    attempts = session.scalars(
        select(Attempt)
        .where(Attempt.assignment_id == assignment.id, Attempt.username == username)
        .order_by(Attempt.number)
    ).all()
    ids = [attempt.id for attempt in attempts]
    markings = newest_markings(session, ids)
    feedback = released_feedback(session, ids)
    return tuple(
        _attempt(attempt, markings.get(attempt.id), feedback.get(attempt.id), holding.of(attempt))
        for attempt in attempts
    )


def _attempt(
    attempt: Attempt, marking: Marking | None, feedback: Feedback | None, lateness: Lateness
) -> AttemptStanding:
    return AttemptStanding(
        id=attempt.id,
        number=attempt.number,
        received_at=attempt.received_at,
        sha256=attempt.sha256,
        size=attempt.size,
        lateness=lateness,
        state=state_of(marking, feedback),
        score=feedback.score if feedback else None,
        max_score=feedback.max_score if feedback else None,
        has_feedback=feedback is not None,
    )


def state_of(marking: Marking | None, feedback: Feedback | None) -> State:
    """The state of an attempt whose newest marking and released feedback these are."""
    if feedback is not None:
        return State.MANUAL if feedback.needs_manual else State.FEEDBACK
    if marking is None or marking.state is MarkingState.QUEUED:
        return State.SUBMITTED
    if marking.state is MarkingState.RUNNING:
        return State.MARKING
    if marking.state is MarkingState.FAILED:
        return State.FAILED
    return State.MANUAL if marking.needs_manual else State.MARKED


def newest_markings(session: Session, attempt_ids: Sequence[int]) -> dict[int, Marking]:
    """The newest marking of each attempt, without its tests, findings and log."""
    query = (
        select(Marking)
        .options(defer(Marking.tests), defer(Marking.findings), defer(Marking.log))
        .where(Marking.attempt_id.in_(attempt_ids), Marking.kind == MarkingKind.MARK)
        .order_by(Marking.id)
    )
    return {marking.attempt_id: marking for marking in session.scalars(query)}


def counted_attempt(
    attempts: Sequence[AttemptStanding], counting: Counting, rankings: Sequence[Ranking] = ()
) -> AttemptStanding | None:
    """The attempt that counts, as `grader.counting` chooses by `rankings`: the latest marked one, or the best.

    Among the best only those whose mark the student may see are compared; before there is one, the newest is shown.
    """
    marked = [attempt for attempt in attempts if attempt.state in MARKED_STATES]
    shown = {attempt.id: attempt for attempt in marked if attempt.has_feedback}
    best = counted([ranking for ranking in rankings if ranking.attempt_id in shown], Counting.BEST)
    if counting is Counting.BEST and best is not None:
        return shown[best.attempt_id]
    if counting is Counting.BEST and shown:
        return list(shown.values())[-1]
    return marked[-1] if marked else None
