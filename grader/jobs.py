"""Markings as jobs: claimed by one worker at a time, kept by heartbeat, finished exactly once.

Owns the states of `Marking`. A claim is a fencing token: who lost it can finish nothing. A job whose worker fell silent
is taken by another; after MOST_TRIES it is set aside as failed, with its log. Who is next is `queueing`'s to say, how
far things are `job_progress`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from cohorts.database import Database, table_of
from grader.doorbell import Bell, ring
from grader.models import Assignment, Attempt, Counting, FeedbackPolicy, Marking, MarkingKind, MarkingState
from grader.needs import needs_of
from grader.phases import Phase, Told

CLAIM_SECONDS = 30.0
MOST_TRIES = 3
INTERACTIVE = 0
BACKGROUND = 10
LOG_KEPT = 20_000


class ClaimLost(Exception):
    """Another worker has the job now; whatever was done for it must be dropped."""


@dataclass(frozen=True)
class Job:
    """A claimed marking, with all a worker needs to know about it."""

    marking_id: int
    claim: str
    kind: MarkingKind
    tries: int
    attempt_id: int
    number: int
    username: str
    sha256: str
    received_at: datetime
    assignment_id: int
    assignment: str
    offering_id: str
    counting: Counting
    feedback_policy: FeedbackPolicy
    time_limit_seconds: int
    image: str | None
    needs: str


@dataclass(frozen=True)
class Ended:
    """What is stored with a finished marking."""

    score: float | None = None
    max_score: float | None = None
    needs_manual: bool = False
    integrity: str | None = None
    tests: list[dict[str, Any]] | None = None
    findings: list[dict[str, Any]] | None = None
    log: str | None = None
    phases: Told | None = None


def heartbeat(database: Database, job: Job, now: datetime, phase: Phase | None = None) -> bool:
    """Say that the job is still being worked on, and in which phase it is; False when the claim was lost."""
    values = {"heartbeat_at": now} if phase is None else {"heartbeat_at": now, "phase": phase.value}
    with database.write() as session:
        done = session.execute(update(Marking).where(_HELD).values(values), _key(job))
        if phase is not None:
            ring(session, Bell.NEWS)
        return _changed(done) == 1


def require_held(session: Session, job: Job) -> None:
    """Raises ClaimLost where the claim is no longer this worker's."""
    if session.scalar(_ITS_ID, _key(job)) is None:
        raise ClaimLost(f"marking {job.marking_id} is no longer held")


def finish(session: Session, job: Job, ended: Ended, now: datetime) -> None:
    """Mark the job done, in the caller's transaction. Raises ClaimLost when another worker has it: roll back then."""
    stored = vars(ended) | {"log": ended.log[-LOG_KEPT:] if ended.log else None, "finished_at": now}
    done = session.execute(_FINISH, _key(job) | {f"new_{name}": value for name, value in stored.items()})
    if _changed(done) != 1:
        raise ClaimLost(f"marking {job.marking_id} is no longer held")
    ring(session, Bell.NEWS)


def fail(database: Database, job: Job, log: str, now: datetime) -> bool:
    """A try went wrong: back into the queue, or after MOST_TRIES set aside. False when the claim was lost already."""
    with database.write() as session:
        marking = session.scalar(_ITSELF, _key(job))
        if marking is None:
            return False
        if marking.tries >= MOST_TRIES:
            set_aside(marking, log, now)
        else:
            _release(session, marking, log)
        ring(session, Bell.NEWS)
        return True


def requeue(database: Database, job: Job) -> bool:
    """Give a claimed job back unworked, as on shutdown; the try doesn't count. False when the claim was lost."""
    with database.write() as session:
        marking = session.scalar(_ITSELF, _key(job))
        if marking is None:
            return False
        _release(session, marking, None)
        marking.tries -= 1
        return True


def retry(session: Session, marking: Marking, now: datetime) -> None:
    """Put a failed marking back into the queue with fresh tries, as an instructor asks for."""
    if marking.state is MarkingState.FAILED:
        _release(session, marking, None)
        marking.tries = 0
        marking.queued_at = now
        marking.finished_at = None


def move_waiting(session: Session, assignment: Assignment) -> None:
    """Put what waits to be run into the lane that the assignment's hardware and image ask for now."""
    session.flush()
    its = select(Attempt.id).where(Attempt.assignment_id == assignment.id)
    waits = and_(Marking.attempt_id.in_(its), Marking.state == MarkingState.QUEUED)
    needs = needs_of(assignment.hardware, assignment.image)
    session.execute(update(Marking).where(waits, Marking.kind != MarkingKind.FEEDBACK).values(needs=needs))


def enqueue_marking(session: Session, attempt: Attempt, now: datetime, priority: int = BACKGROUND) -> Marking:
    """Ask for the attempt to be marked again; the one that already waits is returned where there is one."""
    return _enqueue(session, attempt.id, MarkingKind.MARK, now, priority)


def enqueue_feedback(session: Session, attempt: Attempt, now: datetime | None = None) -> Marking:
    """Ask for the attempt's feedback to be made anew, with the scores and comments the gradebook has then."""
    return _enqueue(session, attempt.id, MarkingKind.FEEDBACK, now or attempt.received_at, INTERACTIVE)


def _enqueue(session: Session, attempt_id: int, kind: MarkingKind, now: datetime, priority: int) -> Marking:
    waiting = session.scalar(
        select(Marking).where(
            Marking.attempt_id == attempt_id, Marking.kind == kind, Marking.state == MarkingState.QUEUED
        )
    )
    if waiting is not None:
        return waiting
    marking = Marking(attempt_id=attempt_id, kind=kind, state=MarkingState.QUEUED, priority=priority, queued_at=now)
    session.add(marking)
    session.flush()
    ring(session, Bell.WORK)
    return marking


def _key(job: Job) -> dict[str, Any]:
    """The parameters of `_HELD`."""
    return {"held_id": job.marking_id, "held_claim": job.claim}


def _changed(result: Any) -> int:
    return int(result.rowcount) if isinstance(result, CursorResult) else 0


def _release(session: Session, marking: Marking, log: str | None) -> None:
    marking.state = MarkingState.QUEUED
    marking.claim = marking.claimed_by = marking.heartbeat_at = marking.phase = None
    ring(session, Bell.WORK)
    if log is not None:
        marking.log = log[-LOG_KEPT:]


def set_aside(marking: Marking, log: str, now: datetime) -> None:
    """Give a job up, with what is known of why; staff sees it, and may have it tried again."""
    marking.state = MarkingState.FAILED
    marking.claim = None
    marking.finished_at = now
    earlier = f"{marking.log}\n\n" if marking.log else ""
    marking.log = (earlier + log)[-LOG_KEPT:]


# Statements of every job, built once: to build them takes longer than to run them.

_MARKING = table_of(Marking)
_HELD: ColumnElement[bool] = and_(
    _MARKING.c.id == bindparam("held_id"),
    _MARKING.c.claim == bindparam("held_claim"),
    _MARKING.c.state == MarkingState.RUNNING,
)
_ITS_ID = select(_MARKING.c.id).where(_HELD)
_ITSELF = select(Marking).where(_HELD).with_for_update()
_FINISH = (
    update(_MARKING)
    .where(_HELD)
    .values(
        state=MarkingState.DONE,
        claim=None,
        phase=None,
        **{name: bindparam(f"new_{name}") for name in (*Ended.__dataclass_fields__, "finished_at")},
    )
)
