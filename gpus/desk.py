"""The desk where slices are asked for and given back: each act of a person, or of the hub for them, as one transaction.

Owns what such an act may answer: a grant, a place in the queue, or a refusal in a sentence.

* CampusError
  - Refused (403): a quota that is used up, hardware that isn't for this track
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from cohorts.database import Database
from cohorts.errors import CampusError, Conflict, NotFound
from cohorts.models import Cohort
from gpus.borrowers import Borrower, borrower
from gpus.decide import decide
from gpus.estimates import Estimator
from gpus.hardware import Hardware, Profile
from gpus.leases import Because, end, lease_of, run, take_up
from gpus.models import Lease, LeaseState, Ticket, TicketState
from gpus.quota import seconds_left, week_of
from gpus.reasons import Reason, Reasons
from gpus.reconcile import has_container
from gpus.reservations import class_now
from gpus.tickets import close, draw, position, waiting_ticket
from gpus.usage import accrue
from gpus.writer import deciding


class Refused(CampusError):
    """No lease and no ticket: the sentence says why, and what to do."""

    status = 403


@dataclass(frozen=True)
class Place:
    """Where a person stands in the queue: `position` from 1, `wait` a guess (None: nothing can become free)."""

    profile: str
    position: int
    wait: timedelta | None
    reason: Reason
    asked_at: datetime


@dataclass(frozen=True)
class Held:
    """What a lease gives: the slice, its node, and until when (None: as long as the server runs)."""

    id: int
    profile: str
    kind: str
    device: str
    node: str
    state: LeaseState
    until: datetime | None
    answer_by: datetime | None
    in_class: bool
    since: datetime


@dataclass(frozen=True)
class Desk:
    """Acts on one campus's slices. `timezone` is for people without a cohort."""

    database: Database
    hardware: Hardware
    timezone: str

    def ask(self, username: str, profile_name: str, now: datetime, *, no_server: bool = False) -> Held | Place | None:
        """Ask for hardware: a lease whose server may start, a place in the queue, or None where no slice is needed.

        Asking again changes nothing. A turn for other hardware is given up; so is a lease, but only for one who knows
        that there is `no_server` any more (the hub does): else Conflict. Raises NotFound and Refused.
        """
        profile = self.hardware.profile(profile_name)
        with deciding(self.database) as session:
            lease = lease_of(session, username)
            if lease is not None and lease.profile == profile.name and lease.stopping is None:
                take_up(lease, now)
                return held(lease)
            if lease is not None:
                if lease.state is not LeaseState.HELD and (not no_server or has_container(lease, now)):
                    raise Conflict(
                        "Your lab still has a GPU; stop it first.", "실습실이 아직 GPU를 쓰고 있습니다. 먼저 꺼 주세요."
                    )
                self._end(session, lease, "replaced", now)
            ticket = waiting_ticket(session, username)
            if profile.kind is None:
                # who waits and starts a lab without a slice meanwhile keeps the place
                return None
            who = self._admit(session, username, profile, now)
            ticket = draw(session, who, profile, self.hardware.rules, now)
            granted = decide(session, self.hardware, profile.kind, now, timezone=self.timezone, present=username)
            own = next((lease for lease in granted if lease.holder == username), None)
            if own is not None:
                return held(session.get_one(Lease, own.id))
            return self._place(session, ticket, now)

    def look(self, username: str, now: datetime) -> tuple[Held | None, Place | None]:
        """What the person holds and where they wait. Their ticket is kept from lapsing."""
        with self.database.read() as session:
            lease, ticket = lease_of(session, username), waiting_ticket(session, username)
            found = held(lease) if lease else None
            place = self._place(session, ticket, now) if ticket else None
            stale = ticket is not None and now - ticket.seen_at > self.hardware.rules.presence / 20
        if stale:
            with deciding(self.database) as session:
                ticket = waiting_ticket(session, username)
                if ticket is not None:
                    ticket.seen_at = now
        return found, place

    def leave(self, username: str, now: datetime) -> None:
        """Give up the place in the queue, or a turn that has come. Harmless where there is neither."""
        with deciding(self.database) as session:
            ticket = waiting_ticket(session, username)
            if ticket is not None:
                close(ticket, TicketState.LEFT, now)
            lease = lease_of(session, username)
            if lease is not None and lease.state is LeaseState.HELD:
                self._end(session, lease, "declined", now)

    def running(self, lease_id: int, *, device: str, node: str, now: datetime) -> None:
        """The server of that lease runs. Harmless for one that has ended; NotFound for one that never was."""
        with deciding(self.database) as session:
            run(session, _get(session, lease_id), device=device, node=node, now=now)

    def ended(self, lease_id: int, because: Because, now: datetime) -> None:
        """The server of that lease is no more; what it held goes to the next. Harmless when said before."""
        with deciding(self.database) as session:
            lease = session.get(Lease, lease_id)
            if lease is not None and lease.ended_at is None:
                reason = lease.stopping if lease.stopping is not None and because == "stopped" else because
                self._end(session, lease, reason, now)

    def _admit(self, session: Session, username: str, profile: Profile, now: datetime) -> Borrower:
        who = borrower(session, username, self.timezone)
        if who.track and not profile.serves(who.track):
            raise Refused(
                f"The hardware {profile.title.en!r} is not for your track; choose another.",
                f"'{profile.title.ko}' 장비는 이 과정에서 쓸 수 없습니다. 다른 장비를 골라 주세요.",
            )
        lesson = class_now(session, who.cohorts, now, self.hardware.rules.class_lead)
        if lesson is not None:
            cohort = session.get_one(Cohort, lesson.cohort_id)
            return replace(who, cohort_id=cohort.id, track=cohort.track, timezone=cohort.timezone)
        left = seconds_left(session, username, who.timezone, self.hardware.rules.weekly_hours, now)
        if left is not None and left / profile.share < self.hardware.rules.shortest.total_seconds():
            hours = self.hardware.rules.weekly_hours
            renewed = week_of(now, who.timezone)[1].strftime("%Y-%m-%d")
            raise Refused(
                f"Your {hours:g} GPU hours of this week are used up; there are new ones on {renewed}. "
                "Classes don't count, and a CPU lab is always there.",
                f"이번 주 GPU {hours:g}시간을 모두 썼습니다. {renewed}에 새로 채워집니다. "
                "수업 시간은 세지 않으며, CPU 실습실은 언제나 쓸 수 있습니다.",
            )
        return who

    def _end(self, session: Session, lease: Lease, because: str, now: datetime) -> None:
        accrue(session, lease, now, self.hardware.rules.half_life, self.timezone)
        end(lease, because, now)  # type: ignore[arg-type]
        session.flush()
        decide(session, self.hardware, lease.kind, now, timezone=self.timezone)

    def _place(self, session: Session, ticket: Ticket, now: datetime) -> Place:
        profile = self.hardware.profile(ticket.profile)
        place = position(session, ticket, self.hardware.rules, now)
        return Place(
            profile=ticket.profile,
            position=place,
            wait=Estimator.read(session, ticket.kind, profile.lease, now).wait(place),
            reason=Reasons.read(session, self.hardware, ticket.kind, now).of(ticket, place),
            asked_at=ticket.asked_at,
        )


def held(lease: Lease) -> Held:
    """The lease as a value."""
    return Held(
        id=lease.id,
        profile=lease.profile,
        kind=lease.kind,
        device=lease.slice.device,
        node=lease.slice.node,
        state=lease.state,
        until=lease.until,
        answer_by=lease.answer_by,
        in_class=lease.class_session_id is not None,
        since=lease.granted_at,
    )


def _get(session: Session, lease_id: int) -> Lease:
    lease = session.get(Lease, lease_id)
    if lease is None:
        raise NotFound(f"There is no lease {lease_id}.", f"{lease_id}번 대여가 없습니다.")
    return lease
