"""Who gets the slices that are free: first those that are kept for a class, then everybody in fair order.

One decision is one transaction (`gpus.writer.deciding`). Its cost follows from what it grants, not from how long the
queue is or how many slices there are lent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from gpus.borrowers import borrower
from gpus.hardware import Hardware, Profile
from gpus.inventory import available, free_slices
from gpus.leases import grant
from gpus.models import Lease, Ticket, TicketState
from gpus.quota import seconds_left
from gpus.reservations import Hold, current, holds, walk_in_until
from gpus.tickets import anybody_waits, close, in_order, of_cohort

LOOK_AT_MOST = 50  # tickets in a row that can't be served now, before a decision gives up


@dataclass(frozen=True)
class _Scene:
    """What one decision is about."""

    hardware: Hardware
    timezone: str
    kind: str
    now: datetime
    present: str | None


def decide(
    session: Session, hardware: Hardware, kind: str, now: datetime, *, timezone: str, present: str | None = None
) -> list[Lease]:
    """Lend what is free of that kind to those who wait; the new leases.

    Whoever is `present` starts at once; everybody else's slice is held for the time that the rules give to answer.
    """
    if not anybody_waits(session, kind):
        return []
    free = free_slices(session, kind)
    if not free:
        return []
    scene = _Scene(hardware, timezone, kind, now, present)
    longest = max((profile.lease for profile in hardware.profiles if profile.kind == kind), default=timedelta())
    found = holds(session, hardware, kind, now, longest)
    granted, kept = _serve_classes(session, scene, free, current(found, now))
    spare = len(free) - kept
    if spare > 0:
        granted += _serve_in_order(session, scene, free, spare, found)
    return granted


def spare(session: Session, hardware: Hardware, kind: str, now: datetime) -> list[int]:
    """Free slices that nobody waits for and no class keeps: what a marking may take."""
    if anybody_waits(session, kind):
        return []
    free = free_slices(session, kind)
    kept = sum(hold.kept for hold in current(holds(session, hardware, kind, now, timedelta()), now))
    return free[: max(0, len(free) - kept)]


def _serve_classes(session: Session, scene: _Scene, free: list[int], found: list[Hold]) -> tuple[list[Lease], int]:
    """Lend to the members of classes what is kept for them; the leases, and how many slices are still kept."""
    granted: list[Lease] = []
    kept = 0
    for hold in found:
        served = 0
        for ticket in of_cohort(session, scene.kind, hold.cohort_id, min(hold.kept, len(free))):
            profile = scene.hardware.profile(ticket.profile)
            granted.append(_lend(session, scene, free.pop(0), ticket, profile, hold.ends_at, hold.class_session_id))
            served += 1
        kept += hold.kept - served
    return granted, kept


def _serve_in_order(session: Session, scene: _Scene, free: list[int], spare: int, found: list[Hold]) -> list[Lease]:
    granted: list[Lease] = []
    capacity = available(session, scene.kind)
    classes = {hold.cohort_id: hold for hold in current(found, scene.now)}
    looked = 0
    for ticket in in_order(session, scene.kind, scene.hardware.rules, scene.now):
        if spare <= 0 or not free or looked >= LOOK_AT_MOST:
            break
        profile = scene.hardware.profile(ticket.profile)
        hold = classes.get(ticket.cohort_id or "")
        if hold is not None:  # more of the class came than it keeps slices for
            until, class_id = hold.ends_at, hold.class_session_id
        else:
            until, class_id = _until(session, scene, ticket, profile, capacity, found), None
            if until - scene.now < scene.hardware.rules.shortest:
                looked += 1
                continue
        granted.append(_lend(session, scene, free.pop(0), ticket, profile, until, class_id))
        spare -= 1
    return granted


def _until(
    session: Session, scene: _Scene, ticket: Ticket, profile: Profile, capacity: int, found: list[Hold]
) -> datetime:
    """Until when this walk-in may have a slice: what the profile gives, a class leaves and the quota allows."""
    who = borrower(session, ticket.username, scene.timezone)
    until = scene.now + profile.lease
    left = seconds_left(session, who.username, who.timezone, scene.hardware.rules.weekly_hours, scene.now)
    if left is not None:
        until = min(until, scene.now + timedelta(seconds=left / profile.share))
    return walk_in_until(
        session, found, kind=scene.kind, capacity=capacity, cohorts=who.cohorts, until=until, now=scene.now
    )


def _lend(
    session: Session,
    scene: _Scene,
    slice_id: int,
    ticket: Ticket,
    profile: Profile,
    until: datetime,
    class_session_id: int | None,
) -> Lease:
    here = ticket.username == scene.present
    lease = grant(
        session,
        slice_id,
        holder=ticket.username,
        profile=profile,
        cohort_id=ticket.cohort_id,
        track=ticket.track,
        until=until,
        answer_by=None if here else scene.now + scene.hardware.rules.answer,
        class_session_id=class_session_id,
        now=scene.now,
    )
    close(ticket, TicketState.SERVED, scene.now)
    ticket.lease_id = lease.id
    session.flush()
    return lease
