"""One submission in nbgrader's tables, read and written row by row, in a handful of statements.

Owns what `nbgrader.api`'s classes would do with one query for each attribute: making a submission with a grade and a
comment for every cell, and nbgrader's rules for a score (a person's points replace the tests', extra credit comes on
top) and for a comment. The caller owns the transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, func, insert, select, update


@dataclass
class GradeRow:
    """A row of `grade`, with the cell's name and points."""

    id: str
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


@dataclass
class CommentRow:
    """A row of `comment`, with the cell's name."""

    id: str
    cell: str
    auto: str | None = None
    manual: str | None = None

    @property
    def text(self) -> str | None:
        """nbgrader's `Comment.comment`."""
        return self.auto if self.manual is None else self.manual


@dataclass
class NotebookRows:
    """A row of `submitted_notebook` with all that hangs on it."""

    id: str
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


@dataclass
class SubmissionRows:
    """A row of `submitted_assignment` with its notebooks, by name."""

    id: str
    notebooks: dict[str, NotebookRows]


def assignment_id(connection: Connection, name: str) -> str | None:
    """nbgrader's id of the assignment called `name`."""
    found: str | None = connection.scalar(_statements().assignment, {"name": name})
    return found


def find_submission(connection: Connection, assignment: str, username: str) -> SubmissionRows | None:
    """The student's submission, None where there is none."""
    from nbgrader import api

    table, assignments = api.SubmittedAssignment.__table__, api.Assignment.__table__
    found = connection.scalar(
        select(table.c.id)
        .join(assignments, assignments.c.id == table.c.assignment_id)
        .where(assignments.c.name == assignment, table.c.student_id == username)
    )
    return None if found is None else _load(connection, found)


def ensure_submission(connection: Connection, assignment: str, username: str, timestamp: datetime) -> SubmissionRows:
    """The student's submission with every grade and comment in place, made where it is missing.

    `assignment` is nbgrader's id, `timestamp` naive UTC as nbgrader stores it.
    """
    from nbgrader import api

    said = _statements()
    if connection.scalar(said.student, {"student": username}) is None:
        connection.execute(insert(api.Student.__table__), {"id": username})
    found = connection.scalar(said.submission, {"assignment": assignment, "student": username})
    if found is None:
        found = _new_id()
        row = {"id": found, "assignment_id": assignment, "student_id": username, "timestamp": timestamp}
        connection.execute(insert(api.SubmittedAssignment.__table__), row)
    else:
        connection.execute(said.stamp, {"key": found, "stamp": timestamp})
    _fill(connection, found, assignment)
    return _load(connection, found)


def store_grades(connection: Connection, grades: Iterable[GradeRow]) -> None:
    """Write automatic scores and whether a person has to look."""
    from nbgrader import api

    table = api.Grade.__table__
    rows = [{"key": grade.id, "auto": grade.auto, "waits": grade.waits} for grade in grades]
    if rows:
        connection.execute(_update(table, "auto_score", "needs_manual_grade"), _renamed(rows, waits="more"))


def store_comments(connection: Connection, comments: Iterable[CommentRow]) -> None:
    """Write automatic comments."""
    from nbgrader import api

    rows = [{"key": comment.id, "auto": comment.auto} for comment in comments]
    if rows:
        connection.execute(_update(api.Comment.__table__, "auto_comment"), rows)


def store_penalties(connection: Connection, notebooks: Iterable[NotebookRows]) -> None:
    """Write what lateness takes off."""
    from nbgrader import api

    rows = [{"key": notebook.id, "auto": notebook.penalty} for notebook in notebooks]
    if rows:
        connection.execute(_update(api.SubmittedNotebook.__table__, "late_submission_penalty"), rows)


@lru_cache(maxsize=8)
def _update(table: Any, first: str, second: str | None = None) -> Any:
    values: dict[str, Any] = {first: bindparam("auto")} | ({second: bindparam("more")} if second else {})
    return update(table).where(table.c.id == bindparam("key")).values(values)


def _renamed(rows: list[dict[str, Any]], **names: str) -> list[dict[str, Any]]:
    return [{names.get(key, key): value for key, value in row.items()} for row in rows]


