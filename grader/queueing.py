"""Who is next: which waiting marking a worker takes. Owns the order of the queue.

Lower `priority` goes first, always. Among the offerings that wait with the same priority it is the turn of the one
with the fewest jobs running, then of the one served longest ago (never served: the longest waiting): five hundred
waiting jobs of one offering keep another offering's single job waiting for about one job. Within an offering the oldest
goes first. A job whose worker fell silent waits again.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session, aliased, joinedload

from cohorts.database import Database
from grader.doorbell import Bell, ring
from grader.jobs import CLAIM_SECONDS, MOST_TRIES, Job, job_of, set_aside
from grader.models import Attempt, Marking, MarkingState


def claim(database: Database, worker: str, now: datetime, expiry: float = CLAIM_SECONDS) -> Job | None:
    """Take the next job for `worker`, None where nothing waits. A running job is free again after `expiry` seconds."""
    silent_since = now - timedelta(seconds=expiry)
    if database.engine.dialect.name == "sqlite" and not _something_waits(database, silent_since):
        return None  # its one write lock is not taken in vain
    with database.write() as session:
        while (marking := _next(session, silent_since)) is not None:
            if marking.tries < MOST_TRIES:
                return _take(session, marking, worker, now)
            set_aside(marking, "The worker that had this job fell silent each time it was tried.", now)
            session.flush()
    return None


def _something_waits(database: Database, silent_since: datetime) -> bool:
    with database.read() as session:
        queued = select(Marking.id).where(Marking.state == MarkingState.QUEUED).limit(1)
        return session.scalar(queued) is not None or session.scalar(_silent(silent_since)) is not None


def _take(session: Session, marking: Marking, worker: str, now: datetime) -> Job:
    marking.state = MarkingState.RUNNING
    marking.claim = str(uuid.uuid4())
    marking.claimed_by = worker
    marking.heartbeat_at = now
    marking.started_at = now
    marking.phase = None
    marking.tries += 1
    session.flush()
    ring(session, Bell.NEWS)
    return job_of(marking)


def _next(session: Session, silent_since: datetime) -> Marking | None:
    """The marking whose turn it is, locked. On PostgreSQL those that others are just taking are passed over."""
    silent_id = session.scalar(_silent(silent_since))
    silent = _lock(session, Marking.id == silent_id, _is_silent(silent_since)) if silent_id is not None else None
    priority = session.scalar(_lowest_priority())
    while priority is not None and (silent is None or priority < silent.priority):
        for offering_id in _turns(session, priority):
            found = _lock(session, *_waits(priority), Marking.offering_id == offering_id)
            if found is not None:
                return found
        priority = session.scalar(_lowest_priority(above=priority))
    return silent


def _lock(session: Session, *wanted: ColumnElement[bool]) -> Marking | None:
    query = (
        select(Marking)
        .options(joinedload(Marking.attempt, innerjoin=True).joinedload(Attempt.assignment, innerjoin=True))
        .where(*wanted)
        .order_by(Marking.id)
        .limit(1)
    )
    return session.scalar(query.with_for_update(skip_locked=True, of=Marking))


def _turns(session: Session, priority: int) -> list[str]:
    """The offerings that wait with `priority`, the one whose turn it is first.

    They are found by stepping from each to the next through the index, so that ten thousand waiting jobs of a few
    offerings cost no more than ten.
    """
    lane = (
        select(func.min(Marking.offering_id).label("offering_id")).where(*_waits(priority)).cte("lane", recursive=True)
    )
    following = select(func.min(Marking.offering_id)).where(*_waits(priority), Marking.offering_id > lane.c.offering_id)
    lane = lane.union_all(
        select(following.correlate(lane).scalar_subquery()).where(lane.c.offering_id.is_not(None)).select_from(lane)
    )
    job = aliased(Marking)
    its = job.offering_id == lane.c.offering_id
    running = select(func.count(job.id)).where(its, job.state == MarkingState.RUNNING).scalar_subquery()
    served = select(func.max(job.started_at)).where(its).scalar_subquery()
    oldest = select(func.min(job.id)).where(its, *_waits(priority, job)).scalar_subquery()
    query = select(lane.c.offering_id).where(lane.c.offering_id.is_not(None))
    return list(session.scalars(query.order_by(running, served.nulls_first(), oldest)))


def _lowest_priority(above: int | None = None) -> Select[int]:
    query = select(func.min(Marking.priority)).where(Marking.state == MarkingState.QUEUED)
    return query if above is None else query.where(Marking.priority > above)


def _waits(priority: int, job: type[Marking] = Marking) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return job.state == MarkingState.QUEUED, job.priority == priority


def _is_silent(since: datetime) -> ColumnElement[bool]:
    return and_(Marking.state == MarkingState.RUNNING, Marking.heartbeat_at < since)


def _silent(since: datetime) -> Select[int]:
    """The id of the job that a worker left first."""
    return select(Marking.id).where(_is_silent(since)).order_by(Marking.priority, Marking.id).limit(1)
