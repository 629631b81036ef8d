"""Jobs that were set aside: which of an assignment's markings failed three times, why, and trying them again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cohorts.models import Person
from grader.jobs import retry
from grader.models import Attempt, Marking, MarkingKind, MarkingState


@dataclass(frozen=True)
class FailedJob:
    """A marking that nobody tries any more, with its log."""

    marking_id: int
    attempt_id: int
    username: str
    name: str
    number: int
    tries: int
    failed_at: datetime | None
    log: str

    @property
    def reason(self) -> str:
        """The last line of the log, which names the error."""
        return self.log.strip().rpartition("\n")[2]


def failed_jobs(session: Session, assignment_id: int) -> list[FailedJob]:
    """Attempts whose newest marking failed, by student and number."""
    newest = (
        select(func.max(Marking.id))
        .join(Attempt, Attempt.id == Marking.attempt_id)
        .where(Attempt.assignment_id == assignment_id, Marking.kind == MarkingKind.MARK)
        .group_by(Marking.attempt_id)
    )
    rows = session.execute(
        select(Marking, Attempt, Person.name)
        .join(Attempt, Attempt.id == Marking.attempt_id)
        .join(Person, Person.username == Attempt.username)
        .where(Marking.id.in_(newest), Marking.state == MarkingState.FAILED)
        .order_by(Person.name, Attempt.username, Attempt.number)
    )
    return [
        FailedJob(
            marking_id=marking.id,
            attempt_id=attempt.id,
            username=attempt.username,
            name=name,
            number=attempt.number,
            tries=marking.tries,
            failed_at=marking.finished_at,
            log=marking.log or "",
        )
        for marking, attempt, name in rows
    ]


def retry_one(session: Session, assignment_id: int, marking_id: int, now: datetime) -> bool | None:
    """Put one failed marking back into the queue: whether it was failed; None if the assignment has none of this id."""
    marking = session.scalar(
        select(Marking)
        .join(Attempt, Attempt.id == Marking.attempt_id)
        .where(Marking.id == marking_id, Attempt.assignment_id == assignment_id)
    )
    if marking is None:
        return None
    failed = marking.state is MarkingState.FAILED
    retry(session, marking, now)
    session.flush()
    return failed


def retry_all(session: Session, assignment_id: int, now: datetime) -> int:
    """Put every failed marking of the assignment back into the queue; returns how many."""
    failed = failed_jobs(session, assignment_id)
    for job in failed:
        retry(session, session.get_one(Marking, job.marking_id), now)
    session.flush()
    return len(failed)
