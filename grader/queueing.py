"""Who is next: which waiting marking a worker takes. Owns the order of the queue.

Lower `priority` goes first, always. Among the offerings that wait with the same priority it is the turn of the one
with the fewest jobs running, then of the one served longest ago (never served: the longest waiting): five hundred
waiting jobs of one offering keep another offering's single job waiting for about one job. Within an offering the oldest
goes first. A job whose worker fell silent waits again. What needs a container or a device waits in a lane of its own
(`grader.needs`), so that nobody stands behind it who needs neither.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from cohorts.database import Database
from grader.doorbell import Bell, ring
from grader.jobs import CLAIM_SECONDS, MOST_TRIES, Job, set_aside
from grader.models import Assignment, Attempt, Marking, MarkingState
from grader.needs import ON_PROCESSOR


def claim(
    database: Database,
    worker: str,
    now: datetime,
    expiry: float = CLAIM_SECONDS,
    needs: str = ON_PROCESSOR,
    *,
    likely: bool = False,
) -> Job | None:
    """Take the next job for `worker` from the lane `needs`, None where nothing waits.

    A running job is free again after `expiry` seconds. Unless something `likely` waits, SQLite is asked first whether
    anything does: its one write lock is not taken in vain.
    """
    asked = {"since": now - timedelta(seconds=expiry), "needs": needs}
    if not likely and database.engine.dialect.name == "sqlite" and not _something_waits(database, asked):
        return None
    with database.write() as session:
        while (found := _next(session, asked)) is not None:
            if found.tries < MOST_TRIES:
                return _take(session, found, worker, now)
            marking = session.get_one(Marking, found.marking_id)
            set_aside(marking, "The worker that had this job fell silent each time it was tried.", now)
            session.flush()
    return None


def _something_waits(database: Database, asked: Mapping[str, Any]) -> bool:
    with database.read() as session:
        return bool(session.scalar(_ANYTHING, asked))


def _take(session: Session, found: Row[Any], worker: str, now: datetime) -> Job:
    claim, tries = str(uuid.uuid4()), found.tries + 1
    session.execute(_TAKE, {"key": found.marking_id, "by": worker, "token": claim, "now": now, "count": tries})
    ring(session, Bell.NEWS)
    return Job(claim=claim, **{**found._mapping, "tries": tries})


def _next(session: Session, asked: Mapping[str, Any]) -> Row[Any] | None:
    """The marking whose turn it is, locked. On PostgreSQL those that others are just taking are passed over."""
    start = session.execute(_START, {**asked, "above": -1}).one()
    silent, of_silent, priority = start[0], start[1], start[2]
    while priority is not None and (silent is None or priority < of_silent):
        lane = {**asked, "priority": priority}
        for offering_id in session.scalars(_TURNS, lane).all():
            found = session.execute(_OLDEST, {**lane, "offering": offering_id}).first()
            if found is not None:
                return found
        priority = session.scalar(_LOWEST, {**asked, "above": priority})
    if silent is None:
        return None
    return session.execute(_LEFT, {**asked, "key": silent}).first()


# The statements, built once: to build them takes longer than to run them.


def _waiting(job: type[Marking] = Marking) -> tuple[ColumnElement[bool], ...]:
    return job.state == MarkingState.QUEUED, job.needs == bindparam("needs"), job.priority == bindparam("priority")


def _locked(*wanted: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """What a worker must know (see Job) of the oldest such marking, locked."""
    query = (
        select(
            Marking.id.label("marking_id"),
            Marking.kind,
            Marking.tries,
            Marking.attempt_id,
            Attempt.number,
            Attempt.username,
            Attempt.sha256,
            Attempt.received_at,
            Attempt.assignment_id,
            Assignment.name.label("assignment"),
            Assignment.offering_id,
            Assignment.counting,
            Assignment.feedback_policy,
            Assignment.time_limit_seconds,
            Assignment.image,
            Marking.needs,
        )
        .join(Attempt, Attempt.id == Marking.attempt_id)
        .join(Assignment, Assignment.id == Attempt.assignment_id)
    )
    return query.where(*wanted).order_by(Marking.id).limit(1).with_for_update(skip_locked=True, of=Marking)


def _turns() -> Select[*tuple[Any, ...]]:
    """The offerings that wait with a priority, the one whose turn it is first.

    They are found by stepping from each to the next through the index, so that ten thousand waiting jobs of a few
    offerings cost no more than ten.
    """
    lane = select(func.min(Marking.offering_id).label("offering_id")).where(*_waiting()).cte("lane", recursive=True)
    following = select(func.min(Marking.offering_id)).where(*_waiting(), Marking.offering_id > lane.c.offering_id)
    lane = lane.union_all(
        select(following.correlate(lane).scalar_subquery()).where(lane.c.offering_id.is_not(None)).select_from(lane)
    )
    job = aliased(Marking)
    its = job.offering_id == lane.c.offering_id
    running = select(func.count(job.id)).where(its, job.state == MarkingState.RUNNING).scalar_subquery()
    served = select(func.max(job.started_at)).where(its).scalar_subquery()
    oldest = select(func.min(job.id)).where(its, *_waiting(job)).scalar_subquery()
    query = select(lane.c.offering_id).where(lane.c.offering_id.is_not(None))
    return query.order_by(running, served.nulls_first(), oldest)


_IS_SILENT = and_(
    Marking.state == MarkingState.RUNNING,
    Marking.needs == bindparam("needs"),
    Marking.heartbeat_at < bindparam("since"),
)
_ANYTHING = select(
    or_(
        select(Marking.id).where(Marking.state == MarkingState.QUEUED, Marking.needs == bindparam("needs")).exists(),
        select(Marking.id).where(_IS_SILENT).exists(),
    )
)
_LOWEST = select(func.min(Marking.priority)).where(
    Marking.state == MarkingState.QUEUED,
    Marking.needs == bindparam("needs"),
    Marking.priority > bindparam("above"),
)
_SILENT_ONES = [
    select(column).where(_IS_SILENT).order_by(Marking.priority, Marking.id).limit(1).scalar_subquery()
    for column in (Marking.id, Marking.priority)
]
_START = select(*_SILENT_ONES, _LOWEST.scalar_subquery())
_TURNS = _turns()
_OLDEST = _locked(*_waiting(), Marking.offering_id == bindparam("offering"))
_LEFT = _locked(Marking.id == bindparam("key"), _IS_SILENT)
_TAKE = (
    update(Marking)
    .where(Marking.id == bindparam("key"))
    .values(
        state=MarkingState.RUNNING,
        claim=bindparam("token"),
        claimed_by=bindparam("by"),
        heartbeat_at=bindparam("now"),
        started_at=bindparam("now"),
        phase=None,
        tries=bindparam("count"),
    )
    .execution_options(synchronize_session=False)
)
