"""Whose servers are started before the bell, one after another, and whose were never used. Starts nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cohorts.models import ClassSession, Membership, MembershipState, Role
from cohorts.timetable import sessions_between
from gpus.hardware import Hardware
from gpus.models import Lease, LeaseState

READY_BEFORE = 0.2  # the last part of the time before the bell is left for slow starts


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
        for place, (username, count) in enumerate(_seated(session, entry)):
            moment = since + (entry.starts_at - since) * (1 - READY_BEFORE) * (place / count)
            if moment <= now and not _had_turn(session, username, entry.id):
                found.append(Start(username, entry.profile or "", entry.id))
    return found


def _seated(session: Session, entry: ClassSession) -> list[tuple[str, int]]:
    """Students of the class for whom a slice is kept, each with how many they are."""
    names = session.scalars(
        select(Membership.username)
        .where(
            Membership.cohort_id == entry.cohort_id,
            Membership.role == Role.STUDENT,
            Membership.state == MembershipState.ACTIVE,
        )
        .order_by(Membership.username)
        .limit(entry.seats)
    ).all()
    return [(name, len(names)) for name in names]


def _had_turn(session: Session, username: str, class_session_id: int) -> bool:
    """Whether the person has a lease, or had one for this class already: nobody is started twice."""
    return (
        session.scalar(
            select(Lease.id)
            .where(
                Lease.holder == username,
                Lease.ended_at.is_(None) | (Lease.class_session_id == class_session_id),
            )
            .limit(1)
        )
        is not None
    )


def return_unused(
    session: Session, hardware: Hardware, last_used: Mapping[str, datetime | None], now: datetime
) -> list[str]:
    """Mark leases of classes that began without their holder for longer than the grace; the holders.

    `last_used` tells when each running server was last used by its person, None for one that never was.
    """
    rows = session.scalars(
        select(Lease).where(
            Lease.ended_at.is_(None),
            Lease.class_session_id.is_not(None),
            Lease.state == LeaseState.RUNNING,
            Lease.stopping.is_(None),
        )
    ).all()
    marked = []
    for lease in rows:
        entry = session.get(ClassSession, lease.class_session_id)
        if entry is None or now < entry.starts_at + hardware.rules.class_grace or lease.holder not in last_used:
            continue
        if lease.running_at and now - lease.running_at < min(hardware.rules.class_grace, timedelta(minutes=10)):
            continue  # came late
        if last_used[lease.holder] is None:
            lease.stopping = "unused"
            marked.append(lease.holder)
    session.flush()
    return marked
