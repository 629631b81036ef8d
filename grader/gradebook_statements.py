"""The statements that read and write one submission in nbgrader's tables.

Built once, when the first is asked for: to build them takes longer than to run them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import BindParameter, and_, bindparam, func, insert, select, update


class Write:
    """How the rows of a table are written."""

    def __init__(self, table: Any, *ours: str) -> None:
        self.insert = insert(table)
        its = table.c.id == bindparam("key")
        self.update = update(table).where(its).values(**{name: bindparam(name) for name in ours})


class Statements:
    """`known` finds a submission by names, `cells` reads all that hangs on it; the others write."""

    def __init__(self) -> None:
        from nbgrader import api

        students, submitted = api.Student.__table__, api.SubmittedAssignment.__table__
        books, notebooks = api.SubmittedNotebook.__table__, api.Notebook.__table__
        grade, comment, base = api.Grade.__table__, api.Comment.__table__, api.BaseCell.__table__
        points, tasks, assignments = api.GradeCell.__table__, api.TaskCell.__table__, api.Assignment.__table__
        student: BindParameter[Any] = bindparam("student")
        its = and_(submitted.c.assignment_id == assignments.c.id, submitted.c.student_id == student)
        self.known = (
            select(
                assignments.c.id.label("assignment"), students.c.id.label("student"), submitted.c.id.label("submission")
            )
            .select_from(assignments)
            .outerjoin(students, students.c.id == student)
            .outerjoin(submitted, its)
            .where(assignments.c.name == bindparam("name"))
        )
        book = and_(books.c.notebook_id == notebooks.c.id, books.c.assignment_id == bindparam("submission"))
        self.cells = (
            select(
                notebooks.c.id.label("notebook"),
                notebooks.c.name,
                books.c.id.label("book"),
                books.c.late_submission_penalty.label("penalty"),
                base.c.id.label("cell"),
                base.c.name.label("cell_name"),
                base.c.type,
                func.coalesce(points.c.max_score, tasks.c.max_score, 0.0).label("most"),
                grade.c.id.label("grade"),
                grade.c.auto_score,
                grade.c.manual_score,
                grade.c.extra_credit,
                grade.c.needs_manual_grade.label("waits"),
                comment.c.id.label("comment"),
                comment.c.auto_comment,
                comment.c.manual_comment,
            )
            .select_from(notebooks)
            .outerjoin(books, book)
            .outerjoin(base, base.c.notebook_id == notebooks.c.id)
            .outerjoin(points, points.c.id == base.c.id)
            .outerjoin(tasks, tasks.c.id == base.c.id)
            .outerjoin(grade, and_(grade.c.cell_id == base.c.id, grade.c.notebook_id == books.c.id))
            .outerjoin(comment, and_(comment.c.cell_id == base.c.id, comment.c.notebook_id == books.c.id))
            .where(notebooks.c.assignment_id == bindparam("assignment"))
            .order_by(notebooks.c.name)
        )
        self.add_student, self.add_submission = insert(students), insert(submitted)
        self.stamp = Write(submitted, "timestamp").update
        self.notebook = Write(books, "late_submission_penalty")
        self.grade = Write(grade, "auto_score", "needs_manual_grade")
        self.comment = Write(comment, "auto_comment")


@cache
def statements() -> Statements:
    """The statements; nbgrader is imported only when the first is asked for."""
    return Statements()
