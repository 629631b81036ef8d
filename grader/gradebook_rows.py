"""One submission in nbgrader's tables: read whole in two statements, written where it is new or has changed.

Owns what `nbgrader.api`'s classes would do with one query for each attribute: making a submission with a grade and a
comment for every cell, and nbgrader's rules for a score (a person's points replace the tests', extra credit comes on
top) and for a comment. The caller owns the transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Row

from grader.gradebook_statements import Write, statements

GRADED = ("GradeCell", "TaskCell")
COMMENTED = ("SolutionCell", "TaskCell")


@dataclass
class GradeRow:
    """A row of `grade`, with the cell's name and points."""

    id: str
    cell_id: str
    cell: str
    max_score: float
    auto: float | None = None
    manual: float | None = None
    extra: float | None = None
    waits: bool = True

    @property
    def score(self) -> float:
        """nbgrader's `Grade.score`."""
        if self.manual is not None:
            return self.manual + (self.extra or 0.0)
        return 0.0 if self.auto is None else self.auto + (self.extra or 0.0)

    @property
    def ours(self) -> dict[str, Any]:
        """The columns that marking writes."""
        return {"auto_score": self.auto, "needs_manual_grade": self.waits}


@dataclass
class CommentRow:
    """A row of `comment`, with the cell's name."""

    id: str
    cell_id: str
    cell: str
    auto: str | None = None
    manual: str | None = None

    @property
    def text(self) -> str | None:
        """nbgrader's `Comment.comment`."""
        return self.auto if self.manual is None else self.manual

    @property
    def ours(self) -> dict[str, Any]:
        return {"auto_comment": self.auto}


@dataclass
class NotebookRows:
    """A row of `submitted_notebook` with all that hangs on it."""

    id: str
    notebook_id: str
    name: str
    penalty: float | None = None
    grades: list[GradeRow] = field(default_factory=list)
    comments: list[CommentRow] = field(default_factory=list)

    @property
    def score(self) -> float:
        return sum(grade.score for grade in self.grades)

    @property
    def max_score(self) -> float:
        return sum(grade.max_score for grade in self.grades)

    @property
    def waits(self) -> bool:
        return any(grade.waits for grade in self.grades)

    @property
    def ours(self) -> dict[str, Any]:
        return {"late_submission_penalty": self.penalty}


class Written(Protocol):
    """A row that marking writes to."""

    @property
    def id(self) -> str: ...

    @property
    def ours(self) -> dict[str, Any]: ...


@dataclass
class SubmissionRows:
    """A row of `submitted_assignment` with its notebooks, by name.

    `stored` maps ids of rows to what the gradebook has in the columns that marking writes; what is not in it is new.
    """

    id: str
    assignment_id: str
    username: str
    is_new: bool
    student_is_new: bool
    notebooks: dict[str, NotebookRows] = field(default_factory=dict)
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)


def find_submission(connection: Connection, assignment: str, username: str) -> SubmissionRows | None:
    """The student's submission to the assignment called `assignment`, None where there is none."""
    known = connection.execute(statements().known, {"name": assignment, "student": username}).first()
    if known is None or known.submission is None:
        return None
    found = SubmissionRows(known.submission, known.assignment, username, False, False)
    _load(connection, found, fill=False)
    return found


def open_submission(connection: Connection, assignment: str, username: str) -> SubmissionRows | None:
    """The student's submission with a grade and a comment for every cell, as nbgrader's `add_submission` makes it.

    What is missing in the gradebook is new, until `store_submission` writes it. None where there is no such assignment.
    """
    known = connection.execute(statements().known, {"name": assignment, "student": username}).first()
    if known is None:
        return None
    is_new = known.submission is None
    key = _new_id() if is_new else known.submission
    found = SubmissionRows(key, known.assignment, username, is_new, known.student is None)
    _load(connection, found, fill=True)
    return found


def store_submission(connection: Connection, rows: SubmissionRows, timestamp: datetime | None = None) -> None:
    """Write what is new or has changed; `timestamp` is when it was handed in, naive UTC as nbgrader stores it."""
    said = statements()
    if rows.student_is_new:
        connection.execute(said.add_student, {"id": rows.username})
    if rows.is_new:
        made = {"id": rows.id, "assignment_id": rows.assignment_id, "student_id": rows.username}
        connection.execute(said.add_submission, made | {"timestamp": timestamp})
    elif timestamp is not None:
        connection.execute(said.stamp, {"key": rows.id, "timestamp": timestamp})
    books = list(rows.notebooks.values())
    own = {book.id: {"notebook_id": book.notebook_id, "assignment_id": rows.id} for book in books}
    _store(connection, said.notebook, books, rows.stored, own)
    own = {row.id: {"notebook_id": book.id, "cell_id": row.cell_id} for book in books for row in book.grades}
    _store(connection, said.grade, [row for book in books for row in book.grades], rows.stored, own)
    own = {row.id: {"notebook_id": book.id, "cell_id": row.cell_id} for book in books for row in book.comments}
    _store(connection, said.comment, [row for book in books for row in book.comments], rows.stored, own)


def _store(
    connection: Connection,
    write: Write,
    rows: Sequence[Written],
    stored: dict[str, dict[str, Any]],
    keys: dict[str, dict[str, str]],
) -> None:
    """Insert the rows that are new, with their foreign `keys`, and update those that are not as they are `stored`."""
    new = [{"id": row.id} | keys[row.id] | row.ours for row in rows if row.id not in stored]
    changed = [{"key": row.id} | row.ours for row in rows if row.id in stored and stored[row.id] != row.ours]
    if new:
        connection.execute(write.insert, new)
    if changed:
        connection.execute(write.update, changed)


def _load(connection: Connection, rows: SubmissionRows, *, fill: bool) -> None:
    """Read the notebooks, grades and comments; with `fill` make those that are missing."""
    given = {"assignment": rows.assignment_id, "submission": rows.id}
    for row in connection.execute(statements().cells, given):
        book = rows.notebooks.get(row.name)
        if book is None:
            if row.book is None and not fill:
                continue
            book = NotebookRows(row.book or _new_id(), row.notebook, row.name, row.penalty)
            rows.notebooks[row.name] = book
            if row.book is not None:
                rows.stored[book.id] = book.ours
        if row.type in GRADED and (fill or row.grade is not None):
            book.grades.append(_grade_of(row, rows))
        if row.type in COMMENTED and (fill or row.comment is not None):
            book.comments.append(_comment_of(row, rows))


def _grade_of(row: Row[*tuple[Any, ...]], rows: SubmissionRows) -> GradeRow:
    if row.grade is None:
        return GradeRow(_new_id(), row.cell, row.cell_name, row.most)
    grade = GradeRow(
        row.grade, row.cell, row.cell_name, row.most, row.auto_score, row.manual_score, row.extra_credit, row.waits
    )
    rows.stored[grade.id] = grade.ours
    return grade


def _comment_of(row: Row[*tuple[Any, ...]], rows: SubmissionRows) -> CommentRow:
    if row.comment is None:
        return CommentRow(_new_id(), row.cell, row.cell_name)
    comment = CommentRow(row.comment, row.cell, row.cell_name, row.auto_comment, row.manual_comment)
    rows.stored[comment.id] = comment.ours
    return comment


def _new_id() -> str:
    """As nbgrader makes them."""
    return uuid.uuid4().hex
