"""A cohort's timetable: class sessions, and which hardware is kept for them. Knows no slice and no lease."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from cohorts.cohorts import get_cohort
from cohorts.database import table_of
from cohorts.errors import Conflict, Invalid, NotFound
from cohorts.models import ClassSession

LONGEST = timedelta(hours=14)
TITLE_LENGTH = 255
SEATS = 10_000


class KeepingClass(NamedTuple):
    """A class that keeps hardware, as those need it who lend."""

    id: int
    cohort_id: str
    title: str
    starts_at: datetime
    ends_at: datetime
    profile: str
    seats: int | None


_C = table_of(ClassSession)
#: built once, and on the table, since whoever lends a slice asks this each time
_BETWEEN = (
    select(*(_C.c[name] for name in KeepingClass._fields))
    .where(_C.c.profile.is_not(None), _C.c.ends_at > bindparam("since"), _C.c.starts_at <= bindparam("until"))
    .order_by(_C.c.starts_at, _C.c.id)
)


def add_class_session(
    session: Session,
    cohort_id: str,
    *,
    title: str,
    starts_at: datetime,
    ends_at: datetime,
    profile: str | None = None,
    seats: int | None = None,
    by: str,
    now: datetime,
) -> ClassSession:
    """Put a class into the cohort's timetable. Raises Invalid, Conflict when it overlaps another one, NotFound."""
    cohort = get_cohort(session, cohort_id)
    title = " ".join(title.split())
    if not title or len(title) > TITLE_LENGTH:
        raise Invalid(
            f"A class needs a title of 1 to {TITLE_LENGTH} characters.",
            f"수업 이름은 1자에서 {TITLE_LENGTH}자까지여야 합니다.",
        )
    if ends_at <= starts_at or ends_at - starts_at > LONGEST:
        raise Invalid(
            f"The class {title!r} must end after it starts, at most 14 hours later.",
            f"{title!r} 수업은 시작한 뒤에, 늦어도 14시간 안에 끝나야 합니다.",
        )
    if seats is not None and not 0 < seats <= SEATS:
        raise Invalid(
            f"{seats} seats can't be kept; give a number from 1 to {SEATS}, or none for every student.",
            f"{seats}자리는 확보할 수 없습니다. 1부터 {SEATS}까지 쓰거나, 비워 두면 모든 학생 몫을 확보합니다.",
        )
    overlapping = session.scalar(
        select(ClassSession).where(
            ClassSession.cohort_id == cohort.id, ClassSession.starts_at < ends_at, ClassSession.ends_at > starts_at
        )
    )
    if overlapping is not None:
        raise Conflict(
            f"The class {title!r} overlaps {overlapping.title!r}; a cohort is in one class at a time.",
            f"{title!r} 수업이 {overlapping.title!r} 수업과 겹칩니다. 한 기수는 한 번에 한 수업만 할 수 있습니다.",
        )
    entry = ClassSession(
        cohort_id=cohort.id,
        title=title,
        starts_at=starts_at,
        ends_at=ends_at,
        profile=profile,
        seats=seats if profile else None,
        created_by=by,
        created_at=now,
    )
    session.add(entry)
    session.flush()
    return entry


def remove_class_session(session: Session, cohort_id: str, number: int) -> None:
    """Take a class out of the timetable. NotFound when the cohort has none of that number."""
    entry = session.get(ClassSession, number)
    if entry is None or entry.cohort_id != cohort_id:
        raise NotFound(
            f"The timetable of {cohort_id!r} has no class {number}.",
            f"{cohort_id!r} 시간표에 {number}번 수업이 없습니다.",
        )
    session.delete(entry)
    session.flush()


def class_sessions(
    session: Session, cohort_id: str, *, since: datetime | None = None, limit: int | None = None
) -> Sequence[ClassSession]:
    """The cohort's classes that end after `since`, in order."""
    query = select(ClassSession).where(ClassSession.cohort_id == cohort_id).order_by(ClassSession.starts_at)
    if since is not None:
        query = query.where(ClassSession.ends_at > since)
    return session.scalars(query.limit(limit) if limit else query).all()


def sessions_between(session: Session, since: datetime, until: datetime) -> list[KeepingClass]:
    """Classes of all cohorts that keep hardware, end after `since` and start by `until`, in order."""
    return [KeepingClass(*row) for row in session.execute(_BETWEEN, {"since": since, "until": until})]
