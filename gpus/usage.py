"""GPU time as it is used, written while a lease runs: a crash loses a minute at most. Owns use and its fading."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from cohorts.database import table_of
from cohorts.models import Cohort
from gpus.fair_order import faded
from gpus.models import Lease, LeaseState, RecentUse, Use
from gpus.readings import computes_nothing

_R = table_of(RecentUse)
_RECENT = select(_R.c.key, _R.c.seconds, _R.c.as_of).where(_R.c.key.in_(bindparam("keys", expanding=True)))


@dataclass(frozen=True)
class Account:
    """GPU hours of somebody or something; `idle` of them the slice did nothing."""

    name: str
    hours: float
    class_hours: float
    idle: float


def accrue(session: Session, lease: Lease, now: datetime, half_life: timedelta, timezone: str) -> float:
    """Book the lease's time up to `now`; the seconds that were added. A lease that is only held books nothing."""
    began = lease.starting_at
    if began is None:
        return 0.0
    row = session.scalar(select(Use).where(Use.lease_id == lease.id).order_by(Use.id.desc()).limit(1))
    since = row.until_at if row else began
    seconds = (now - since).total_seconds()
    if seconds <= 0:
        return 0.0
    month = now.astimezone(ZoneInfo(_zone(session, lease, timezone))).strftime("%Y-%m")
    in_class = lease.class_session_id is not None
    if row is None or row.month != month or row.in_class != in_class:
        row = Use(
            lease_id=lease.id,
            username=lease.holder,
            cohort_id=lease.cohort_id,
            track=lease.track,
            kind=lease.kind,
            share=lease.share,
            month=month,
            in_class=in_class,
            began_at=since,
            until_at=since,
            seconds=0.0,
            idle_seconds=0.0,
        )
        session.add(row)
    row.seconds += seconds
    row.until_at = now
    if computes_nothing(lease.slice, now):
        row.idle_seconds += seconds
    for key in (person_key(lease.holder), track_key(lease.track)):
        _add_recent(session, key, seconds * lease.share, now, half_life)
    session.flush()
    return seconds


def accrue_all(session: Session, now: datetime, half_life: timedelta, timezone: str) -> None:
    """Book the time of every lease that has a server."""
    running = select(Lease).where(Lease.ended_at.is_(None), Lease.state.in_((LeaseState.STARTING, LeaseState.RUNNING)))
    for lease in session.scalars(running):
        accrue(session, lease, now, half_life, timezone)


def _zone(session: Session, lease: Lease, timezone: str) -> str:
    cohort = session.get(Cohort, lease.cohort_id) if lease.cohort_id else None
    return cohort.timezone if cohort else timezone


def person_key(username: str) -> str:
    return f"person:{username}"


def track_key(track: str) -> str:
    return f"track:{track}"


def _add_recent(session: Session, key: str, seconds: float, now: datetime, half_life: timedelta) -> None:
    row = session.get(RecentUse, key)
    if row is None:
        session.add(RecentUse(key=key, seconds=seconds, as_of=now))
        return
    row.seconds = faded(row.seconds, now - row.as_of, half_life) + seconds
    row.as_of = now


def recent_use(session: Session, keys: Collection[str], now: datetime, half_life: timedelta) -> dict[str, float]:
    """GPU seconds that still count, by key; keys that never used anything are left out."""
    rows = session.execute(_RECENT, {"keys": list(keys)})
    return {key: faded(seconds, now - as_of, half_life) for key, seconds, as_of in rows}


def last_used(session: Session) -> dict[str, datetime]:
    """When the lab of each lease last said that somebody worked there, by holder."""
    rows = session.execute(
        select(Lease.holder, Lease.used_at).where(Lease.ended_at.is_(None), Lease.used_at.is_not(None))
    )
    return {holder: used for holder, used in rows if used is not None}


def used_since(session: Session, username: str, since: datetime) -> float:
    """GPU seconds outside of class that the person has used since then."""
    rows = session.execute(
        select(Use.began_at, Use.until_at, Use.seconds, Use.share).where(
            Use.username == username, Use.until_at > since, Use.in_class.is_(False)
        )
    )
    total = 0.0
    for began, until, seconds, share in rows:
        span = (until - began).total_seconds()
        part = (until - max(began, since)).total_seconds() / span if span > 0 else 0.0
        total += seconds * share * part
    return total


_COLUMNS: Mapping[str, object] = {"person": Use.username, "cohort": Use.cohort_id, "track": Use.track, "kind": Use.kind}


def account(session: Session, by: str, month: str | None = None) -> list[Account]:
    """GPU hours by "person", "cohort", "track" or "kind", of one month (YYYY-MM) or of all, the most first."""
    column = _COLUMNS[by]
    hours = func.sum(Use.seconds * Use.share) / 3600
    in_class = func.sum(Use.seconds * Use.share * _as_number(Use.in_class)) / 3600
    query = select(column, hours, in_class, func.sum(Use.idle_seconds * Use.share) / 3600)  # type: ignore[call-overload]
    if month is not None:
        query = query.where(Use.month == month)
    rows = session.execute(query.group_by(column).order_by(hours.desc(), column)).all()
    return [Account(name or "-", total, classes, idle) for name, total, classes, idle in rows]


def _as_number(flag: object) -> object:
    from sqlalchemy import case

    return case((flag, 1.0), else_=0.0)  # type: ignore[arg-type]
