"""The table of an offering's marks, as page, API and spreadsheet show it. Reads nbgrader's gradebook; owns no mark.

A spreadsheet gets UTF-8 with BOM (else Korean turns to noise in Excel), CRLF, and no cell that it would take for a
formula (https://owasp.org/www-community/attacks/CSV_Injection).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from cohorts.models import MembershipState, Offering, Role
from grader.assignments import assignments_of
from grader.gradebook import Mark, marks
from grader.models import Assignment, Attempt
from grader.policies import deadlines
from portal.i18n import Speaker
from portal.teaching import students

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Column:
    """An assignment and what it can earn. `late`: whether lateness has columns of its own in the spreadsheet."""

    assignment: Assignment
    max_score: float | None
    late: bool = False


@dataclass(frozen=True)
class Row:
    """One student: a mark (or None) and how many days late it is for each column, and the marks' sum."""

    username: str
    name: str
    cells: tuple[Mark | None, ...]
    days_late: tuple[int, ...]

    @property
    def score(self) -> float:
        return sum(cell.score for cell in self.cells if cell is not None)


@dataclass(frozen=True)
class MarksTable:
    """Students by assignments."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @property
    def max_score(self) -> float:
        return sum(column.max_score or 0 for column in self.columns)


def marks_table(session: Session, offering: Offering, folder: Path) -> MarksTable:
    """Every active student of the offering, and those who left with a mark; `folder` holds the gradebook."""
    found = {(mark.username, mark.assignment): mark for mark in marks(folder)}
    assignments = assignments_of(session, offering.id)
    columns = []
    days: dict[tuple[str, str], int] = {}
    for assignment in assignments:
        mine = {name: mark for (name, key), mark in found.items() if key == assignment.name}
        days |= {(name, assignment.name): late for name, late in days_late(session, assignment, mine).items()}
        late = assignment.accept_days_late != 0 or any(
            mark.penalty or days[name, assignment.name] for name, mark in mine.items()
        )
        known = [mark.max_score for mark in mine.values()]
        columns.append(Column(assignment, known[0] if known else assignment.points, late))
    rows = []
    for person, role, state in students(session, offering):
        cells = tuple(found.get((person.username, assignment.name)) for assignment in assignments)
        if (role is Role.STUDENT and state is MembershipState.ACTIVE) or any(cells):
            late_by = tuple(days.get((person.username, assignment.name), 0) for assignment in assignments)
            rows.append(Row(person.username, person.name, cells, late_by))
    return MarksTable(tuple(columns), tuple(rows))


def days_late(session: Session, assignment: Assignment, mine: Mapping[str, Mark]) -> dict[str, int]:
    """How many days late the attempts are that stand in the gradebook, by student."""
    holding = deadlines(session, assignment)
    attempts = {
        (attempt.username, attempt.received_at): attempt
        for attempt in session.scalars(select(Attempt).where(Attempt.assignment_id == assignment.id))
    }
    found = {}
    for name, mark in mine.items():
        attempt = attempts.get((name, mark.submitted_at)) if mark.submitted_at else None
        found[name] = holding.of(attempt).days if attempt else 0
    return found


def marks_csv(table: MarksTable, say: Speaker) -> bytes:
    """The table for a spreadsheet; a student without a mark has an empty cell, not a zero."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n").writerow
    head = [say.gettext("Username"), say.gettext("Name")]
    for column in table.columns:
        title = column.assignment.title_ko if say.locale == "ko" else column.assignment.title_en
        head.append(f"{title} (/{say.points(column.max_score)})")
        if column.late:
            head += [f"{title}: {name}" for name in (say.gettext("days late"), say.gettext("late penalty"))]
    write([harmless(text) for text in (*head, f"{say.gettext('Sum')} (/{say.points(table.max_score)})")])
    for row in table.rows:
        cells = []
        for column, cell, days in zip(table.columns, row.cells, row.days_late, strict=True):
            told = [] if cell is None else [say.points(cell.score), str(days), say.points(cell.penalty)]
            cells += (told or [""] * 3)[: 3 if column.late else 1]
        write([harmless(row.username), harmless(row.name), *cells, say.points(row.score)])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def harmless(text: str) -> str:
    """`text` as a spreadsheet shows it rather than computes it."""
    return "'" + text if text.startswith(FORMULA_SIGNS) else text
