"""Answers that a person grades: which submissions have none left to grade. Reads nbgrader's gradebook, cheaply.

The campus database learns of manual grades when feedback is made anew; formgrader writes them here at once.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from grader.gradebook import gradebook_url

SETTLED = text(
    """
    SELECT assignment.name, submitted_assignment.student_id
    FROM submitted_assignment
    JOIN assignment ON assignment.id = submitted_assignment.assignment_id
    JOIN submitted_notebook ON submitted_notebook.assignment_id = submitted_assignment.id
    JOIN grade ON grade.notebook_id = submitted_notebook.id
    GROUP BY assignment.name, submitted_assignment.student_id
    HAVING MAX(CASE WHEN grade.needs_manual_grade THEN 1 ELSE 0 END) = 0
    """
)


def settled(offering_dir: Path) -> frozenset[tuple[str, str]]:
    """(assignment, username) of every submission in the gradebook in which no answer waits for a person."""
    if not (offering_dir / "gradebook.db").exists():
        return frozenset()
    engine = create_engine(gradebook_url(offering_dir), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return frozenset((row[0], row[1]) for row in connection.execute(SETTLED))
    finally:
        engine.dispose()
