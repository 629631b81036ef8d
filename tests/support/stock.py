"""What stock nbgrader gives for a course directory: the other side of every comparison."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

Grades = dict[tuple[str, str, str], tuple[float | None, bool]]


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "PYTHONWARNINGS": "ignore"}


def start(course: Path, *command: str) -> subprocess.Popen[str]:
    """Start an nbgrader command in `course`."""
    return subprocess.Popen(
        [sys.executable, "-m", "nbgrader", *command],
        cwd=course,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(course: Path, *command: str) -> str:
    """Run an nbgrader command in `course`; its log."""
    process = start(course, *command)
    log, _ = process.communicate()
    assert process.returncode == 0, log
    return log


@dataclass(frozen=True)
class Stored:
    """What a gradebook holds of automatic grading, by student, notebook and grade id."""

    grades: Grades
    comments: dict[tuple[str, str, str], str | None]


def stored(course: Path, assignment: str) -> Stored:
    """Read the gradebook of `course`."""
    from nbgrader import api

    engine = create_engine(f"sqlite:///{course}/gradebook.db")
    grades: Grades = {}
    comments: dict[tuple[str, str, str], Any] = {}
    with Session(engine) as session:
        submissions = session.scalars(
            select(api.SubmittedAssignment)
            .join(api.Assignment, api.Assignment.id == api.SubmittedAssignment.assignment_id)
            .where(api.Assignment.name == assignment)
        )
        for submission in submissions:
            for notebook in submission.notebooks:
                where = (submission.student_id, notebook.notebook.name)
                for grade in notebook.grades:
                    grades[(*where, grade.cell.name)] = (grade.auto_score, grade.needs_manual_grade)
                for comment in notebook.comments:
                    comments[(*where, comment.cell.name)] = comment.auto_comment
    engine.dispose()
    return Stored(grades, comments)
