"""Tables of work handed out, handed in and marked. Names follow docs/explanation/words.md."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cohorts.database import Base, UtcDateTime, words
from grader.needs import ON_PROCESSOR, needs_of


class FeedbackPolicy(StrEnum):
    """When a student sees marks and feedback: as soon as marked, or when the instructor says so."""

    AT_ONCE = "at-once"
    MANUAL = "manual"


class Counting(StrEnum):
    """Which attempt goes into the gradebook."""

    LATEST = "latest"
    BEST = "best"


class MarkingKind(StrEnum):
    """`mark` runs and scores an attempt; `feedback` only makes its feedback again, after manual grading.

    `regrade` runs and scores with a regrade's tests and changes nothing; applying the regrade makes it a `mark`.
    """

    MARK = "mark"
    FEEDBACK = "feedback"
    REGRADE = "regrade"


class MarkingState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class RegradeState(StrEnum):
    """How far a regrade is. `running` is stored; it is called `ready` once none of its markings waits or runs.

    `applying` is the marker of an act that has begun: whoever finds it does the act again, to its end.
    """

    RUNNING = "running"
    READY = "ready"
    APPLYING = "applying"
    APPLIED = "applied"
    DROPPED = "dropped"


class Assignment(Base):
    """An assignment of an offering, with its policies. `name` is nbgrader's assignment id.

    `accept_days_late` says for how many days after the deadline work is taken: 0 not at all, None without end.
    """

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
    grace_seconds: Mapped[int] = mapped_column(default=0)
    accept_days_late: Mapped[int | None] = mapped_column(default=0)
    late_percent_per_day: Mapped[float] = mapped_column(default=0.0)
    late_most_percent: Mapped[float] = mapped_column(default=100.0)
    feedback_policy: Mapped[FeedbackPolicy] = mapped_column(words(FeedbackPolicy), default=FeedbackPolicy.MANUAL)
    time_limit_seconds: Mapped[int] = mapped_column(default=120)
    hardware: Mapped[str] = mapped_column(String(32), default="cpu")
    image: Mapped[str | None] = mapped_column(String(255))

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
    `due_at` is the deadline that held for this student at that moment, `late`, `days_late` and `penalty_percent` what
    the receipt said then. What holds now (after an extension, say) is `grader.policies.Deadlines`' to tell.
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
    days_late: Mapped[int] = mapped_column(default=0)
    penalty_percent: Mapped[float] = mapped_column(default=0.0)

    assignment: Mapped[Assignment] = relationship()
    markings: Mapped[list[Marking]] = relationship(back_populates="attempt", order_by="Marking.id")

    __table_args__ = (UniqueConstraint("assignment_id", "username", "number"),)


def _offering_of_attempt(context: Any) -> str:
    """The offering a marking is for. Every insert passes here, so that no queue is without its offering."""
    attempt_id = context.get_current_parameters()["attempt_id"]
    found = select(Assignment.offering_id).join(Attempt, Attempt.assignment_id == Assignment.id)
    return str(context.connection.scalar(found.where(Attempt.id == attempt_id)) or "")


def _needs_of_attempt(context: Any) -> str:
    """What a marking needs of its worker; one that runs nothing needs nothing."""
    values = context.get_current_parameters()
    if values.get("kind") == MarkingKind.FEEDBACK:
        return ON_PROCESSOR
    found = select(Assignment.hardware, Assignment.image).join(Attempt, Attempt.assignment_id == Assignment.id)
    row = context.connection.execute(found.where(Attempt.id == values["attempt_id"])).first()
    return ON_PROCESSOR if row is None else needs_of(row.hardware, row.image)


class Marking(Base):
    """One run of the grader over an attempt; also the job that asks for it.

    `offering_id` repeats what the attempt's assignment says, since the queue is shared out by it; `needs` is its lane
    (`grader.needs`). `phase` is where a long job stands, `phases` what each phase took (`grader.phases`).

    `claim` is the fencing token of the worker that holds it: whoever finishes must still hold it. A regrade's marking
    keeps its whole result in storage, `result_sha256`, until the regrade is applied.
    """

    __tablename__ = "marking"

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempt.id"), index=True)
    regrade_id: Mapped[int | None] = mapped_column(ForeignKey("regrade.id"), index=True)
    result_sha256: Mapped[str | None] = mapped_column(String(64))
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
    offering_id: Mapped[str] = mapped_column(String(128), default=_offering_of_attempt, server_default="")
    needs: Mapped[str] = mapped_column(String(64), default=_needs_of_attempt, server_default=ON_PROCESSOR)
    phase: Mapped[str | None] = mapped_column(String(16))
    phases: Mapped[dict[str, dict[str, float]] | None] = mapped_column(JSON)

    attempt: Mapped[Attempt] = relationship(back_populates="markings")

    __table_args__ = (
        CheckConstraint("state in ('queued', 'running', 'done', 'failed')", name="state"),
        CheckConstraint("kind in ('mark', 'feedback', 'regrade')", name="kind"),
        Index("ix_marking_queue", "state", "needs", "priority", "offering_id", "id"),
        Index("ix_marking_served", "offering_id", "started_at"),
        Index("ix_marking_finished_at", "finished_at"),
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


class Regrade(Base):
    """All attempts at an assignment marked again with other tests, before anything is applied.

    `source_sha256` is the instructor's source, `course_sha256` a bundle of it with the cells nbgrader made of it.
    `lost` are the points and comments by hand on cells that the new source has no more.
    """

    __tablename__ = "regrade"

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignment.id"), index=True)
    state: Mapped[RegradeState] = mapped_column(words(RegradeState), default=RegradeState.RUNNING)
    source_sha256: Mapped[str] = mapped_column(String(64))
    course_sha256: Mapped[str] = mapped_column(String(64))
    started_by: Mapped[str] = mapped_column(String(255))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_by: Mapped[str | None] = mapped_column(String(255))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lost: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)

    assignment: Mapped[Assignment] = relationship()

    __table_args__ = (CheckConstraint("state in ('running', 'applying', 'applied', 'dropped')", name="state"),)


class ReleaseCheck(Base):
    """What the release check said about one source version. The newest one of a source counts.

    `source_sha256` names the instructor's source in storage, `conditions` all else that the outcome hangs on. `report`
    is a `release_report.ReleaseReport`; `evidence` maps notebooks and test cells to what marking the reference both
    ways has shown. Where the verdict was `unsteady`, somebody may have accepted it with a reason.
    """

    __tablename__ = "release_check"

    id: Mapped[int] = mapped_column(primary_key=True)
    offering_id: Mapped[str] = mapped_column(ForeignKey("offering.id"))
    assignment: Mapped[str] = mapped_column(String(128))
    source_sha256: Mapped[str] = mapped_column(String(64), index=True)
    conditions: Mapped[str] = mapped_column(String(64))
    verdict: Mapped[str] = mapped_column(String(16))
    report: Mapped[dict[str, Any]] = mapped_column(JSON)
    evidence: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    seconds: Mapped[float]
    checked_by: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    accepted_by: Mapped[str | None] = mapped_column(String(255))
    accepted_reason: Mapped[str | None] = mapped_column(Text)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        CheckConstraint("verdict in ('passed', 'unsteady', 'refused')", name="verdict"),
        Index("ix_release_check_offering_id_assignment", "offering_id", "assignment", "id"),
    )
