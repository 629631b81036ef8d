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
from gpus.lending import lend
from gpus.quota import seconds_left
from gpus.reservations import Hold, current, holds, walk_in_until
from gpus.tickets import Heads, Waiting, anybody_waits, heads, in_order, of_cohort

LOOK_AT_MOST = 50  # tickets in a row that can't be served now, before a decision gives up


@dataclass(frozen=True)
class Granted:
    """A lease that a decision made."""

    id: int
    holder: str


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
) -> list[Granted]:
    """Lend what is free of that kind to those who wait; the new leases as (id, holder).

    Whoever is `present` starts at once; everybody else's slice is held for the time that the rules give to answer.
    """
    free = free_slices(session, kind)
    first = heads(session, kind) if free else None
    if not first:
        return []
    scene = _Scene(hardware, timezone, kind, now, present)
    longest = max((profile.lease for profile in hardware.profiles if profile.kind == kind), default=timedelta())
    found = holds(session, hardware, kind, now, longest)
    granted, kept = _serve_classes(session, scene, free, current(found, now))
    spare = len(free) - kept
    if spare > 0:
        first = heads(session, kind) if granted else first
        granted += _serve_in_order(session, scene, free, spare, found, first)
    return granted


def spare(session: Session, hardware: Hardware, kind: str, now: datetime) -> list[int]:
    """Free slices that nobody waits for and no class keeps: what a marking may take."""
    if anybody_waits(session, kind):
        return []
    free = free_slices(session, kind)
    kept = sum(hold.kept for hold in current(holds(session, hardware, kind, now, timedelta()), now))
    return free[: max(0, len(free) - kept)]


def _serve_classes(session: Session, scene: _Scene, free: list[int], found: list[Hold]) -> tuple[list[Granted], int]:
    """Lend to the members of classes what is kept for them; the leases, and how many slices are still kept."""
    granted: list[Granted] = []
    kept = 0
    for hold in found:
        served = 0
        for ticket in of_cohort(session, scene.kind, hold.cohort_id, min(hold.kept, len(free))):
            profile = scene.hardware.profile(ticket.profile)
            granted.append(_lend(session, scene, free.pop(0), ticket, profile, hold.ends_at, hold.class_session_id))
            served += 1
        kept += hold.kept - served
    return granted, kept


def _serve_in_order(
    session: Session, scene: _Scene, free: list[int], spare: int, found: list[Hold], first: Heads
) -> list[Granted]:
    granted: list[Granted] = []
    classes = {hold.cohort_id: hold for hold in current(found, scene.now)}
    looked = 0
    for ticket in in_order(session, scene.kind, first, scene.hardware.rules, scene.now):
        profile = scene.hardware.profile(ticket.profile)
        hold = classes.get(ticket.cohort_id or "")
        if hold is not None:  # more of the class came than it keeps slices for
            until, class_id = hold.ends_at, hold.class_session_id
        else:
            until, class_id = _until(session, scene, ticket, profile, found), None
        if hold is None and until - scene.now < scene.hardware.rules.shortest:
            looked += 1
        else:
            granted.append(_lend(session, scene, free.pop(0), ticket, profile, until, class_id))
            spare -= 1
        if spare <= 0 or not free or looked >= LOOK_AT_MOST:
            break
    return granted


def _until(session: Session, scene: _Scene, ticket: Waiting, profile: Profile, found: list[Hold]) -> datetime:
    """Until when this walk-in may have a slice: what the profile gives, a class leaves and the quota allows."""
    until = scene.now + profile.lease
    weekly = scene.hardware.rules.weekly_hours
    if weekly is None and not found:
        return until
    who = borrower(session, ticket.username, scene.timezone)
    left = seconds_left(session, who.username, who.timezone, weekly, scene.now)
    if left is not None:
        until = min(until, scene.now + timedelta(seconds=left / profile.share))
    return walk_in_until(
        session,
        found,
        kind=scene.kind,
        capacity=available(session, scene.kind),
        cohorts=who.cohorts,
        until=until,
        now=scene.now,
    )


def _lend(
    session: Session,
    scene: _Scene,
    slice_id: int,
    ticket: Waiting,
    profile: Profile,
    until: datetime,
    class_session_id: int | None,
) -> Granted:
    here = ticket.username == scene.present
    lease = lend(
        session,
        slice_id,
        ticket,
        profile=profile,
        until=until,
        answer_by=None if here else scene.now + scene.hardware.rules.answer,
        class_session_id=class_session_id,
        now=scene.now,
    )
    return Granted(lease, ticket.username)
