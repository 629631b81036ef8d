"""What happens by itself as time goes on: turns that nobody took, leases that end or go on, idle slices.

Owns when a lease is to end and what is said before. It ends no server: `tend` marks the lease and names the holder, the
portal asks the hub to stop the server, and the lease ends when it has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session, contains_eager

from cohorts.timetable import KeepingClass, sessions_between
from gpus.borrowers import borrower
from gpus.decide import decide
from gpus.hardware import Hardware, Profile
from gpus.inventory import available, free_slices
from gpus.leases import end
from gpus.models import Lease, LeaseState, Node, NodeState, Slice
from gpus.quota import seconds_left
from gpus.readings import computes_now, idle_since
from gpus.reservations import holds, walk_in_until
from gpus.tickets import anybody_waits, lapse, reopen
from gpus.usage import accrue

GO_ON = timedelta(minutes=15)
JOB = "job:"
#: why the hub is asked to stop a server; one that the hub doesn't have is the engine's business
TELL_HUB = ("idle", "over", "unused")
YIELDED = "yielded"

#: leases for which something may be due: most of them go on as they are, and are not even read
_DUE = (
    select(Lease)
    .join(Lease.slice)
    .join(Slice.node_)
    .where(
        Lease.ended_at.is_(None),
        or_(
            and_(Lease.state == LeaseState.HELD, Lease.answer_by <= bindparam("now")),
            and_(Lease.state != LeaseState.STARTING, Node.state == NodeState.DOWN),
            Lease.stopping.is_not(None),
            Lease.until <= bindparam("soon"),
            Lease.holder.startswith(JOB),
            and_(Lease.class_session_id.is_(None), Lease.cohort_id.in_(bindparam("cohorts", expanding=True))),
            and_(
                Lease.state == LeaseState.RUNNING,
                Lease.class_session_id.is_(None),
                or_(Lease.idle_warned_at.is_not(None), Slice.quiet_since <= bindparam("quiet")),
            ),
        ),
    )
    .order_by(Lease.id)
    .options(contains_eager(Lease.slice).contains_eager(Slice.node_))
)


@dataclass
class Tended:
    """What one look brought: holders whose servers have to stop (and why), and leases that are new.

    `hardware` is what each of those servers runs with: one that runs with something else is another one.
    """

    stop: dict[str, str] = field(default_factory=dict)
    hardware: dict[str, str] = field(default_factory=dict)
    granted: list[str] = field(default_factory=list)


def tend(session: Session, hardware: Hardware, now: datetime, *, timezone: str) -> Tended:
    """Do whatever is due at this moment; to be called every few seconds within `gpus.writer.deciding`."""
    found = Tended()
    lapse(session, hardware.rules.presence, now)
    lessons = _lessons(session, hardware, now)
    lent = [profile for profile in hardware.profiles if profile.kind]
    warn_after = min((warned_after(hardware, profile) for profile in lent), default=timedelta())
    due = {
        "now": now,
        "soon": now + hardware.rules.warn,
        "quiet": now - warn_after,
        "cohorts": [cohort for cohort, _ in lessons],
    }
    for lease in session.scalars(_DUE, due).all():
        lesson = lessons.get((lease.cohort_id, lease.kind))
        _tend_lease(session, hardware, lease, lesson, now, timezone)
        if lease.ended_at is None and lease.stopping in TELL_HUB and not lease.holder.startswith(JOB):
            found.stop[lease.holder] = lease.stopping
            found.hardware[lease.holder] = lease.profile
    session.flush()
    for kind in hardware.kinds():
        found.granted += [lease.holder for lease in decide(session, hardware, kind, now, timezone=timezone)]
    return found


def _lessons(session: Session, hardware: Hardware, now: datetime) -> dict[tuple[str | None, str], KeepingClass]:
    """Classes that go on, or are about to begin, by cohort and the kind of slice that they keep."""
    kinds = {profile.name: profile.kind for profile in hardware.profiles if profile.kind}
    found = sessions_between(session, now, now + hardware.rules.class_lead)
    return {(entry.cohort_id, kinds[entry.profile]): entry for entry in reversed(found) if entry.profile in kinds}


def _tend_lease(
    session: Session, hardware: Hardware, lease: Lease, lesson: KeepingClass | None, now: datetime, timezone: str
) -> None:
    if lease.state is LeaseState.HELD:
        if lease.answer_by is not None and lease.answer_by <= now:
            end(lease, "no-answer", now)
        elif lease.slice.node_.state is NodeState.DOWN:
            end(lease, "lost", now)
            session.flush()
            reopen(session, lease)
        return
    # where a scheduler places servers, a starting one is not yet known to be there: the hub tells how it went
    if lease.state is LeaseState.RUNNING and lease.slice.node_.state is NodeState.DOWN:
        accrue(session, lease, now, hardware.rules.half_life, timezone)
        end(lease, "lost", now)
        return
    if lease.holder.startswith(JOB):
        _tend_job(session, hardware, lease, now, timezone)
        return
    if lease.stopping:
        return
    if lesson is not None and lease.class_session_id is None:
        _join_class(session, hardware, lease, lesson, now, timezone)
    if lease.until is not None and lease.until <= now:
        _end_or_go_on(session, hardware, lease, now, timezone)
        return
    if lease.class_session_id is not None:
        return
    if lease.until is not None and lease.until - now <= hardware.rules.warn:
        _go_on_in_time(session, hardware, lease, now, timezone)
    if lease.state is LeaseState.RUNNING:
        _watch_idle(hardware, lease, now)


def _tend_job(session: Session, hardware: Hardware, lease: Lease, now: datetime, timezone: str) -> None:
    """A marking makes room for people; one whose worker fell silent holds nothing."""
    if lease.until is not None and lease.until <= now:
        accrue(session, lease, now, hardware.rules.half_life, timezone)
        end(lease, "gone", now)
    elif lease.stopping is None and is_wanted(session, hardware, lease.kind, now):
        lease.stopping = YIELDED


def is_wanted(session: Session, hardware: Hardware, kind: str, now: datetime) -> bool:
    """Whether people need slices that markings have: somebody waits, or a class keeps more than are free."""
    if anybody_waits(session, kind):
        return True
    found = holds(session, hardware, kind, now, timedelta())
    kept = sum(hold.kept for hold in found if hold.since <= now < hold.ends_at)
    return kept > len(free_slices(session, kind))


def _join_class(
    session: Session, hardware: Hardware, lease: Lease, lesson: KeepingClass, now: datetime, timezone: str
) -> None:
    """A lease that a member has already when slices begin to be kept for the class is theirs in class."""
    accrue(session, lease, now, hardware.rules.half_life, timezone)
    lease.class_session_id, lease.idle_warned_at = lesson.id, None
    lease.until = max(lesson.ends_at, lease.until) if lease.until else lesson.ends_at


def _go_on_in_time(session: Session, hardware: Hardware, lease: Lease, now: datetime, timezone: str) -> None:
    """A lease that nobody else wants goes on before its end is announced: whoever is told of an end is told in time."""
    assert lease.until is not None
    if anybody_waits(session, lease.kind) or _class_needs(session, hardware, lease, lease.until):
        return
    lease.until = max(lease.until, _longest(session, hardware, lease, lease.until + GO_ON, now, timezone))


def _end_or_go_on(session: Session, hardware: Hardware, lease: Lease, now: datetime, timezone: str) -> None:
    """Time is up: somebody else's turn, a class's, or nobody's, and then it goes on a while.

    After a class whoever stays is told first, unless the next one needs the slice.
    """
    accrue(session, lease, now, hardware.rules.half_life, timezone)
    was_class, lease.class_session_id = lease.class_session_id is not None, None
    needed = _class_needs(session, hardware, lease, now)
    if not needed and was_class:
        lease.until = _longest(session, hardware, lease, now + hardware.rules.warn, now, timezone)
    elif needed or anybody_waits(session, lease.kind):
        if needed or not _finishes(hardware, lease, now):
            lease.stopping = "over"
        return
    else:
        lease.until = _longest(session, hardware, lease, now + GO_ON, now, timezone)
    if lease.until - now < timedelta(minutes=1):
        lease.stopping = "over"


def _class_needs(session: Session, hardware: Hardware, lease: Lease, moment: datetime) -> bool:
    """Whether other people's classes keep more slices at that moment than are free."""
    found = holds(session, hardware, lease.kind, moment, GO_ON)
    kept = sum(hold.kept for hold in found if hold.since <= moment < hold.ends_at and hold.cohort_id != lease.cohort_id)
    return kept > len(free_slices(session, lease.kind)) if kept else False


