"""What nbgrader's gradebook knows of an assignment's cells: writing a new student version's, in one transaction.

Owns what nbgrader's SaveCells does, on values that were checked before. Refuses, as nbgrader does, to add or remove
cells and notebooks that submissions hang on; scores and comments of students are never touched.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cohorts.errors import Conflict
from grader.gradebook import gradebook_session, gradebook_url
from grader.source import SourceCell, SourceNotebook

MAKE = "import sys\nfrom nbgrader.api import Gradebook\nGradebook(sys.argv[1], sys.argv[2]).close()"
MAKE_SECONDS = 120


def ensure_gradebook(offering_dir: Path, offering_id: str) -> None:
    """Make the offering's gradebook, as nbgrader makes it, if there is none."""
    if (offering_dir / "gradebook.db").exists():
        return
    with tempfile.TemporaryDirectory(prefix="bitgoeul-gradebook-") as home:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        environment = {"PATH": path, "HOME": home, "JUPYTER_NO_CONFIG": "1", "PYTHONWARNINGS": "ignore"}
        subprocess.run(  # nbgrader asks the command `alembic` for a version, found through PATH
            [sys.executable, "-c", MAKE, gradebook_url(offering_dir), offering_id],
            cwd=home,
            env=environment,
            check=True,
            capture_output=True,
            timeout=MAKE_SECONDS,
        )


def save_cells(offering_dir: Path, offering_id: str, assignment: str, notebooks: Sequence[SourceNotebook]) -> None:
    """Make the gradebook's assignment be `notebooks`. Raises Conflict, and then has changed nothing."""
    from nbgrader import api

    ensure_gradebook(offering_dir, offering_id)
    with gradebook_session(gradebook_url(offering_dir), write=True) as session:
        row = session.scalar(select(api.Assignment).where(api.Assignment.name == assignment))
        if row is None:
            if session.get(api.Course, offering_id) is None:
                session.add(api.Course(id=offering_id))
            row = api.Assignment(name=assignment, course_id=offering_id)
            session.add(row)
            session.flush()
        _save_notebooks(session, row, notebooks)
        session.commit()


def _save_notebooks(session: Session, assignment: Any, notebooks: Sequence[SourceNotebook]) -> None:
    from nbgrader import api

    have = {notebook.name: notebook for notebook in assignment.notebooks}
    if have.keys() != {notebook.name for notebook in notebooks} and assignment.submissions:
        raise _held(assignment.name, None)
    for name, row in have.items():
        if name not in {notebook.name for notebook in notebooks}:
            _remove(session, row)
    for notebook in notebooks:
        known = have.get(notebook.name)
        if known is not None and known.submissions:
            if _names(known) != _names_of(notebook):
                raise _held(assignment.name, notebook.name)
        else:
            if known is not None:
                _remove(session, known)
            known = api.Notebook(
                name=notebook.name, assignment_id=assignment.id, kernelspec=json.dumps(dict(notebook.kernelspec))
            )
            session.add(known)
            session.flush()
        _save(session, known, notebook)
    session.flush()


def _save(session: Session, row: Any, notebook: SourceNotebook) -> None:
    from nbgrader import api

    have = {(type(cell), cell.name): cell for cell in (*row._base_cells, *row.source_cells)}

    def put(kind: Any, cell: SourceCell, **values: Any) -> None:
        found = have.get((kind, cell.name))
        if found is None:
            session.add(kind(name=cell.name, notebook_id=row.id, **values))
        else:
            for key, value in values.items():
                setattr(found, key, value)

    for cell in notebook.cells.values():
        if cell.grade:
            put(api.GradeCell, cell, max_score=cell.max_score, cell_type=cell.cell_type)
        if cell.solution:
            put(api.SolutionCell, cell)
        if cell.task:
            put(api.TaskCell, cell, max_score=cell.max_score, cell_type=cell.cell_type)
        put(
            api.SourceCell,
            cell,
            cell_type=cell.cell_type,
            locked=cell.locked,
            source=cell.source,
            checksum=cell.checksum,
        )


def _remove(session: Session, row: Any) -> None:
    """Forget a notebook that nobody has handed in."""
    for cell in (*row._base_cells, *row.source_cells):
        session.delete(cell)
    session.flush()
    session.delete(row)
    session.flush()


def _names(row: Any) -> tuple[set[str], ...]:
    kinds = (row.grade_cells, row.solution_cells, row.task_cells, row.source_cells)
    return tuple({cell.name for cell in cells} for cells in kinds)


def _names_of(notebook: SourceNotebook) -> tuple[set[str], ...]:
    cells = notebook.cells.values()
    return (
        {cell.name for cell in cells if cell.grade},
        {cell.name for cell in cells if cell.solution},
        {cell.name for cell in cells if cell.task},
        {cell.name for cell in cells},
    )


def _held(assignment: str, notebook: str | None) -> Conflict:
    what = f"'{notebook}' of '{assignment}'" if notebook else f"'{assignment}'"
    ko = f"'{assignment}'의 '{notebook}'" if notebook else f"'{assignment}'"
    return Conflict(
        f"Work was handed in for {what}, so its graded cells and notebooks can't be added or removed any more. Keep "
        "their names and change their content only, or release it as a new assignment.",
        f"{ko}에 이미 제출물이 있어 채점 셀과 노트북을 더하거나 뺄 수 없습니다. 이름은 그대로 두고 내용만 바꾸거나, 새 "
        "과제로 배포하세요.",
    )