def _fill(connection: Connection, submission: str, assignment: str) -> None:
    """Add the rows that are missing, as nbgrader's `add_submission` does."""
    from nbgrader import api

    said = _statements()
    have: dict[str, str] = {row.notebook_id: row.id for row in connection.execute(said.books, {"key": submission})}
    new: set[str] = set()
    for key in connection.scalars(said.notebooks, {"assignment": assignment}).all():
        if key not in have:
            have[key] = _new_id()
            new.add(key)
    if new:
        rows = [{"id": have[key], "assignment_id": submission, "notebook_id": key} for key in sorted(new)]
        connection.execute(insert(api.SubmittedNotebook.__table__), rows)
    cells = connection.execute(said.cells, {"notebooks": list(have)}).all()
    old = [have[key] for key in have if key not in new]  # a new one has nothing yet
    for table, kinds, filled_of in (
        (api.Grade.__table__, _GRADED, said.graded),
        (api.Comment.__table__, _COMMENTED, said.commented),
    ):
        filled = set(connection.execute(filled_of, {"notebooks": old}).all()) if old else set()
        added: list[dict[str, Any]] = [
            {"id": _new_id(), "cell_id": cell, "notebook_id": have[notebook]}
            for cell, notebook, kind in cells
            if kind in kinds and (cell, have[notebook]) not in filled
        ]
        if added and table is api.Grade.__table__:
            added = [row | {"needs_manual_grade": True} for row in added]
        if added:
            connection.execute(insert(table), added)


_GRADED = ("GradeCell", "TaskCell")
_COMMENTED = ("SolutionCell", "TaskCell")


def _load(connection: Connection, submission: str) -> SubmissionRows:
    said = _statements()
    rows = connection.execute(said.named_books, {"key": submission})
    found = {row.id: NotebookRows(row.id, row.name, row.late_submission_penalty) for row in rows}
    for row in connection.execute(said.grades, {"notebooks": list(found)}):
        found[row.notebook_id].grades.append(
            GradeRow(
                row.id, row.name, row.most, row.auto_score, row.manual_score, row.extra_credit, row.needs_manual_grade
            )
        )
    for row in connection.execute(said.comments, {"notebooks": list(found)}):
        found[row.notebook_id].comments.append(CommentRow(row.id, row.name, row.auto_comment, row.manual_comment))
    return SubmissionRows(submission, {notebook.name: notebook for notebook in found.values()})


class _Statements:
    """Built once: to build them takes longer than to run them."""

    def __init__(self) -> None:
        from nbgrader import api

        students, submitted = api.Student.__table__, api.SubmittedAssignment.__table__
        books, notebooks = api.SubmittedNotebook.__table__, api.Notebook.__table__
        grade, comment, base = api.Grade.__table__, api.Comment.__table__, api.BaseCell.__table__
        points, tasks = api.GradeCell.__table__, api.TaskCell.__table__
        these: BindParameter[Any] = bindparam("notebooks", expanding=True)
        assignments = api.Assignment.__table__
        self.assignment = select(assignments.c.id).where(assignments.c.name == bindparam("name"))
        self.student = select(students.c.id).where(students.c.id == bindparam("student"))
        self.submission = select(submitted.c.id).where(
            submitted.c.assignment_id == bindparam("assignment"), submitted.c.student_id == bindparam("student")
        )
        self.stamp = update(submitted).where(submitted.c.id == bindparam("key")).values(timestamp=bindparam("stamp"))
        self.books = select(books.c.notebook_id, books.c.id).where(books.c.assignment_id == bindparam("key"))
        self.notebooks = select(notebooks.c.id).where(notebooks.c.assignment_id == bindparam("assignment"))
        self.cells = select(base.c.id, base.c.notebook_id, base.c.type).where(base.c.notebook_id.in_(these))
        self.graded = select(grade.c.cell_id, grade.c.notebook_id).where(grade.c.notebook_id.in_(these))
        self.commented = select(comment.c.cell_id, comment.c.notebook_id).where(comment.c.notebook_id.in_(these))
        self.named_books = (
            select(books.c.id, notebooks.c.name, books.c.late_submission_penalty)
            .join(notebooks, notebooks.c.id == books.c.notebook_id)
            .where(books.c.assignment_id == bindparam("key"))
            .order_by(notebooks.c.name)
        )
        self.grades = (
            select(grade, base.c.name, func.coalesce(points.c.max_score, tasks.c.max_score, 0.0).label("most"))
            .join(base, base.c.id == grade.c.cell_id)
            .outerjoin(points, points.c.id == base.c.id)
            .outerjoin(tasks, tasks.c.id == base.c.id)
            .where(grade.c.notebook_id.in_(these))
        )
        self.comments = (
            select(comment, base.c.name)
            .join(base, base.c.id == comment.c.cell_id)
            .where(comment.c.notebook_id.in_(these))
        )


@cache
def _statements() -> _Statements:
    return _Statements()


def _new_id() -> str:
    """As nbgrader makes them."""
    return uuid.uuid4().hex
