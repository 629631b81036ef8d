"""Hardware as one person may choose it now: what is free, who waits, what their week leaves, what ended by itself.

Reads the books of `gpus`; lends nothing and asks the hub nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from gpus.borrowers import Borrower, borrower
from gpus.estimates import Estimator
from gpus.hardware import Hardware, Profile
from gpus.inventory import Stock, stock
from gpus.models import Lease, Ticket, TicketState
from gpus.quota import seconds_left, week_of
from gpus.reservations import Hold, class_now, current, holds
from gpus.tickets import waiting_by_kind

#: how long what ended is still told
REMEMBERED = timedelta(hours=6)
#: ends that a person didn't bring about, and should hear of
TOLD = ("no-answer", "idle", "over", "unused", "lost", "failed", "gone")


@dataclass(frozen=True)
class Choice:
    """One profile. `free` of `there` slices are to be had, `kept` are free and kept for other people's classes.

    `wait` guesses how long a newcomer waits, None where nobody has to or nothing is known.
    """

    profile: Profile
    there: int
    free: int
    kept: int
    waiting: int
    wait: timedelta | None


@dataclass(frozen=True)
class Quota:
    """GPU hours of a week outside of class: what there is, what is left, and when there are new ones.

    `least` are the hours that a lease takes at least, with the smallest slice that there is.
    """

    hours: float
    left: float
    renewed: datetime
    least: float

    @property
    def used_up(self) -> bool:
        return self.left < self.least


@dataclass(frozen=True)
class Ending:
    """What ended by itself: why, the hardware, when. `again` is whether it can still be chosen."""

    because: str
    profile: str
    at: datetime
    since: datetime | None
    again: Profile | None


@dataclass(frozen=True)
class Choices:
    """All that the page shows of one person's choice."""

    choices: tuple[Choice, ...]
    quota: Quota | None
    in_class: bool
    ending: Ending | None
    zone: str


def choices_for(session: Session, hardware: Hardware, username: str, now: datetime, timezone: str) -> Choices:
    """What that person may choose; those without a cohort may choose everything."""
    who = borrower(session, username, timezone)
    in_class = class_now(session, who.cohorts, now, hardware.rules.class_lead) is not None
    there = {one.kind: one for one in stock(session)}
    waiting = waiting_by_kind(session)
    found = []
    for profile in hardware.profiles:
        if who.track and not profile.serves(who.track):
            continue
        found.append(_choice(session, hardware, profile, who, there, waiting, now))
    return Choices(
        choices=tuple(found),
        quota=quota_of(session, hardware, who, now),
        in_class=in_class,
        ending=last_ending(session, hardware, username, now),
        zone=who.timezone,
    )


def _choice(
    session: Session,
    hardware: Hardware,
    profile: Profile,
    who: Borrower,
    there: dict[str, Stock],
    waiting: dict[str, int],
    now: datetime,
) -> Choice:
    if profile.kind is None:
        return Choice(profile, 0, 0, 0, 0, None)
    have = there.get(profile.kind, Stock(profile.kind, 0, 0, 0, 0))
    kept = kept_for_others(holds(session, hardware, profile.kind, now, timedelta()), who.cohorts, now)
    kept = min(kept, have.free)
    queue = waiting.get(profile.kind, 0)
    free = have.free - kept
    wait = None if free > queue else Estimator.read(session, profile.kind, profile.lease, now).wait(queue + 1)
    return Choice(profile, have.available, free, kept, queue, wait)


def kept_for_others(found: Sequence[Hold], cohorts: Sequence[str], now: datetime) -> int:
    """Slices that are kept at this moment for classes of cohorts that the person isn't in."""
    return sum(hold.kept for hold in current(found, now) if hold.cohort_id not in cohorts)


def quota_of(session: Session, hardware: Hardware, who: Borrower, now: datetime) -> Quota | None:
    """What the person's week leaves; None where there is no limit."""
    hours = hardware.rules.weekly_hours
    left = seconds_left(session, who.username, who.timezone, hours, now)
    if hours is None or left is None:
        return None
    smallest = min((profile.share for profile in hardware.profiles if profile.kind), default=1.0)
    least = hardware.rules.shortest.total_seconds() / 3600 * smallest
    return Quota(hours, left / 3600, week_of(now, who.timezone)[1], least)


def last_ending(session: Session, hardware: Hardware, username: str, now: datetime) -> Ending | None:
    """What became of the last turn or lease of the person, where it ended by itself a short while ago."""
    ticket = session.scalar(
        select(Ticket).where(Ticket.username == username).order_by(Ticket.asked_at.desc(), Ticket.id.desc()).limit(1)
    )
    lease = session.scalar(select(Lease).where(Lease.holder == username).order_by(Lease.id.desc()).limit(1))
    if (ticket is not None and ticket.closed_at is None) or (lease is not None and lease.ended_at is None):
        return None
    ends: list[tuple[datetime, str, str, datetime | None]] = []
    if ticket is not None and ticket.closed_at is not None and ticket.state is not TicketState.SERVED:
        because = "lapsed" if ticket.state is TicketState.LAPSED else "left"
        ends.append((ticket.closed_at, because, ticket.profile, ticket.asked_at))
    if lease is not None and lease.ended_at is not None:
        ends.append((lease.ended_at, lease.ended_because or "", lease.profile, lease.granted_at))
    if not ends:
        return None
    at, because, name, since = max(ends, key=lambda end: end[0])
    if because not in (*TOLD, "lapsed") or now - at > REMEMBERED:
        return None
    again = next((profile for profile in hardware.profiles if profile.name == name), None)
    return Ending(because, name, at, since, again)
