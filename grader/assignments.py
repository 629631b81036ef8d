"""Assignments of an offering: rows that follow from the catalogue, and looking them up.

Owns what an assignment is called and when it is due at first. Refuses to change policies that somebody may have set
since (deadline, attempts, late work, feedback): the catalogue gives their first values only.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cohorts.errors import Invalid, NotFound
from cohorts.models import Offering
from grader.exchange.names import ASSIGNMENT_NAME
from grader.jobs import move_waiting
from grader.models import Assignment, Counting, FeedbackPolicy

if TYPE_CHECKING:
    from courses import model


def ensure_assignments(session: Session, offering: Offering, course: model.Course, timezone: str) -> None:
    """Rows for all assignments of `course`; titles, points and running conditions follow the catalogue."""
    known = {assignment.name: assignment for assignment in assignments_of(session, offering.id)}
    for position, planned in enumerate(course.assignments):
        row = known.get(planned.key)
        if row is None:
            row = Assignment(
                offering_id=offering.id,
                name=planned.key,
                due_at=first_deadline(offering, planned, timezone),
                attempt_limit=planned.attempts.limit,
                cooldown_seconds=int(planned.attempts.cooldown.total_seconds()),
                counting=Counting(planned.attempts.counting),
                grace_seconds=int(planned.late.grace.total_seconds()),
                accept_days_late=planned.late.days,
                late_percent_per_day=planned.late.percent_per_day,
                late_most_percent=planned.late.most_percent,
                feedback_policy=FeedbackPolicy(planned.feedback),
            )
            session.add(row)
        row.position = position
        row.title_ko, row.title_en = planned.title.ko, planned.title.en
        row.points = planned.points
        row.time_limit_seconds = int(planned.time_limit.total_seconds())
        if (row.hardware, row.image) != (planned.hardware, planned.image):
            row.hardware, row.image = planned.hardware, planned.image
            move_waiting(session, row)
    session.flush()


def first_deadline(offering: Offering, planned: model.Assignment, timezone: str) -> datetime:
    """When `planned` is due by the catalogue: that many days after the offering starts, in the cohort's zone."""
    day = offering.starts_on + timedelta(days=planned.due_days)
    return datetime.combine(day, planned.due_time, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def assignments_of(session: Session, offering_id: str) -> list[Assignment]:
    """The offering's assignments in the order they are taught."""
    found = select(Assignment).where(Assignment.offering_id == offering_id)
    return list(session.scalars(found.order_by(Assignment.position, Assignment.id)))


def find_assignment(session: Session, offering_id: str, name: str) -> Assignment:
    """The assignment called `name`; NotFound where there is none."""
    found = session.scalar(select(Assignment).where(Assignment.offering_id == offering_id, Assignment.name == name))
    if found is None:
        raise unknown_assignment(name)
    return found


def unknown_assignment(name: str) -> NotFound:
    """The same sentence for an assignment that does not exist and for one that is not released."""
    shown = name[:80]
    return NotFound(
        f"There is no released assignment '{shown}' in this course. Look at `nbgrader list` for the names.",
        f"이 과목에 배포된 과제 '{shown}'이(가) 없습니다. `nbgrader list`로 이름을 확인하세요.",
    )


def ensure_assignment(session: Session, offering_id: str, name: str) -> Assignment:
    """The assignment called `name`, made without deadline and with feedback by hand where the catalogue has none."""
    found = session.scalar(select(Assignment).where(Assignment.offering_id == offering_id, Assignment.name == name))
    if found is not None:
        return found
    check_assignment_name(name)
    last = session.scalar(select(func.max(Assignment.position)).where(Assignment.offering_id == offering_id))
    row = Assignment(
        offering_id=offering_id,
        name=name,
        title_ko=name,
        title_en=name,
        position=0 if last is None else last + 1,
        feedback_policy=FeedbackPolicy.MANUAL,
    )
    session.add(row)
    session.flush()
    return row


def check_assignment_name(name: str) -> None:
    """Refuse a name that is not one folder on every file system, or that nbgrader refuses."""
    if not ASSIGNMENT_NAME.fullmatch(name):
        raise Invalid(
            f"'{name[:80]}' cannot name an assignment. Use up to 128 letters, digits, spaces, '-', '_' or '.', "
            "beginning with a letter or digit.",
            f"'{name[:80]}'은(는) 과제 이름으로 쓸 수 없습니다. 글자나 숫자로 시작하고 글자, 숫자, "
            "빈칸, '-', '_', '.'만 128자까지 쓰세요.",
        )