def _longest(
    session: Session, hardware: Hardware, lease: Lease, wished: datetime, now: datetime, timezone: str
) -> datetime:
    """How long the lease may go on, at most until `wished`: as the quota allows, and coming classes leave."""
    who = borrower(session, lease.holder, timezone)
    left = seconds_left(session, lease.holder, who.timezone, hardware.rules.weekly_hours, now)
    if left is not None:
        wished = min(wished, now + timedelta(seconds=left / lease.share))
    found = holds(session, hardware, lease.kind, now, wished - now)
    capacity = available(session, lease.kind) + 1  # this one is not over yet, and must not stand in its own way
    return walk_in_until(session, found, kind=lease.kind, capacity=capacity, cohorts=who.cohorts, until=wished, now=now)


def _finishes(hardware: Hardware, lease: Lease, now: datetime) -> bool:
    """Whether what computes when the time is up may go on to its end: not for long, and only on a fresh reading."""
    if lease.until is None or now >= lease.until + hardware.rules.finish:
        return False
    return computes_now(lease.slice, now)


def _watch_idle(hardware: Hardware, lease: Lease, now: datetime) -> None:
    """Warn the holder of a slice that does nothing, then take it back; forget the warning when it works again."""
    profile = _profile(hardware, lease)
    since = idle_since(lease.slice, lease.running_at, now)
    if since is None or now - since < warned_after(hardware, profile):
        lease.idle_warned_at = None
    elif lease.idle_warned_at is None:
        lease.idle_warned_at = now
    elif now - since >= profile.idle and now - lease.idle_warned_at >= min(hardware.rules.warn, profile.idle):
        lease.stopping = "idle"


def warned_after(hardware: Hardware, profile: Profile) -> timedelta:
    """How long a slice may do nothing until its holder is warned."""
    return max(profile.idle - hardware.rules.warn, timedelta())


def _profile(hardware: Hardware, lease: Lease) -> Profile:
    """The lease's profile; for one that has left the file, another of its kind, or else the default one."""
    named = [profile for profile in hardware.profiles if profile.name == lease.profile]
    same = [profile for profile in hardware.profiles if profile.kind == lease.kind]
    return (named or same or [hardware.default])[0]
