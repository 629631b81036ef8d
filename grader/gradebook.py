"""nbgrader's gradebook of an offering: writing a marking into it, and reading marks out.

Owns the only code that touches nbgrader's tables. A marking is written in one transaction, so that no reader and no
crash ever sees half of it; manual scores and comments stay, as in nbgrader's SaveAutoGrades. Whoever changes an
offering's gradebook or folders holds `offering_lock`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from grader.results import MarkingResult, NotebookResult

BUSY_SECONDS = 30
LOCK_FILE = ".release.lock"  # the one that building a release holds: nbgrader rewrites source cells meanwhile


@dataclass(frozen=True)
class Mark:
    """One student's mark for one assignment. `auto` and `manual` are the parts of `score` that came from tests and
    from people; a manual score of a test cell replaces the automatic one."""

    username: str
    assignment: str
    score: float
    max_score: float
    auto: float
    manual: float
    needs_manual: bool
    submitted_at: datetime | None = None


@dataclass(frozen=True)
class NotebookGrades:
    """What the gradebook says about one notebook of a submission: scores and comments by grade id."""

    score: float
    max_score: float
    late_penalty: float
    cells: dict[str, tuple[float, float]] = field(default_factory=dict)
    comments: dict[str, str | None] = field(default_factory=dict)
    needs_manual: bool = False


def gradebook_url(offering_dir: Path) -> str:
    """Where nbgrader keeps the gradebook of a course directory by default."""
    return f"sqlite:///{offering_dir.resolve() / 'gradebook.db'}"


@contextmanager
def offering_lock(offering_dir: Path) -> Iterator[None]:
    """Hold an offering's gradebook and graded folders for oneself, across processes."""
    descriptor = os.open(offering_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # releases the lock


def write_marking(
    db_url: str, assignment: str, username: str, submitted_at: datetime, result: MarkingResult
) -> dict[str, NotebookGrades]:
    """Store `result` as the student's submission; returns what the gradebook then says.

    One transaction. Automatic scores and comments are replaced, a person's stay, and a cell a person had scored is
    flagged for another look. Raises ValueError where the gradebook lacks the assignment.
    """
    from nbgrader import api

    with _session(db_url, write=True) as session:
        row = session.scalar(select(api.Assignment).where(api.Assignment.name == assignment))
        if row is None:
            raise ValueError(f"the gradebook has no assignment {assignment!r}")
        if session.get(api.Student, username) is None:
            session.add(api.Student(id=username))
        submission = _submission(session, row, username)
        submission.timestamp = submitted_at.astimezone(UTC).replace(tzinfo=None)
        notebooks = {notebook.notebook.name: notebook for notebook in submission.notebooks}
        for part in result.notebooks:
            if part.name in notebooks:
                _store(session, notebooks[part.name], part)
        session.flush()
        session.expire_all()
        grades = _grades_of(submission)
        session.commit()
        return grades


def read_grades(db_url: str, assignment: str, username: str) -> dict[str, NotebookGrades] | None:
    """What the gradebook says about a submission, by notebook; None where there is none."""
    from nbgrader import api

    with _session(db_url) as session:
        submission = session.scalar(
            select(api.SubmittedAssignment)
            .join(api.Assignment, api.Assignment.id == api.SubmittedAssignment.assignment_id)
            .where(api.Assignment.name == assignment, api.SubmittedAssignment.student_id == username)
        )
        return None if submission is None else _grades_of(submission)


def marks(offering_dir: Path) -> list[Mark]:
    """Every mark in the offering's gradebook, by assignment and student. Empty before anything was released."""
    from nbgrader import api

    if not (offering_dir / "gradebook.db").exists():
        return []
    with _session(gradebook_url(offering_dir)) as session:
        rows = session.scalars(select(api.SubmittedAssignment)).all()
        found = [_mark_of(row) for row in rows]
    return sorted(found, key=lambda mark: (mark.assignment, mark.username))


@contextmanager
def _session(db_url: str, *, write: bool = False) -> Iterator[Session]:
    """A session of its own that commits only when told; to `write` it takes SQLite's write lock at the start."""
    engine = _engine(db_url, "BEGIN IMMEDIATE" if write else "BEGIN")
    try:
        with Session(engine) as session:
            yield session
    finally:
        engine.dispose()


def _engine(db_url: str, begin: str) -> Engine:
    if not db_url.startswith("sqlite"):
        return create_engine(db_url, poolclass=NullPool)
    engine = create_engine(db_url, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _submission(session: Session, assignment: Any, username: str) -> Any:
    """The student's submission, made as nbgrader's `add_submission` makes it, with every grade and comment in place."""
    from nbgrader import api

    submission = session.scalar(
        select(api.SubmittedAssignment).where(
            api.SubmittedAssignment.assignment_id == assignment.id, api.SubmittedAssignment.student_id == username
        )
    )
    if submission is None:
        submission = api.SubmittedAssignment(assignment_id=assignment.id, student_id=username)
        session.add(submission)
        session.flush()
    have = {notebook.notebook_id: notebook for notebook in submission.notebooks}
    for notebook in assignment.notebooks:
        submitted = have.get(notebook.id)
        if submitted is None:
            submitted = api.SubmittedNotebook(notebook=notebook, assignment=submission)
            session.add(submitted)
            session.flush()
        graded = {grade.cell_id for grade in submitted.grades}
        commented = {comment.cell_id for comment in submitted.comments}
        for cell in (*notebook.grade_cells, *notebook.task_cells):
            if cell.id not in graded:
                session.add(api.Grade(cell_id=cell.id, notebook=submitted))
        for cell in (*notebook.solution_cells, *notebook.task_cells):
            if cell.id not in commented:
                session.add(api.Comment(cell_id=cell.id, notebook=submitted))
    session.flush()
    return submission


def _store(session: Session, submitted: Any, part: NotebookResult) -> None:
    scores = {grade.cell: grade.auto_score for grade in part.grades}
    submitted.late_submission_penalty = None
    for grade in submitted.grades:
        if grade.cell.name not in scores:
            continue
        grade.auto_score = scores[grade.cell.name]
        by_hand = grade.manual_score is not None or grade.auto_score is None
        grade.needs_manual_grade = by_hand and not part.missing
    for comment in submitted.comments:
        comment.auto_comment = part.comments.get(comment.cell.name)
    session.flush()


def _grades_of(submission: Any) -> dict[str, NotebookGrades]:
    return {
        notebook.notebook.name: NotebookGrades(
            score=notebook.score,
            max_score=notebook.max_score,
            late_penalty=notebook.late_submission_penalty or 0.0,
            cells={grade.cell.name: (grade.score, grade.max_score) for grade in notebook.grades},
            comments={comment.cell.name: comment.comment for comment in notebook.comments},
            needs_manual=notebook.needs_manual_grade,
        )
        for notebook in submission.notebooks
    }


def _mark_of(submission: Any) -> Mark:
    grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
    by_hand = sum(g.manual_score + (g.extra_credit or 0.0) for g in grades if g.manual_score is not None)
    penalty = submission.late_submission_penalty or 0.0
    stamp = submission.timestamp
    return Mark(
        username=submission.student_id,
        assignment=submission.assignment.name,
        score=max(0.0, submission.score - penalty),
        max_score=submission.max_score,
        auto=submission.score - by_hand,
        manual=by_hand,
        needs_manual=submission.needs_manual_grade,
        submitted_at=stamp.replace(tzinfo=UTC) if stamp else None,
    )
