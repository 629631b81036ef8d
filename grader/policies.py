"""When work may be handed in: deadlines, extensions, how many attempts and how soon after another.

Owns the decision and its sentences. After the deadline a submission is refused, with the deadline in the cohort's zone;
an extension moves it for one student. The server's clock decides, at the moment the submission arrives.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cohorts.access import role_in_offering
from cohorts.errors import CampusError, Conflict, Forbidden, Invalid, NotFound
from cohorts.models import Cohort, Offering, Role
from grader.models import Assignment, Attempt, Extension

KOREAN_DAYS = "월화수목금토일"
ENGLISH_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class TooSoon(CampusError):
    """The cool-down after the last attempt is not over."""

    status = 429


def due_for(session: Session, assignment: Assignment, username: str) -> datetime | None:
    """The deadline that holds for this student; None where there is none. An extension never shortens it."""
    if assignment.due_at is None:
        return None
    extended = session.scalar(
        select(Extension.due_at).where(Extension.assignment_id == assignment.id, Extension.username == username)
    )
    return max(assignment.due_at, extended) if extended is not None else assignment.due_at


def grant_extension(
    session: Session, assignment: Assignment, username: str, due_at: datetime, by: str, now: datetime
) -> Extension:
    """Give one active student of the offering a later deadline; granted again, the new one holds."""
    zone = timezone_of(session, assignment.offering_id)
    if role_in_offering(session, username, assignment.offering_id) is not Role.STUDENT:
        raise NotFound(
            f"{username} is not an active student of this course. Choose a student from the roster.",
            f"{username}은(는) 이 과목의 학생이 아닙니다. 명단에서 학생을 고르세요.",
        )
    if assignment.due_at is None:
        raise Invalid(
            f"{assignment.name} has no deadline, so there is nothing to extend.",
            f"{assignment.name}에는 마감이 없어 연장할 것이 없습니다.",
        )
    if due_at <= assignment.due_at or due_at <= now:
        raise Invalid(
            f"The new deadline {moment(due_at, zone, 'en')} must lie in the future and after the assignment's own, "
            f"{moment(assignment.due_at, zone, 'en')}. Choose a later time.",
            f"새 마감 {moment(due_at, zone, 'ko')}은(는) 지금과 과제의 마감 "
            f"{moment(assignment.due_at, zone, 'ko')}보다 늦어야 합니다. 더 늦은 시각을 고르세요.",
        )
    extension = session.scalar(
        select(Extension).where(Extension.assignment_id == assignment.id, Extension.username == username)
    )
    if extension is None:
        extension = Extension(assignment_id=assignment.id, username=username)
        session.add(extension)
    extension.due_at, extension.granted_by, extension.granted_at = due_at, by, now
    session.flush()
    return extension


def require_open(session: Session, assignment: Assignment, username: str, now: datetime) -> datetime | None:
    """The deadline that holds, when a submission arriving at `now` may come in; else a refusal that says why."""
    zone = timezone_of(session, assignment.offering_id)
    due_at = due_for(session, assignment, username)
    if due_at is not None and now > due_at:
        raise Forbidden(
            f"The deadline of {assignment.title_en} was {moment(due_at, zone, 'en')}; it is now "
            f"{moment(now, zone, 'en')}. Nothing was handed in. Ask your instructor for an extension.",
            f"{assignment.title_ko}의 마감은 {moment(due_at, zone, 'ko')}이었고 지금은 "
            f"{moment(now, zone, 'ko')}입니다. 제출되지 않았습니다. 강사에게 연장을 요청하세요.",
        )
    used, last = attempts_used(session, assignment, username)
    limit = assignment.attempt_limit
    if limit is not None and used >= limit:
        raise Conflict(
            f"All {limit} attempts at {assignment.title_en} are used. Nothing was handed in; "
            "the earlier attempts stand.",
            f"{assignment.title_ko}의 제출 기회 {limit}번을 모두 썼습니다. 제출되지 않았으며 "
            "이전 제출은 그대로 있습니다.",
        )
    pause = timedelta(seconds=assignment.cooldown_seconds)
    # Without a cool-down, submissions that arrive together may be written in either order.
    if pause and last is not None and (again := last + pause) > now:
        raise TooSoon(
            f"The next attempt at {assignment.title_en} is possible from {moment(again, zone, 'en', seconds=True)}. "
            "Nothing was handed in; try again then.",
            f"{assignment.title_ko}의 다음 제출은 {moment(again, zone, 'ko', seconds=True)}부터 가능합니다. "
            "제출되지 않았으니 그때 다시 시도하세요.",
        )
    return due_at


def attempts_used(session: Session, assignment: Assignment, username: str) -> tuple[int, datetime | None]:
    """How many attempts a student has made, and when the last one arrived."""
    used, last = session.execute(
        select(func.count(Attempt.id), func.max(Attempt.received_at)).where(
            Attempt.assignment_id == assignment.id, Attempt.username == username
        )
    ).one()
    return used, last


def timezone_of(session: Session, offering_id: str) -> str:
    """Name of the time zone of the offering's cohort."""
    zone = session.scalar(
        select(Cohort.timezone).join(Offering, Offering.cohort_id == Cohort.id).where(Offering.id == offering_id)
    )
    return zone or "Asia/Seoul"


def moment(when: datetime, timezone: str, locale: str, *, seconds: bool = False) -> str:
    """A time as people of the cohort read it: `2026-03-20 (금) 18:00 KST`, `2026-03-20 (Fri) 18:00 KST`."""
    local = when.astimezone(ZoneInfo(timezone))
    day = (KOREAN_DAYS if locale == "ko" else ENGLISH_DAYS)[local.weekday()]
    return f"{local:%Y-%m-%d} ({day}) " + local.strftime("%H:%M:%S %Z" if seconds else "%H:%M %Z")
