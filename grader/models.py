"""Tables of work handed out, handed in and marked. Names follow docs/explanation/words.md."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cohorts.database import Base, UtcDateTime, words


class FeedbackPolicy(StrEnum):
    """When a student sees marks and feedback: as soon as marked, or when the instructor says so."""

    AT_ONCE = "at-once"
    MANUAL = "manual"


class Counting(StrEnum):
    """Which attempt goes into the gradebook."""

    LATEST = "latest"
    BEST = "best"


class MarkingKind(StrEnum):
    """`mark` runs and scores an attempt; `feedback` only makes its feedback again, after manual grading."""

    MARK = "mark"
    FEEDBACK = "feedback"


class MarkingState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Assignment(Base):
    """An assignment of an offering, with its policies. `name` is nbgrader's assignment id."""

    __tablename__ = "assignment"

    id: Mapped[int] = mapped_column(primary_key=True)
    offering_id: Mapped[str] = mapped_column(ForeignKey("offering.id"))
    name: Mapped[str] = mapped_column(String(128))
    title_ko: Mapped[str] = mapped_column(String(255))
    title_en: Mapped[str] = mapped_column(String(255))
    position: Mapped[int] = mapped_column(default=0)
    points: Mapped[float | None]
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempt_limit: Mapped[int | None]
    cooldown_seconds: Mapped[int] = mapped_column(default=0)
    counting: Mapped[Counting] = mapped_column(words(Counting), default=Counting.LATEST)
    feedback_policy: Mapped[FeedbackPolicy] = mapped_column(words(FeedbackPolicy), default=FeedbackPolicy.MANUAL)
    time_limit_seconds: Mapped[int] = mapped_column(default=120)
    hardware: Mapped[str] = mapped_column(String(32), default="cpu")

    releases: Mapped[list[Release]] = relationship(back_populates="assignment", order_by="Release.version")
    extensions: Mapped[list[Extension]] = relationship(back_populates="assignment")

    __table_args__ = (UniqueConstraint("offering_id", "name"),)


class Release(Base):
    """One version of an assignment's student files. The highest version that is not withdrawn is handed out.

    `sha256` names the student bundle (a gzipped tar) in storage, `source_sha256` the instructor's source it came from.
    """

    __tablename__ = "release"

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignment.id"))
    version: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    source_sha256: Mapped[str | None] = mapped_column(String(64))
    released_by: Mapped[str] = mapped_column(String(255))
    released_at: Mapped[datetime] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    assignment: Mapped[Assignment] = relationship(back_populates="releases")

    __table_args__ = (UniqueConstraint("assignment_id", "version"),)


class Extension(Base):
    """A later deadline for one student."""

    __tablename__ = "extension"

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignment.id"))
    username: Mapped[str] = mapped_column(ForeignKey("person.username"))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    granted_by: Mapped[str] = mapped_column(String(255))
    granted_at: Mapped[datetime] = mapped_column(UtcDateTime)

    assignment: Mapped[Assignment] = relationship(back_populates="extensions")

    __table_args__ = (UniqueConstraint("assignment_id", "username"),)


class Attempt(Base):
    """One submission, numbered per student and assignment; never overwritten, never deleted.

    `key` is the client's idempotency key: the same submission sent again after a lost answer gets the same receipt.
    `due_at` is the deadline that held for this student at that moment.
    """

    __tablename__ = "attempt"

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignment.id"))
    username: Mapped[str] = mapped_column(ForeignKey("person.username"), index=True)
    number: Mapped[int]
    key: Mapped[str] = mapped_column(String(64), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    late: Mapped[bool]

    assignment: Mapped[Assignment] = relationship()
    markings: Mapped[list[Marking]] = relationship(back_populates="attempt", order_by="Marking.id")

    __table_args__ = (UniqueConstraint("assignment_id", "username", "number"),)


class Marking(Base):
    """One run of the grader over an attempt; also the job that asks for it.

    `claim` is the fencing token of the worker that holds it: whoever finishes must still hold it.
    """

    __tablename__ = "marking"

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempt.id"), index=True)
    kind: Mapped[MarkingKind] = mapped_column(words(MarkingKind), default=MarkingKind.MARK)
    state: Mapped[MarkingState] = mapped_column(words(MarkingState), default=MarkingState.QUEUED)
    priority: Mapped[int] = mapped_column(default=0)
    claim: Mapped[str | None] = mapped_column(String(36))
    claimed_by: Mapped[str | None] = mapped_column(String(255))
    heartbeat_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(default=0)
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    score: Mapped[float | None]
    max_score: Mapped[float | None]
    needs_manual: Mapped[bool] = mapped_column(default=False)
    integrity: Mapped[str | None] = mapped_column(String(16))
    tests: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)
    findings: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)
    log: Mapped[str | None] = mapped_column(Text)

    attempt: Mapped[Attempt] = relationship(back_populates="markings")

    __table_args__ = (
        CheckConstraint("state in ('queued', 'running', 'done', 'failed')", name="state"),
        CheckConstraint("kind in ('mark', 'feedback')", name="kind"),
        Index("ix_marking_state_priority", "state", "priority", "id"),
    )


class Feedback(Base):
    """Feedback made for an attempt: a bundle (gzipped tar of HTML) in storage. The newest one counts."""

    __tablename__ = "feedback"

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempt.id"), index=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    score: Mapped[float | None]
    max_score: Mapped[float | None]
    needs_manual: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    attempt: Mapped[Attempt] = relationship()
