"""What the grading API sends and takes. Times are ISO 8601 with offset; texts come in both languages."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel, Field

from grader.gradebook import Mark
from grader.job_progress import Progress
from grader.models import Extension, Release
from portal.identity import Identity
from portal.marks import MarksTable
from portal.teaching import Handed, Overview, Submission


class MeShape(BaseModel):
    """Who the campus takes the caller for."""

    username: str
    name: str
    is_admin: bool
    locale: str

    @classmethod
    def of(cls, user: Identity) -> MeShape:
        return cls(username=user.username, name=user.name, is_admin=user.is_admin, locale=user.locale)


class OfferingShape(BaseModel):
    """A course taught to a cohort, and what the caller is in it."""

    id: str
    course: str
    title: str
    cohort: str
    timezone: str
    starts_on: date
    role: str


class ReleaseWish(BaseModel):
    """`accept`: why to release although marks are not the same every time; recorded with the caller's name."""

    accept: str | None = None


class ReleaseShape(BaseModel):
    """A version that students can fetch."""

    version: int
    sha256: str
    size: int
    released_by: str
    released_at: datetime

    @classmethod
    def of(cls, release: Release) -> ReleaseShape:
        return cls(
            version=release.version,
            sha256=release.sha256,
            size=release.size,
            released_by=release.released_by,
            released_at=release.released_at,
        )


class ProgressShape(BaseModel):
    """How many attempts are in which state of marking."""

    queued: int
    running: int
    done: int
    failed: int
    total: int

    @classmethod
    def of(cls, progress: Progress) -> ProgressShape:
        return cls(
            queued=progress.queued,
            running=progress.running,
            done=progress.done,
            failed=progress.failed,
            total=progress.queued + progress.running + progress.done + progress.failed,
        )


class AssignmentShape(BaseModel):
    """An assignment as its staff sees it."""

    name: str
    title_ko: str
    title_en: str
    points: float | None
    due_at: datetime | None
    attempt_limit: int | None
    cooldown_seconds: int
    counting: str
    grace_seconds: int
    accept_days_late: int | None
    late_percent_per_day: float
    late_most_percent: float
    feedback_policy: str
    release: ReleaseShape | None
    students: int
    submitted: int
    progress: ProgressShape
    needs_manual: int
    feedback_waiting: int

    @classmethod
    def of(cls, row: Overview) -> AssignmentShape:
        assignment = row.assignment
        return cls(
            name=assignment.name,
            title_ko=assignment.title_ko,
            title_en=assignment.title_en,
            points=assignment.points,
            due_at=assignment.due_at,
            attempt_limit=assignment.attempt_limit,
            cooldown_seconds=assignment.cooldown_seconds,
            counting=assignment.counting.value,
            grace_seconds=assignment.grace_seconds,
            accept_days_late=assignment.accept_days_late,
            late_percent_per_day=assignment.late_percent_per_day,
            late_most_percent=assignment.late_most_percent,
            feedback_policy=assignment.feedback_policy.value,
            release=ReleaseShape.of(row.release) if row.release else None,
            students=row.students,
            submitted=row.submitted,
            progress=ProgressShape.of(row.progress),
            needs_manual=row.needs_manual,
            feedback_waiting=row.waiting,
        )


class HandedShape(BaseModel):
    """One attempt of a student's, with its mark. `counts`: the student's mark comes from it."""

    attempt_id: int
    number: int
    received_at: datetime
    late: bool
    days_late: int
    penalty_percent: float
    state: str | None
    score: float | None
    max_score: float | None
    counts: bool
    feedback_released_at: datetime | None

    @classmethod
    def of(cls, row: Handed) -> HandedShape:
        marked = row.feedback or row.marking
        return cls(
            attempt_id=row.attempt.id,
            number=row.attempt.number,
            received_at=row.attempt.received_at,
            late=row.lateness.late,
            days_late=row.lateness.days,
            penalty_percent=row.lateness.percent,
            state=row.marking.state.value if row.marking else None,
            score=marked.score if marked else None,
            max_score=marked.max_score if marked else None,
            counts=row.counts,
            feedback_released_at=row.feedback.released_at if row.feedback else None,
        )


class SubmissionShape(BaseModel):
    """A student's latest attempt, or that there is none; and all of them, newest first."""

    username: str
    name: str
    active: bool
    attempts: int
    attempt_id: int | None
    received_at: datetime | None
    late: bool
    days_late: int
    penalty_percent: float
    state: str | None
    score: float | None
    max_score: float | None
    needs_manual: bool
    integrity: str | None
    feedback_released_at: datetime | None
    extended_to: datetime | None
    all_attempts: list[HandedShape]

    @classmethod
    def of(cls, row: Submission) -> SubmissionShape:
        marked = row.feedback or row.marking
        return cls(
            username=row.username,
            name=row.name,
            active=row.active,
            attempts=row.attempts,
            attempt_id=row.latest.id if row.latest else None,
            received_at=row.latest.received_at if row.latest else None,
            late=row.lateness.late,
            days_late=row.lateness.days,
            penalty_percent=row.lateness.percent,
            state=row.marking.state.value if row.marking else None,
            score=marked.score if marked else None,
            max_score=marked.max_score if marked else None,
            needs_manual=row.needs_manual,
            integrity=row.marking.integrity if row.marking else None,
            feedback_released_at=row.feedback.released_at if row.feedback else None,
            extended_to=row.extended_to,
            all_attempts=[HandedShape.of(attempt) for attempt in row.history],
        )


class MarkShape(BaseModel):
    """A mark as it stands in nbgrader's gradebook: `score` is what remains after `penalty` points for lateness."""

    username: str
    name: str
    assignment: str
    score: float | None
    max_score: float | None
    days_late: int
    penalty: float
    needs_manual: bool

    @classmethod
    def all_of(cls, table: MarksTable) -> list[MarkShape]:
        return [
            cls._of(mark, row.name, days)
            for row in table.rows
            for mark, days in zip(row.cells, row.days_late, strict=True)
            if mark is not None
        ]

    @classmethod
    def _of(cls, mark: Mark, name: str, days_late: int) -> MarkShape:
        return cls(
            username=mark.username,
            name=name,
            assignment=mark.assignment,
            score=mark.score,
            max_score=mark.max_score,
            days_late=days_late,
            penalty=mark.penalty,
            needs_manual=mark.needs_manual,
        )


class NewExtension(BaseModel):
    """A later deadline for one student. Without an offset the time is the cohort's."""

    username: str = Field(max_length=255)
    due_at: str = Field(max_length=40, examples=["2026-03-20T18:00", "2026-03-20T18:00+09:00"])


class ExtensionShape(BaseModel):
    """A later deadline that one student has."""

    username: str
    due_at: datetime
    granted_by: str
    granted_at: datetime

    @classmethod
    def of(cls, extension: Extension) -> ExtensionShape:
        return cls(
            username=extension.username,
            due_at=extension.due_at,
            granted_by=extension.granted_by,
            granted_at=extension.granted_at,
        )


class FeedbackReleased(BaseModel):
    """To how many attempts feedback was released just now."""

    released: int


class MarkingRetried(BaseModel):
    """How many failed markings wait to be tried again."""

    queued: int


class GradingServer(BaseModel):
    """Where the grading server's formgrader is, as a path of the campus."""

    url: str
