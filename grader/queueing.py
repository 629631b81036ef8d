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

from sqlalchemy import BindParameter, ColumnElement, FromClause, Row, Select, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from cohorts.database import Database, table_of
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


def anything_waits(database: Database, needs: str, now: datetime, expiry: float = CLAIM_SECONDS) -> bool:
    """Whether a marking waits in that lane."""
    return _something_waits(database, {"since": now - timedelta(seconds=expiry), "needs": needs})


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
    first = session.execute(_FIRST, asked).first()
    if first is not None:
        return first
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

_MARKING, _ATTEMPT, _ASSIGNMENT = table_of(Marking), table_of(Attempt), table_of(Assignment)
_PRIORITY: BindParameter[int] = bindparam("priority")
_SINCE: BindParameter[datetime] = bindparam("since")
_NEEDS: BindParameter[str] = bindparam("needs")


def _waiting(job: FromClause = _MARKING, priority: ColumnElement[Any] = _PRIORITY) -> tuple[ColumnElement[bool], ...]:
    return job.c.state == MarkingState.QUEUED, job.c.needs == _NEEDS, job.c.priority == priority


def _silent(job: FromClause = _MARKING) -> ColumnElement[bool]:
    return and_(job.c.state == MarkingState.RUNNING, job.c.needs == _NEEDS, job.c.heartbeat_at < _SINCE)


def _lowest(job: FromClause, *wanted: ColumnElement[bool]) -> Select[int]:
    """The priority that goes before all others that wait."""
    return select(func.min(job.c.priority)).where(job.c.state == MarkingState.QUEUED, job.c.needs == _NEEDS, *wanted)


def _locked(*wanted: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    """What a worker must know (see Job) of the oldest such marking, locked."""
    query = (
        select(
            _MARKING.c.id.label("marking_id"),
            _MARKING.c.kind,
            _MARKING.c.tries,
            _MARKING.c.attempt_id,
            _ATTEMPT.c.number,
            _ATTEMPT.c.username,
            _ATTEMPT.c.sha256,
            _ATTEMPT.c.received_at,
            _ATTEMPT.c.assignment_id,
            _ASSIGNMENT.c.name.label("assignment"),
            _ASSIGNMENT.c.offering_id,
            _ASSIGNMENT.c.counting,
            _ASSIGNMENT.c.feedback_policy,
            _ASSIGNMENT.c.time_limit_seconds,
            _ASSIGNMENT.c.image,
            _MARKING.c.needs,
        )
        .join(_ATTEMPT, _ATTEMPT.c.id == _MARKING.c.attempt_id)
        .join(_ASSIGNMENT, _ASSIGNMENT.c.id == _ATTEMPT.c.assignment_id)
    )
    return query.where(*wanted).order_by(_MARKING.c.id).limit(1).with_for_update(skip_locked=True, of=_MARKING)


def _turns(priority: ColumnElement[Any]) -> Select[str, int]:
    """The offerings that wait with a priority, each with its oldest marking, the one whose turn it is first.

    They are found by stepping from each to the next through the index, so that ten thousand waiting jobs of a few
    offerings cost no more than ten.
    """
    waits, job = _MARKING.alias("waits"), _MARKING.alias("job")
    start = select(func.min(waits.c.offering_id).label("offering_id")).where(*_waiting(waits, priority))
    lane = start.cte("lane", recursive=True)
    following = select(func.min(waits.c.offering_id)).where(
        *_waiting(waits, priority), waits.c.offering_id > lane.c.offering_id
    )
    lane = lane.union_all(
        select(following.correlate(lane).scalar_subquery()).where(lane.c.offering_id.is_not(None)).select_from(lane)
    )
    its = job.c.offering_id == lane.c.offering_id
    running = select(func.count(job.c.id)).where(its, job.c.state == MarkingState.RUNNING).scalar_subquery()
    served = select(func.max(job.c.started_at)).where(its).scalar_subquery()
    oldest = select(func.min(job.c.id)).where(its, *_waiting(job, priority)).scalar_subquery()
    query = select(lane.c.offering_id, oldest.label("oldest")).where(lane.c.offering_id.is_not(None))
    return query.order_by(running, served.nulls_first(), oldest)


def _first() -> Select[*tuple[Any, ...]]:
    """The marking whose turn it is, at one go; nothing where another worker is just taking it, or one fell silent."""
    job = _MARKING.alias("other")
    lowest = _lowest(job).scalar_subquery()
    turn = _turns(lowest).limit(1).subquery("turn")
    silent = select(job.c.id).where(_silent(job), job.c.priority <= _MARKING.c.priority).exists()
    its = _MARKING.c.id == select(turn.c.oldest).scalar_subquery()
    return _locked(its, _MARKING.c.state == MarkingState.QUEUED, ~silent)


_ANYTHING = select(
    or_(
        select(_MARKING.c.id).where(_MARKING.c.state == MarkingState.QUEUED, _MARKING.c.needs == _NEEDS).exists(),
        select(_MARKING.c.id).where(_silent()).exists(),
    )
)
_LOWEST = _lowest(_MARKING, _MARKING.c.priority > bindparam("above"))
_SILENT_ONES = [
    select(column).where(_silent()).order_by(_MARKING.c.priority, _MARKING.c.id).limit(1).scalar_subquery()
    for column in (_MARKING.c.id, _MARKING.c.priority)
]
_START = select(*_SILENT_ONES, _LOWEST.scalar_subquery())
_FIRST = _first()
_TURNS = _turns(_PRIORITY)
_OLDEST = _locked(*_waiting(), _MARKING.c.offering_id == bindparam("offering"))
_LEFT = _locked(_MARKING.c.id == bindparam("key"), _silent())
_TAKE = (
    update(_MARKING)
    .where(_MARKING.c.id == bindparam("key"))
    .values(
        state=MarkingState.RUNNING,
        claim=bindparam("token"),
        claimed_by=bindparam("by"),
        heartbeat_at=bindparam("now"),
        started_at=bindparam("now"),
        phase=None,
        tries=bindparam("count"),
    )
)
