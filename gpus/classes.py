"""Whose servers are started before the bell, one after another, and whose were never used. Starts nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from cohorts.database import table_of
from cohorts.models import ClassSession, Membership, MembershipState, Role
from cohorts.timetable import KeepingClass, sessions_between
from gpus.hardware import Hardware
from gpus.models import Lease, LeaseState

AGAIN = timedelta(minutes=1)
READY_BEFORE = 0.2  # the last part of the time before the bell is left for slow starts

_L, _C = table_of(Lease), table_of(ClassSession)
#: leases of classes that began some time ago, of servers that have run for a while: whoever came late has a chance
_BEGUN = (
    select(_L.c.id, _L.c.holder)
    .join(_C, _C.c.id == _L.c.class_session_id)
    .where(
        _L.c.ended_at.is_(None),
        _L.c.state == LeaseState.RUNNING,
        _L.c.stopping.is_(None),
        _C.c.starts_at <= bindparam("began"),
        _L.c.running_at <= bindparam("ran"),
    )
    .order_by(_L.c.id)
)


@dataclass(frozen=True)
class Start:
    """A server to start for a class, with that hardware."""

    username: str
    profile: str
    class_session_id: int


def due_starts(session: Session, hardware: Hardware, now: datetime) -> list[Start]:
    """Servers that should be starting by now: one after another, so that the bell finds them ready."""
    lead = hardware.rules.class_lead
    found = []
    for entry in sessions_between(session, now, now + lead):
        since = entry.starts_at - lead
        if now < since or now >= entry.starts_at + hardware.rules.class_grace:
            continue
        names = _seated(session, entry)
        had = _had_turn(session, names, entry.id, now)
        for place, username in enumerate(names):
            moment = since + (entry.starts_at - since) * (1 - READY_BEFORE) * (place / len(names))
            if moment <= now and username not in had:
                found.append(Start(username, entry.profile, entry.id))
    return found


def _seated(session: Session, entry: KeepingClass) -> Sequence[str]:
    """Students of the class for whom a slice is kept, in the order in which their servers start."""
    return session.scalars(
        select(Membership.username)
        .where(
            Membership.cohort_id == entry.cohort_id,
            Membership.role == Role.STUDENT,
            Membership.state == MembershipState.ACTIVE,
        )
        .order_by(Membership.username)
        .limit(entry.seats)
    ).all()


def _had_turn(session: Session, names: Sequence[str], class_session_id: int, now: datetime) -> set[str]:
    """Who of them has a lease, or had one for this class: nobody is started twice, but for a start that failed.

    That one is tried again after a while.
    """
    ran = Lease.running_at.is_not(None) | (Lease.ended_at > now - AGAIN)
    return set(
        session.scalars(
            select(Lease.holder).where(
                Lease.holder.in_(names),
                Lease.ended_at.is_(None) | ((Lease.class_session_id == class_session_id) & ran),
            )
        )
    )


def return_unused(
    session: Session, hardware: Hardware, last_used: Mapping[str, datetime | None], now: datetime
) -> list[str]:
    """Mark leases of classes that began without their holder for longer than the grace; the holders.

    `last_used` tells when each running server was last used by its person, None for one that never was.
    """
    grace = hardware.rules.class_grace
    rows = session.execute(_BEGUN, {"began": now - grace, "ran": now - min(grace, timedelta(minutes=10))}).all()
    marked = []
    for number, holder in rows:
        if holder in last_used and last_used[holder] is None:
            session.get_one(Lease, number).stopping = "unused"
            marked.append(holder)
    session.flush()
    return marked
