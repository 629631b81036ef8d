"""GPU time as it is used, written while a lease runs: a crash loses a minute at most. Owns use and its fading."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, bindparam, func, insert, select, update
from sqlalchemy.orm import Session, joinedload

from cohorts.database import table_of
from cohorts.models import Cohort
from gpus.fair_order import faded
from gpus.models import Lease, LeaseState, RecentUse, Use
from gpus.readings import computes_nothing

# Statements are built once, and on tables: the time of every lease is booked each minute while nobody else decides.
_R, _U, _C = table_of(RecentUse), table_of(Use), table_of(Cohort)
_RECENT = select(_R.c.key, _R.c.seconds, _R.c.as_of).where(_R.c.key.in_(bindparam("keys", expanding=True)))
_KEEP_RECENT = update(_R).where(_R.c.key == bindparam("name")).values(seconds=bindparam("sum"), as_of=bindparam("at"))
_FIRST_RECENT = insert(_R)
_ZONES = select(_C.c.id, _C.c.timezone).where(_C.c.id.in_(bindparam("cohorts", expanding=True)))
_LATEST = (
    select(func.max(_U.c.id)).where(_U.c.lease_id.in_(bindparam("leases", expanding=True))).group_by(_U.c.lease_id)
)
_LAST = select(_U.c.id, _U.c.lease_id, _U.c.until_at, _U.c.month, _U.c.in_class).where(_U.c.id.in_(_LATEST))
_OPEN = insert(_U)
_GO_ON = (
    update(_U)
    .where(_U.c.id == bindparam("number"))
    .values(
        seconds=_U.c.seconds + bindparam("more"),
        idle_seconds=_U.c.idle_seconds + bindparam("more_idle"),
        until_at=bindparam("until"),
    )
)


@dataclass(frozen=True)
class Account:
    """GPU hours of somebody or something; `idle` of them the slice did nothing."""

    name: str
    hours: float
    class_hours: float
    idle: float


def accrue(session: Session, lease: Lease, now: datetime, half_life: timedelta, timezone: str) -> float:
    """Book the lease's time up to `now`; the seconds that were added. A lease that is only held books nothing."""
    return _book(session, [lease], now, half_life, timezone)


def accrue_all(session: Session, now: datetime, half_life: timedelta, timezone: str) -> None:
    """Book the time of every lease that has a server, in a few statements however many there are."""
    running = select(Lease).where(Lease.ended_at.is_(None), Lease.state.in_((LeaseState.STARTING, LeaseState.RUNNING)))
    _book(session, session.scalars(running.options(joinedload(Lease.slice))).all(), now, half_life, timezone)


def _book(session: Session, leases: Sequence[Lease], now: datetime, half_life: timedelta, timezone: str) -> float:
    leases = [lease for lease in leases if lease.starting_at is not None]
    if not leases:
        return 0.0
    last = {row.lease_id: row for row in session.execute(_LAST, {"leases": [lease.id for lease in leases]})}
    zones = {lease.cohort_id for lease in leases if lease.cohort_id}
    zone = {row.id: row.timezone for row in session.execute(_ZONES, {"cohorts": sorted(zones)})} if zones else {}
    months: dict[str, str] = {}
    opened: list[dict[str, object]] = []
    went_on: list[dict[str, object]] = []
    recent: dict[str, float] = defaultdict(float)
    total = 0.0
    for lease in leases:
        row = last.get(lease.id)
        since = row.until_at if row else lease.starting_at
        assert since is not None
        seconds = (now - since).total_seconds()
        if seconds <= 0:
            continue
        total += seconds
        idle = seconds if computes_nothing(lease.slice, now) else 0.0
        name = zone.get(lease.cohort_id or "", timezone)
        month = months.setdefault(name, now.astimezone(ZoneInfo(name)).strftime("%Y-%m"))
        in_class = lease.class_session_id is not None
        if row is None or row.month != month or row.in_class != in_class:
            opened.append(_opened(lease, month, in_class, since, now, seconds, idle))
        else:
            went_on.append({"number": row.id, "until": now, "more": seconds, "more_idle": idle})
        for key in (person_key(lease.holder), track_key(lease.track)):
            recent[key] += seconds * lease.share
    if opened:
        session.execute(_OPEN, opened)
    if went_on:
        session.execute(_GO_ON, went_on)
    _add_recent(session, recent, now, half_life)
    return total


def _opened(
    lease: Lease, month: str, in_class: bool, since: datetime, now: datetime, seconds: float, idle: float
) -> dict[str, object]:
    return {
        "lease_id": lease.id,
        "username": lease.holder,
        "cohort_id": lease.cohort_id,
        "track": lease.track,
        "kind": lease.kind,
        "share": lease.share,
        "month": month,
        "in_class": in_class,
        "began_at": since,
        "until_at": now,
        "seconds": seconds,
        "idle_seconds": idle,
    }


def person_key(username: str) -> str:
    return f"person:{username}"


def track_key(track: str) -> str:
    return f"track:{track}"


def _add_recent(session: Session, more: Mapping[str, float], now: datetime, half_life: timedelta) -> None:
    if not more:
        return
    known = {key: (seconds, as_of) for key, seconds, as_of in session.execute(_RECENT, {"keys": sorted(more)})}
    changed, new = [], []
    for key, seconds in sorted(more.items()):
        if key in known:
            before, as_of = known[key]
            changed.append({"name": key, "sum": faded(before, now - as_of, half_life) + seconds, "at": max(now, as_of)})
        else:
            new.append({"key": key, "seconds": seconds, "as_of": now})
    if changed:
        session.execute(_KEEP_RECENT, changed)
    if new:
        session.execute(_FIRST_RECENT, new)


def recent_use(session: Session, keys: Collection[str], now: datetime, half_life: timedelta) -> dict[str, float]:
    """GPU seconds that still count, by key; keys that never used anything are left out."""
    rows = session.execute(_RECENT, {"keys": list(keys)})
    return {key: faded(seconds, now - as_of, half_life) for key, seconds, as_of in rows}


def recent_columns(key: ColumnElement[str]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """What `key` used and as of when, None where it never did, as columns of a statement that knows the key."""
    known = _R.alias("known")
    seconds, as_of = (
        select(column).where(known.c.key == key).scalar_subquery() for column in (known.c.seconds, known.c.as_of)
    )
    return seconds, as_of


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
