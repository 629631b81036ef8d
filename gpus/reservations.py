"""Slices that are kept for classes: from shortly before the bell, for the cohort's own, until a grace after it.

Owns how many are kept when, and until when a walk-in may have a slice. The timetable is the cohorts' business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, literal_column, select
from sqlalchemy.orm import Session

from cohorts.database import table_of
from cohorts.models import ClassSession, Membership, MembershipState, Role
from cohorts.timetable import sessions_between
from gpus.hardware import Hardware
from gpus.models import Lease

_L, _M = table_of(Lease), table_of(Membership)
_OPEN = select(func.count()).select_from(_L).where(_L.c.kind == bindparam("kind"), _L.c.ended_at.is_(None))
_TAKEN = _OPEN.where(_L.c.cohort_id == bindparam("cohort"))
_OUT = _OPEN.where(
    _L.c.cohort_id.is_(None) | _L.c.cohort_id.not_in(bindparam("cohorts", expanding=True)),
    _L.c.until.is_(None) | (_L.c.until > bindparam("moment")),
)
_STUDENTS = (
    select(func.count())
    .select_from(_M)
    .where(
        _M.c.cohort_id == bindparam("cohort"),
        _M.c.role == Role.STUDENT,
        _M.c.state == MembershipState.ACTIVE,
    )
)
_NOW = (
    select(ClassSession)
    .where(
        ClassSession.cohort_id.in_(bindparam("cohorts", expanding=True)),
        ClassSession.profile.is_not(None),
        ClassSession.starts_at <= bindparam("soon"),
        ClassSession.ends_at > bindparam("now"),
    )
    .order_by(ClassSession.starts_at)
    .limit(literal_column("1"))
)


@dataclass(frozen=True)
class Hold:
    """Slices kept for a class, from `since` until `ends_at`. `wanted` are kept at the bell, `taken` the cohort has.

    After the grace what nobody took is no longer kept.
    """

    class_session_id: int
    cohort_id: str
    title: str
    since: datetime
    starts_at: datetime
    ends_at: datetime
    wanted: int
    taken: int
    grace_over: bool

    @property
    def kept(self) -> int:
        """Slices that are kept free for the cohort at this moment."""
        return 0 if self.grace_over else max(0, self.wanted - self.taken)


def holds(session: Session, hardware: Hardware, kind: str, now: datetime, horizon: timedelta) -> list[Hold]:
    """Classes that keep slices of that kind now or before `horizon` is over, in the order of their bells."""
    rules = hardware.rules
    profiles = {profile.name for profile in hardware.profiles if profile.kind == kind}
    found = []
    for entry in sessions_between(session, now, now + horizon + rules.class_lead):
        if entry.profile not in profiles:
            continue
        found.append(
            Hold(
                class_session_id=entry.id,
                cohort_id=entry.cohort_id,
                title=entry.title,
                since=entry.starts_at - rules.class_lead,
                starts_at=entry.starts_at,
                ends_at=entry.ends_at,
                wanted=entry.seats or students(session, entry.cohort_id),
                taken=_taken(session, kind, entry.cohort_id),
                grace_over=now >= entry.starts_at + rules.class_grace,
            )
        )
    return found


def students(session: Session, cohort_id: str) -> int:
    """How many students the cohort has now."""
    return session.scalar(_STUDENTS, {"cohort": cohort_id}) or 0


def _taken(session: Session, kind: str, cohort_id: str) -> int:
    """Slices that members of the cohort have, whether they count for the class already or will."""
    return session.scalar(_TAKEN, {"kind": kind, "cohort": cohort_id}) or 0


def current(found: Iterable[Hold], now: datetime) -> list[Hold]:
    """Those that keep slices at this moment."""
    return [hold for hold in found if hold.since <= now < hold.ends_at]


def class_now(session: Session, cohorts: Iterable[str], now: datetime, lead: timedelta) -> ClassSession | None:
    """The class that one of these cohorts is in, or is about to begin."""
    return session.scalar(_NOW, {"cohorts": list(cohorts), "soon": now + lead, "now": now})


def walk_in_until(
    session: Session,
    found: Iterable[Hold],
    *,
    kind: str,
    capacity: int,
    cohorts: Iterable[str],
    until: datetime,
    now: datetime,
) -> datetime:
    """Until when a lease that begins now may last, at most `until`, so that every class finds what is kept for it.

    A class of one of the borrower's own `cohorts` is no obstacle: the lease becomes theirs in class.
    """
    own = set(cohorts)
    coming = [hold for hold in found if now < hold.since < until]
    for hold in sorted(coming, key=lambda hold: hold.since):
        moment = hold.since
        together = [other for other in found if other.since <= moment < other.ends_at]
        if any(other.cohort_id in own for other in together):
            continue
        kept = sum(other.wanted for other in together)
        others = {other.cohort_id for other in together}
        if capacity - kept - _still_out(session, kind, others, moment) < 1:
            return moment
    return until


def _still_out(session: Session, kind: str, cohorts: set[str], moment: datetime) -> int:
    """Leases of other people that aren't over by then."""
    return session.scalar(_OUT, {"kind": kind, "cohorts": sorted(cohorts), "moment": moment}) or 0
