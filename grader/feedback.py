"""Feedback: made for an attempt, kept in storage, released to its student.

Owns the rows of `Feedback` that a worker makes and the moment students may see them: at once where the assignment says
so, else when staff releases. Hidden tests never get into it (see `exposure`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.orm import Session

from cohorts.database import table_of
from grader import archive
from grader.course_folder import SHOWN
from grader.exposure import show
from grader.feedback_page import Page, render
from grader.gradebook import NotebookGrades
from grader.jobs import enqueue_feedback
from grader.lateness import Part, share_penalty
from grader.models import Attempt, Feedback, FeedbackPolicy, Marking, MarkingKind, MarkingState
from grader.results import MarkingResult
from grader.sanitize import released_source
from grader.source import SourceAssignment, SourceNotebook
from grader.storage import Storage


def pages_of_marking(
    source: SourceAssignment, result: MarkingResult, grades: Mapping[str, NotebookGrades]
) -> list[Page]:
    """Pages for a fresh marking; `grades` is what the gradebook says, or `own_grades` of an attempt not in it."""
    pages = []
    for notebook, part in zip(source.notebooks, result.notebooks, strict=True):
        nb = part.shown
        if nb is None and part.executed is not None:
            nb = _shown(notebook, part.executed)
        pages.append(Page(part.name, nb, grades[part.name], part.problem))
    return pages


def pages_of_folder(source: SourceAssignment, folder: Path, grades: Mapping[str, NotebookGrades]) -> list[Page]:
    """Pages from what an earlier marking left in autograded/, with the grades and comments of now."""
    import nbformat

    pages = []
    for notebook in source.notebooks:
        shown, path = folder / SHOWN / f"{notebook.name}.ipynb", folder / f"{notebook.name}.ipynb"
        if shown.exists():
            nb = nbformat.read(shown, as_version=4)
        else:
            nb = _shown(notebook, nbformat.read(path, as_version=4)) if path.exists() else None
        if notebook.name in grades:
            pages.append(Page(notebook.name, nb, grades[notebook.name]))
    return pages


def own_grades(result: MarkingResult, late_percent: float = 0.0) -> dict[str, NotebookGrades]:
    """A marking's grades by themselves, without anything a person added in the gradebook."""
    parts = [
        Part(sum(test.points or 0.0 for test in part.tests), sum(test.max_points for test in part.tests))
        for part in result.notebooks
    ]
    return {
        part.name: NotebookGrades(
            score=points.score,
            max_score=points.max_score,
            late_penalty=late_penalty,
            cells={test.name: (test.points or 0.0, test.max_points) for test in part.tests},
            comments=dict(part.comments),
            needs_manual=any(grade.auto_score is None for grade in part.grades),
        )
        for part, points, late_penalty in zip(result.notebooks, parts, share_penalty(late_percent, parts), strict=True)
    }


def build_bundle(pages: Iterable[Page]) -> bytes:
    """A gzipped tar with one HTML file a notebook, the same bytes for the same pages."""
    return archive.pack_contents({f"{page.notebook}.html": render(page).encode() for page in pages})


@dataclass(frozen=True)
class StoredBundle:
    """A bundle that lies in the storage: its SHA-256 and its size in bytes."""

    sha256: str
    size: int

    @classmethod
    def keep(cls, storage: Storage, bundle: bytes) -> StoredBundle:
        """Put it there, durably. Done before a transaction begins, so that nobody waits at the database for a disk."""
        return cls(storage.put_bytes(bundle), len(bundle))


def add_feedback(
    session: Session,
    *,
    attempt_id: int,
    stored: StoredBundle,
    grades: Mapping[str, NotebookGrades],
    policy: FeedbackPolicy,
    now: datetime,
) -> None:
    """Make `stored` the attempt's newest feedback.

    It is released at once where the policy says so, and where the student has already seen an earlier one.
    """
    at_once = policy is FeedbackPolicy.AT_ONCE or session.scalar(_SEEN, {"attempt": attempt_id}) is not None
    made = {
        "attempt_id": attempt_id,
        "sha256": stored.sha256,
        "size": stored.size,
        "score": sum(part.score - part.late_penalty for part in grades.values()),
        "max_score": sum(part.max_score for part in grades.values()),
        "needs_manual": any(part.needs_manual for part in grades.values()),
        "created_at": now,
        "released_at": now if at_once else None,
    }
    session.execute(_ADD, made)


_ADD = insert(table_of(Feedback))
_SEEN = (
    select(Feedback.id).where(Feedback.attempt_id == bindparam("attempt"), Feedback.released_at.is_not(None)).limit(1)
)


def release_feedback(session: Session, assignment_id: int, now: datetime, username: str | None = None) -> int:
    """Let students see their newest feedback (one student with `username`); returns how many attempts that opened.

    Feedback that waited for a person's scores, or had been released before, is also made anew, so that scores and
    comments given since arrive; what was released stays visible until then.
    """
    newest = select(func.max(Feedback.id)).join(Attempt, Attempt.id == Feedback.attempt_id)
    newest = newest.where(Attempt.assignment_id == assignment_id).group_by(Feedback.attempt_id)
    opened = 0
    for feedback in session.scalars(select(Feedback).where(Feedback.id.in_(newest))):
        if username is not None and feedback.attempt.username != username:
            continue
        again = feedback.released_at is not None
        if not again:
            feedback.released_at = now
            opened += 1
        if (again or feedback.needs_manual) and _was_marked(session, feedback.attempt):
            enqueue_feedback(session, feedback.attempt, now)
    session.flush()
    return opened


def _was_marked(session: Session, attempt: Attempt) -> bool:
    """Whether the attempt has been marked, so that there is something to make feedback from."""
    found = select(Marking.id).where(
        Marking.attempt_id == attempt.id, Marking.kind == MarkingKind.MARK, Marking.state == MarkingState.DONE
    )
    return session.scalar(found.limit(1)) is not None


def _shown(source: SourceNotebook, nb: object) -> object:
    released = {key: released_source(cell) for key, cell in source.cells.items()}
    return show(nb, source.hidden, released)
