"""What the exchange's API answers, as OpenAPI shows it. Times are UTC; texts for people come in Korean and English."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel
from sqlalchemy.orm import Session

from cohorts.models import Offering, Role
from grader.exchange.names import timestamp
from grader.job_progress import Place
from grader.lateness import Lateness, in_words
from grader.models import Assignment, Attempt, Feedback, Release
from grader.policies import attempts_used, deadlines, moment
from grader.releases import notebooks_of
from grader.storage import Storage
from grader.submissions import Receipt


class Text(BaseModel):
    ko: str
    en: str


class CourseShape(BaseModel):
    course_id: str
    role: Role
    cohort: str
    timezone: str


class AssignmentShape(BaseModel):
    """A released assignment. `closed` and `penalty_percent_now` are told at the moment of asking."""

    course_id: str
    assignment_id: str
    title: Text
    version: int
    sha256: str
    size: int
    notebooks: list[str]
    released_at: datetime
    due_at: datetime | None
    due_text: Text | None
    extended: bool
    closes_at: datetime | None
    closes_text: Text | None
    late_rule: Text | None
    penalty_percent_now: float
    closed: bool
    points: float | None
    attempt_limit: int | None
    attempts_used: int
    cooldown_seconds: int


class ReceiptShape(BaseModel):
    """What a student holds for an attempt. `timestamp` is nbgrader's name of that moment.

    `days_late` counts started days after the deadline; they take `penalty_percent` of the assignment's points off.
    `position` is the place in the queue, 1 for the next one; `estimate_seconds` when it will be marked, if one can say.
    """

    id: int
    course_id: str
    assignment_id: str
    username: str
    attempt: int
    sha256: str
    size: int
    received_at: datetime
    received_text: Text
    timestamp: str
    due_at: datetime | None
    due_text: Text | None
    late: bool
    days_late: int
    penalty_percent: float
    position: int | None = None
    estimate_seconds: int | None = None


class FeedbackShape(BaseModel):
    """Feedback that a student may fetch."""

    attempt_id: int
    sha256: str
    size: int
    score: float | None
    max_score: float | None
    needs_manual: bool
    released_at: datetime


class AttemptShape(ReceiptShape):
    """An attempt with its released feedback. How late it is, is told by what holds now: an extension may have come."""

    feedback: FeedbackShape | None


class ReleaseShape(BaseModel):
    course_id: str
    assignment_id: str
    version: int
    sha256: str
    size: int
    released_at: datetime


class CourseList(BaseModel):
    courses: list[CourseShape]


class AssignmentList(BaseModel):
    assignments: list[AssignmentShape]


class AttemptList(BaseModel):
    attempts: list[AttemptShape]


class FeedbackList(BaseModel):
    feedback: list[FeedbackShape]


class Withdrawn(BaseModel):
    withdrawn: int


def text_of(when: datetime, timezone: str, *, seconds: bool = False) -> Text:
    return Text(ko=moment(when, timezone, "ko", seconds=seconds), en=moment(when, timezone, "en", seconds=seconds))


def course_shape(offering: Offering, role: Role) -> CourseShape:
    return CourseShape(
        course_id=offering.id, role=role, cohort=offering.cohort.title, timezone=offering.cohort.timezone
    )


def assignment_shape(
    session: Session, storage: Storage, row: Assignment, release: Release, username: str, timezone: str, now: datetime
) -> AssignmentShape:
    holding = deadlines(session, row)
    due_at, closes_at = holding.due_for(username), holding.closes_for(username)
    words = in_words(holding.policy.late)
    used, _ = attempts_used(session, row, username)
    return AssignmentShape(
        course_id=row.offering_id,
        assignment_id=row.name,
        title=Text(ko=row.title_ko, en=row.title_en),
        version=release.version,
        sha256=release.sha256,
        size=release.size,
        notebooks=notebooks_of(storage, release.sha256),
        released_at=release.released_at,
        due_at=due_at,
        due_text=text_of(due_at, timezone) if due_at else None,
        extended=due_at != row.due_at,
        closes_at=closes_at,
        closes_text=text_of(closes_at, timezone) if closes_at else None,
        late_rule=Text(ko=words.ko, en=words.en) if due_at else None,
        penalty_percent_now=holding.at(username, now).percent,
        closed=closes_at is not None and now > closes_at,
        points=row.points,
        attempt_limit=row.attempt_limit,
        attempts_used=used,
        cooldown_seconds=row.cooldown_seconds,
    )


def attempt_shape(
    attempt: Attempt, assignment: Assignment, timezone: str, feedback: Feedback | None, lateness: Lateness
) -> AttemptShape:
    return AttemptShape(
        id=attempt.id,
        course_id=assignment.offering_id,
        assignment_id=assignment.name,
        username=attempt.username,
        attempt=attempt.number,
        sha256=attempt.sha256,
        size=attempt.size,
        received_at=attempt.received_at,
        received_text=text_of(attempt.received_at, timezone, seconds=True),
        timestamp=timestamp(attempt.received_at),
        due_at=attempt.due_at,
        due_text=text_of(attempt.due_at, timezone) if attempt.due_at else None,
        late=lateness.late,
        days_late=lateness.days,
        penalty_percent=lateness.percent,
        feedback=feedback_shape(feedback) if feedback else None,
    )


def receipt_shape(receipt: Receipt, timezone: str, place: Place | None = None) -> ReceiptShape:
    return ReceiptShape(
        id=receipt.id,
        course_id=receipt.course_id,
        assignment_id=receipt.assignment,
        username=receipt.username,
        attempt=receipt.attempt,
        sha256=receipt.sha256,
        size=receipt.size,
        received_at=receipt.received_at,
        received_text=text_of(receipt.received_at, timezone, seconds=True),
        timestamp=timestamp(receipt.received_at),
        due_at=receipt.due_at,
        due_text=text_of(receipt.due_at, timezone) if receipt.due_at else None,
        late=receipt.late,
        days_late=receipt.days_late,
        penalty_percent=receipt.penalty_percent,
        position=place.position if place else None,
        estimate_seconds=place.estimate_seconds if place else None,
    )


def feedback_shape(feedback: Feedback) -> FeedbackShape:
    return FeedbackShape(
        attempt_id=feedback.attempt_id,
        sha256=feedback.sha256,
        size=feedback.size,
        score=feedback.score,
        max_score=feedback.max_score,
        needs_manual=feedback.needs_manual,
        released_at=feedback.released_at or feedback.created_at,
    )


def release_shape(release: Release, assignment: Assignment) -> ReleaseShape:
    return ReleaseShape(
        course_id=assignment.offering_id,
        assignment_id=assignment.name,
        version=release.version,
        sha256=release.sha256,
        size=release.size,
        released_at=release.released_at,
    )
