"""What the API says about regrades. A mark is what the gradebook says: points by hand and lateness are in it."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from grader.job_progress import Progress
from grader.regrade_apply import Applied
from grader.regrade_changes import Preview, StudentChange, TestChange, TestFlips
from portal.regrades import Regrading


class RegradeProgress(BaseModel):
    """How many of a regrade's attempts are in which state of marking."""

    queued: int
    running: int
    done: int
    failed: int
    total: int
    finished: int

    @classmethod
    def of(cls, progress: Progress) -> RegradeProgress:
        finished = progress.done + progress.failed
        return cls(
            queued=progress.queued,
            running=progress.running,
            done=progress.done,
            failed=progress.failed,
            total=progress.queued + progress.running + finished,
            finished=finished,
        )


class RegradeShape(BaseModel):
    """A regrade: running, ready (to be applied or dropped), applying (begun: apply again), applied or dropped."""

    id: int
    state: str
    started_by: str
    started_at: datetime
    ended_by: str | None
    ended_at: datetime | None
    source_sha256: str
    progress: RegradeProgress

    @classmethod
    def of(cls, found: Regrading) -> RegradeShape:
        row = found.regrade
        return cls(
            id=row.id,
            state=found.state.value,
            started_by=row.started_by,
            started_at=row.started_at,
            ended_by=row.ended_by,
            ended_at=row.ended_at,
            source_sha256=row.source_sha256,
            progress=RegradeProgress.of(found.progress),
        )


class TestChangeShape(BaseModel):
    """One graded cell of a student. `old` and `new` are null where there is no such cell."""

    notebook: str
    name: str
    old: float | None
    new: float | None
    old_max: float | None
    new_max: float | None
    by_hand: bool

    @classmethod
    def of(cls, test: TestChange) -> TestChangeShape:
        return cls(
            notebook=test.notebook,
            name=test.name,
            old=test.old,
            new=test.new,
            old_max=test.old_max,
            new_max=test.new_max,
            by_hand=test.by_hand,
        )


class StudentChangeShape(BaseModel):
    """One student's mark before and after; `new` is null until the attempt that counts is marked with the new tests."""

    username: str
    name: str
    attempt_id: int
    old_attempt: int | None
    attempt: int
    old: float | None
    new: float | None
    old_max: float | None
    new_max: float | None
    change: float
    suspect: bool
    failed: bool
    tests: list[TestChangeShape]

    @classmethod
    def of(cls, student: StudentChange) -> StudentChangeShape:
        return cls(
            username=student.username,
            name=student.name,
            attempt_id=student.attempt_id,
            old_attempt=student.old_number,
            attempt=student.number,
            old=student.old,
            new=student.new,
            old_max=student.old_max,
            new_max=student.new_max,
            change=student.difference,
            suspect=student.suspect,
            failed=student.failed,
            tests=[TestChangeShape.of(test) for test in student.tests],
        )


class TestFlipsShape(BaseModel):
    """A graded cell: kept, added, removed, or worth other points; for how many students it earns more or less."""

    notebook: str
    name: str
    cell: str
    old_max: float | None
    new_max: float | None
    up: int
    down: int

    @classmethod
    def of(cls, test: TestFlips) -> TestFlipsShape:
        return cls(
            notebook=test.notebook,
            name=test.name,
            cell=test.cell.value,
            old_max=test.old_max,
            new_max=test.new_max,
            up=test.up,
            down=test.down,
        )


class RegradePreview(BaseModel):
    """A regrade, and what it changes or would change."""

    regrade: RegradeShape
    up: int
    down: int
    unchanged: int
    mean_change: float
    attempts: int
    attempts_changed: int
    tests: list[TestFlipsShape]
    students: list[StudentChangeShape]

    @classmethod
    def made_of(cls, found: Regrading, preview: Preview) -> RegradePreview:
        return cls(
            regrade=RegradeShape.of(found),
            up=preview.up,
            down=preview.down,
            unchanged=preview.unchanged,
            mean_change=preview.mean,
            attempts=preview.attempts,
            attempts_changed=preview.attempts_changed,
            tests=[TestFlipsShape.of(test) for test in preview.tests],
            students=[StudentChangeShape.of(student) for student in preview.students],
        )


class RegradeApplied(BaseModel):
    """How many attempts have new marks now, and how many are marked once more with the new tests."""

    attempts: int
    queued: int

    @classmethod
    def of(cls, applied: Applied) -> RegradeApplied:
        return cls(attempts=applied.attempts, queued=applied.queued)
