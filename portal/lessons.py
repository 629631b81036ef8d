"""Classes of the timetable with the hardware that is kept for them, as pages, API and commands need both together.

Owns which hardware a class may keep, and which class is somebody's next. The timetable itself is the cohorts'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cohorts.errors import Invalid
from cohorts.models import ClassSession, Cohort, Membership, MembershipState
from cohorts.timetable import sessions_between
from gpus.hardware import Hardware, Profile
from gpus.inventory import available
from gpus.reservations import students


@dataclass(frozen=True)
class Lesson:
    """A class as it is shown. `profile` is what is kept for it from `ready_from` on; `wanted` slices of it.

    `short` is how many slices there would have to be more, for this class and all that go on with it.
    """

    number: int
    title: str
    cohort: str
    zone: str
    starts_at: datetime
    ends_at: datetime
    profile: Profile | None
    gone: str | None
    ready_from: datetime
    seats: int | None
    wanted: int
    short: int = 0


def kept_hardware(hardware: Hardware, name: str | None) -> str | None:
    """The name of hardware that a class may keep, None for none. Raises Invalid for any other."""
    if not name:
        return None
    there = [profile.name for profile in hardware.profiles if profile.kind]
    if name in there:
        return name
    raise Invalid(
        f"The hardware {name[:64]!r} can't be kept for a class; there is: {', '.join(there) or 'none'}.",
        f"{name[:64]!r} 장비는 수업에 확보할 수 없습니다. 쓸 수 있는 장비: {', '.join(there) or '없음'}.",
    )


def spellings(hardware: Hardware) -> Mapping[str, str]:
    """What people may write for hardware in a timetable file: its name or its title; to its name."""
    found: dict[str, str] = {}
    for profile in hardware.profiles:
        if profile.kind:
            found |= dict.fromkeys((profile.name, profile.title.ko, profile.title.en), profile.name)
    return found


def lessons(session: Session, hardware: Hardware, cohort: Cohort, entries: Iterable[ClassSession]) -> list[Lesson]:
    """The cohort's classes as they are shown."""
    return [lesson_of(session, hardware, cohort, entry) for entry in entries]


def lesson_of(session: Session, hardware: Hardware, cohort: Cohort, entry: ClassSession, short: int = 0) -> Lesson:
    profile = next((one for one in hardware.profiles if one.name == entry.profile), None)
    return Lesson(
        number=entry.id,
        title=entry.title,
        cohort=cohort.title,
        zone=cohort.timezone,
        starts_at=entry.starts_at,
        ends_at=entry.ends_at,
        profile=profile,
        gone=entry.profile if entry.profile and profile is None else None,
        ready_from=entry.starts_at - hardware.rules.class_lead,
        seats=entry.seats,
        wanted=(entry.seats or students(session, entry.cohort_id)) if entry.profile else 0,
        short=short,
    )


def shortages(session: Session, hardware: Hardware, entries: Sequence[ClassSession]) -> Mapping[int, int]:
    """How many slices are missing for each class, together with those of all cohorts that go on with it."""
    kinds = {profile.name: profile.kind for profile in hardware.profiles if profile.kind}
    keeping = [entry for entry in entries if entry.profile in kinds]
    if not keeping:
        return {}
    everywhere = sessions_between(
        session, min(entry.starts_at for entry in keeping), max(entry.ends_at for entry in keeping)
    )
    counts = {entry.cohort_id: students(session, entry.cohort_id) for entry in everywhere}
    there = {kind: available(session, kind) for kind in set(kinds.values()) if kind}
    found = {}
    for entry in keeping:
        kind = kinds[entry.profile or ""] or ""
        wanted = sum(
            other.seats or counts[other.cohort_id]
            for other in everywhere
            if kinds.get(other.profile) == kind and other.starts_at < entry.ends_at and other.ends_at > entry.starts_at
        )
        found[entry.id] = max(0, wanted - there[kind])
    return found


def next_lesson(session: Session, hardware: Hardware, username: str, now: datetime) -> Lesson | None:
    """The class that goes on, or is the next, in one of the person's cohorts."""
    found = session.execute(
        select(ClassSession, Cohort)
        .join(Cohort, Cohort.id == ClassSession.cohort_id)
        .join(Membership, Membership.cohort_id == Cohort.id)
        .where(
            Membership.username == username,
            Membership.state == MembershipState.ACTIVE,
            ClassSession.ends_at > now,
        )
        .order_by(ClassSession.starts_at, ClassSession.id)
        .limit(1)
    ).first()
    return lesson_of(session, hardware, found[1], found[0]) if found else None
