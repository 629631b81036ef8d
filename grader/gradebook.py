"""nbgrader's gradebook of an offering: writing a marking into it, and reading marks out.

Owns the only code that touches nbgrader's tables. A marking is written in one transaction, so that no reader and no
crash ever sees half of it; manual scores and comments stay, as in nbgrader's SaveAutoGrades. Whoever changes an
offering's gradebook or folders holds one of `offering_locks`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from grader import gradebook_rows as rows
from grader.gradebook_file import to_read, to_write
from grader.lateness import Part, share_penalty
from grader.results import MarkingResult, NotebookResult


@dataclass(frozen=True)
class Mark:
    """One student's mark for one assignment. `auto` and `manual` are what came from tests and from people; a manual
    score of a test cell replaces the automatic one. `penalty` is what lateness took off: `score` is without it."""

    username: str
    assignment: str
    score: float
    max_score: float
    auto: float
    manual: float
    needs_manual: bool
    submitted_at: datetime | None = None
    penalty: float = 0.0


@dataclass(frozen=True)
class NotebookGrades:
    """What the gradebook says about one notebook of a submission: scores and comments by grade id.

    `score` is before `late_penalty` goes off, which is never more than it.
    """

    score: float
    max_score: float
    late_penalty: float
    cells: dict[str, tuple[float, float]] = field(default_factory=dict)
    comments: dict[str, str | None] = field(default_factory=dict)
    needs_manual: bool = False


def gradebook_url(offering_dir: Path) -> str:
    """Where nbgrader keeps the gradebook of a course directory by default."""
    return f"sqlite:///{os.path.realpath(offering_dir)}/gradebook.db"


def write_marking(
    db_url: str,
    assignment: str,
    username: str,
    submitted_at: datetime,
    result: MarkingResult,
    late_percent: float = 0.0,
) -> dict[str, NotebookGrades]:
    """Store `result` as the student's submission; returns what the gradebook then says.

    One transaction. Automatic scores and comments are replaced, a person's stay, and a cell a person had scored is
    flagged for another look. `late_percent` of the points goes off, in place of what went off before. Raises ValueError
    where the gradebook lacks the assignment.
    """
    with to_write(db_url).connect() as connection:
        submission = rows.open_submission(connection, assignment, username)
        if submission is None:
            raise ValueError(f"the gradebook has no assignment {assignment!r}")
        for part in result.notebooks:
            if part.name in submission.notebooks:
                _take_over(submission.notebooks[part.name], part)
        _settle_penalty(submission, late_percent)
        rows.store_submission(connection, submission, submitted_at.astimezone(UTC).replace(tzinfo=None))
        grades = _grades_of(submission)
        connection.commit()
        return grades


def settle_penalty(
    db_url: str, assignment: str, username: str, late_percent: float
) -> dict[str, NotebookGrades] | None:
    """Take `late_percent` of the points off, in place of what went off before, by the scores of now.

    Returns what the gradebook then says, by notebook; None where there is no submission.
    """
    with to_write(db_url).connect() as connection:
        submission = rows.find_submission(connection, assignment, username)
        if submission is None:
            return None
        _settle_penalty(submission, late_percent)
        rows.store_submission(connection, submission)
        grades = _grades_of(submission)
        connection.commit()
        return grades


def read_grades(db_url: str, assignment: str, username: str) -> dict[str, NotebookGrades] | None:
    """What the gradebook says about a submission, by notebook; None where there is none."""
    with to_read(db_url).connect() as connection:
        submission = rows.find_submission(connection, assignment, username)
        return None if submission is None else _grades_of(submission)


def marks(offering_dir: Path) -> list[Mark]:
    """Every mark in the offering's gradebook, by assignment and student. Empty before anything was released."""
    from nbgrader import api

    if not (offering_dir / "gradebook.db").exists():
        return []
    with gradebook_session(gradebook_url(offering_dir)) as session:
        stored = session.scalars(select(api.SubmittedAssignment)).all()
        found = [_mark_of(row) for row in stored]
    return sorted(found, key=lambda mark: (mark.assignment, mark.username))


@contextmanager
def gradebook_session(db_url: str, *, write: bool = False) -> Iterator[Session]:
    """A session of its own that commits only when told; to `write` it takes SQLite's write lock at the start."""
    with Session((to_write if write else to_read)(db_url)) as session:
        yield session


def _take_over(submitted: rows.NotebookRows, part: NotebookResult) -> None:
    """Put automatic scores and comments in the place of those that were there."""
    scores = {grade.cell: grade.auto_score for grade in part.grades}
    for grade in submitted.grades:
        if grade.cell in scores:
            grade.auto = scores[grade.cell]
            grade.waits = (grade.manual is not None or grade.auto is None) and not part.missing
    for comment in submitted.comments:
        comment.auto = part.comments.get(comment.cell)


def _settle_penalty(submission: rows.SubmissionRows, late_percent: float) -> None:
    """Set nbgrader's `late_submission_penalty`, which its export takes off a submission's score.

    As in nbgrader it is no more than the score; only where an answer waits for a person may it be, up to what that
    answer can give, so that the mark is right as soon as formgrader stores the points.
    """
    notebooks = list(submission.notebooks.values())
    parts = []
    for notebook in notebooks:
        waiting = sum(grade.max_score - grade.score for grade in notebook.grades if grade.waits)
        parts.append(Part(max(0.0, notebook.score), notebook.max_score, max(0.0, waiting)))
    for notebook, points in zip(notebooks, share_penalty(late_percent, parts), strict=True):
        notebook.penalty = points or None


def _grades_of(submission: rows.SubmissionRows) -> dict[str, NotebookGrades]:
    return {
        name: NotebookGrades(
            score=notebook.score,
            max_score=notebook.max_score,
            late_penalty=min(notebook.penalty or 0.0, notebook.score),
            cells={grade.cell: (grade.score, grade.max_score) for grade in notebook.grades},
            comments={comment.cell: comment.text for comment in notebook.comments},
            needs_manual=notebook.waits,
        )
        for name, notebook in submission.notebooks.items()
    }


def _mark_of(submission: Any) -> Mark:
    grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
    by_hand = sum(g.manual_score + (g.extra_credit or 0.0) for g in grades if g.manual_score is not None)
    penalty = min(submission.late_submission_penalty or 0.0, submission.score)
    stamp = submission.timestamp
    return Mark(
        username=submission.student_id,
        assignment=submission.assignment.name,
        score=submission.score - penalty,
        max_score=submission.max_score,
        auto=submission.score - by_hand,
        manual=by_hand,
        needs_manual=submission.needs_manual_grade,
        submitted_at=stamp.replace(tzinfo=UTC) if stamp else None,
        penalty=penalty,
    )
