"""An applied regrade in nbgrader's gradebook: the new cells and every student's scores, in one transaction.

Owns what nbgrader itself refuses once work was handed in: adding and removing cells. Scores are stored by the same
rules as `gradebook.write_marking`, for all students at once; points and comments of people stay as they are. Whoever
calls this holds `offering_locks.offering_alone`, and may do so again after a crash: the outcome is the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session, selectinload

from grader.gradebook import NotebookGrades, gradebook_session
from grader.lateness import Part, share_penalty
from grader.results import MarkingResult, NotebookResult
from grader.source import SourceAssignment, SourceNotebook

Grades = dict[str, NotebookGrades]


@dataclass(frozen=True)
class Placement:
    """The attempt that counts for a student, with its new result. `late_percent` of the points goes off."""

    username: str
    submitted_at: datetime
    result: MarkingResult
    late_percent: float


def write_regrade(db_url: str, source: SourceAssignment, placements: Sequence[Placement]) -> dict[str, Grades]:
    """Make the gradebook's assignment what `source` says, with these results; returns each student's grades.

    Students who are not among `placements` keep their scores in the cells that are still there.
    """
    from nbgrader import api

    with gradebook_session(db_url, write=True) as session:
        row = session.scalars(select(api.Assignment).where(api.Assignment.name == source.name)).one()
        _write_cells(session, row, source)
        session.flush()
        session.expire_all()
        submissions = _submissions(session, row, [placement.username for placement in placements])
        session.flush()
        session.expire_all()
        by_student = {submission.student_id: submission for submission in _loaded(session, row)}
        assert by_student.keys() == submissions
        written = {placement.username: _store(by_student[placement.username], placement) for placement in placements}
        session.commit()
    return written


def _write_cells(session: Session, assignment: Any, source: SourceAssignment) -> None:
    from nbgrader import api

    have = {notebook.name: notebook for notebook in assignment.notebooks}
    wanted = {notebook.name: notebook for notebook in source.notebooks}
    for name, row in have.items():
        if name not in wanted:
            _remove_notebook(session, row)
    for name, notebook in wanted.items():
        row = have.get(name)
        if row is None:
            row = api.Notebook(name=name, assignment_id=assignment.id)
            session.add(row)
            session.flush()
        row.kernelspec = json.dumps(dict(notebook.kernelspec))
        _write_notebook(session, row, notebook)


def _write_notebook(session: Session, row: Any, notebook: SourceNotebook) -> None:
    from nbgrader import api

    wanted: dict[tuple[Any, str], dict[str, Any]] = {}
    for cell in notebook.cells.values():
        graded = {"max_score": cell.max_score, "cell_type": cell.cell_type}
        if cell.grade:
            wanted[api.GradeCell, cell.name] = graded
        if cell.solution:
            wanted[api.SolutionCell, cell.name] = {}
        if cell.task:
            wanted[api.TaskCell, cell.name] = graded
        wanted[api.SourceCell, cell.name] = {
            "cell_type": cell.cell_type,
            "locked": cell.locked,
            "source": cell.source,
            "checksum": cell.checksum,
        }
    have = {(type(cell), cell.name): cell for cell in (*row._base_cells, *row.source_cells)}
    for key, values in wanted.items():
        kind, name = key
        if (found := have.get(key)) is None:
            session.add(kind(name=name, notebook_id=row.id, **values))
            continue
        for field, value in values.items():
            setattr(found, field, value)
    _remove_cells(session, [cell for key, cell in have.items() if key not in wanted])


def _remove_cells(session: Session, cells: Iterable[Any]) -> None:
    """Remove cells with the grades and comments on them; what people gave was put by before."""
    from nbgrader import api

    gone = list(cells)
    ids = [cell.id for cell in gone if not isinstance(cell, api.SourceCell)]
    for table in (api.Grade, api.Comment):
        session.execute(delete(table).where(table.cell_id.in_(ids)))
    session.flush()
    for cell in gone:
        session.expire(cell)
        session.delete(cell)
    session.flush()


def _remove_notebook(session: Session, row: Any) -> None:
    from nbgrader import api

    _remove_cells(session, (*row._base_cells, *row.source_cells))
    session.execute(delete(api.SubmittedNotebook).where(api.SubmittedNotebook.notebook_id == row.id))
    session.expire(row)
    session.delete(row)
    session.flush()


def _submissions(session: Session, assignment: Any, usernames: Iterable[str]) -> set[str]:
    """See to it that every student has a submission, with a grade and a comment for each cell; who has one."""
    from nbgrader import api

    known = set(session.scalars(select(api.Student.id)))
    loaded = _loaded(session, assignment)
    have = {submission.student_id: submission.id for submission in loaded}
    parts = {(part.assignment_id, part.notebook_id): part for whole in loaded for part in whole.notebooks}
    for username in usernames:
        if username not in known:
            session.add(api.Student(id=username))
        if username not in have:
            have[username] = api.new_uuid()
            session.add(api.SubmittedAssignment(id=have[username], assignment_id=assignment.id, student_id=username))
    session.flush()
    grades: list[dict[str, str]] = []
    comments: list[dict[str, str]] = []
    for notebook in assignment.notebooks:
        graded = [cell.id for cell in (*notebook.grade_cells, *notebook.task_cells)]
        commented = [cell.id for cell in (*notebook.solution_cells, *notebook.task_cells)]
        for submission_id in have.values():
            part = parts.get((submission_id, notebook.id))
            part_id = api.new_uuid() if part is None else part.id
            if part is None:
                session.add(api.SubmittedNotebook(id=part_id, notebook_id=notebook.id, assignment_id=submission_id))
            there = {grade.cell_id for grade in part.grades} if part is not None else set()
            grades += ({"cell_id": cell, "notebook_id": part_id} for cell in graded if cell not in there)
            there = {comment.cell_id for comment in part.comments} if part is not None else set()
            comments += ({"cell_id": cell, "notebook_id": part_id} for cell in commented if cell not in there)
    session.flush()
    for table, rows in ((api.Grade, grades), (api.Comment, comments)):
        if rows:
            session.execute(insert(table), rows)
    return set(have)


def _loaded(session: Session, assignment: Any) -> Sequence[Any]:
    """All submissions with everything that hangs on them, in a few queries."""
    from nbgrader import api

    parts = selectinload(api.SubmittedAssignment.notebooks)
    query = select(api.SubmittedAssignment).where(api.SubmittedAssignment.assignment_id == assignment.id)
    return session.scalars(
        query.options(
            parts.selectinload(api.SubmittedNotebook.grades).selectinload(api.Grade.cell),
            parts.selectinload(api.SubmittedNotebook.comments).selectinload(api.Comment.cell),
            parts.selectinload(api.SubmittedNotebook.notebook),
        )
    ).all()


def _store(submission: Any, placement: Placement) -> Grades:
    submission.timestamp = placement.submitted_at.astimezone(UTC).replace(tzinfo=None)
    results = {part.name: part for part in placement.result.notebooks}
    parts: list[Part] = []
    for notebook in submission.notebooks:
        if notebook.notebook.name in results:
            _store_notebook(notebook, results[notebook.notebook.name])
        waiting = sum(_most(grade) - _score(grade) for grade in notebook.grades if grade.needs_manual_grade)
        most = sum(_most(grade) for grade in notebook.grades)
        parts.append(Part(sum(_score(grade) for grade in notebook.grades), most, max(0.0, waiting)))
    penalties = share_penalty(placement.late_percent, parts)
    grades: Grades = {}
    for notebook, part, penalty in zip(submission.notebooks, parts, penalties, strict=True):
        notebook.late_submission_penalty = penalty or None
        grades[notebook.notebook.name] = NotebookGrades(
            score=part.score,
            max_score=part.max_score,
            late_penalty=min(penalty, part.score),
            cells={grade.cell.name: (_score(grade), _most(grade)) for grade in notebook.grades},
            comments={
                comment.cell.name: comment.auto_comment if comment.manual_comment is None else comment.manual_comment
                for comment in notebook.comments
            },
            needs_manual=any(grade.needs_manual_grade for grade in notebook.grades),
        )
    return grades


def _store_notebook(submitted: Any, part: NotebookResult) -> None:
    scores = {grade.cell: grade.auto_score for grade in part.grades}
    for grade in submitted.grades:
        if grade.cell.name in scores:
            grade.auto_score = scores[grade.cell.name]
            by_hand = grade.manual_score is not None or grade.auto_score is None
            grade.needs_manual_grade = by_hand and not part.missing
    for comment in submitted.comments:
        comment.auto_comment = part.comments.get(comment.cell.name)


def _score(grade: Any) -> float:
    """nbgrader's `Grade.score`, of values that are not in the database yet."""
    if grade.manual_score is None and grade.auto_score is None:
        return 0.0
    given = grade.auto_score if grade.manual_score is None else grade.manual_score
    return float(given + (grade.extra_credit or 0.0))


def _most(grade: Any) -> float:
    """nbgrader's `Grade.max_score`."""
    return float(grade.cell.max_score)
