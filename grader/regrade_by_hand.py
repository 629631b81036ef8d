"""Points and comments that people gave, as nbgrader's gradebook has them; a regrade keeps and shows them. Reads."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from grader.gradebook import gradebook_url

GIVEN = text(
    """
    SELECT submitted_assignment.student_id, notebook.name, base_cell.name, grade.manual_score, grade.extra_credit, NULL
    FROM grade
    JOIN base_cell ON base_cell.id = grade.cell_id
    JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id
    JOIN notebook ON notebook.id = submitted_notebook.notebook_id
    JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id
    JOIN assignment ON assignment.id = submitted_assignment.assignment_id
    WHERE assignment.name = :assignment AND (grade.manual_score IS NOT NULL OR grade.extra_credit IS NOT NULL)
    UNION ALL
    SELECT submitted_assignment.student_id, notebook.name, base_cell.name, NULL, NULL, comment.manual_comment
    FROM comment
    JOIN base_cell ON base_cell.id = comment.cell_id
    JOIN submitted_notebook ON submitted_notebook.id = comment.notebook_id
    JOIN notebook ON notebook.id = submitted_notebook.notebook_id
    JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id
    JOIN assignment ON assignment.id = submitted_assignment.assignment_id
    WHERE assignment.name = :assignment AND comment.manual_comment IS NOT NULL
    """
)


@dataclass(frozen=True)
class ByHand:
    """What a person gave to one cell of one student: points instead of the test's, extra credit, a comment."""

    points: float | None = None
    extra: float | None = None
    comment: str | None = None

    def instead_of(self, auto: float) -> float:
        """The cell's score, as nbgrader adds it up."""
        return (auto if self.points is None else self.points) + (self.extra or 0.0)


Given = dict[str, dict[tuple[str, str], ByHand]]


def by_hand_scores(offering: Path, assignment: str) -> Given:
    """What people gave, by student and (notebook, cell)."""
    found: Given = {}
    if not (offering / "gradebook.db").exists():
        return found
    engine = create_engine(gradebook_url(offering), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            for username, notebook, cell, points, extra, comment in connection.execute(
                GIVEN, {"assignment": assignment}
            ):
                theirs = found.setdefault(username, {})
                known = theirs.get((notebook, cell), ByHand())
                theirs[(notebook, cell)] = ByHand(
                    known.points if points is None else points,
                    known.extra if extra is None else extra,
                    known.comment if comment is None else comment,
                )
    finally:
        engine.dispose()
    return found


def given_elsewhere(given: Given, cells: Collection[tuple[str, str]]) -> list[dict[str, Any]]:
    """What was given on cells that are not among `cells`, to be kept before those go."""
    return [
        {
            "username": username,
            "notebook": notebook,
            "cell": cell,
            "points": hand.points,
            "extra": hand.extra,
            "comment": hand.comment,
        }
        for username, theirs in sorted(given.items())
        for (notebook, cell), hand in sorted(theirs.items())
        if (notebook, cell) not in cells
    ]
