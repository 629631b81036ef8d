"""The table of an offering's marks, as page, API and spreadsheet show it. Reads nbgrader's gradebook; owns no mark.

A spreadsheet gets UTF-8 with BOM (else Korean turns to noise in Excel), CRLF, and no cell that it would take for a
formula (https://owasp.org/www-community/attacks/CSV_Injection).
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from cohorts.models import MembershipState, Offering, Role
from grader.assignments import assignments_of
from grader.gradebook import Mark, marks
from grader.models import Assignment
from portal.i18n import Speaker
from portal.teaching import students

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Column:
    """An assignment and what it can earn."""

    assignment: Assignment
    max_score: float | None


@dataclass(frozen=True)
class Row:
    """One student: a mark (or None) for each column, and their sum."""

    username: str
    name: str
    cells: tuple[Mark | None, ...]

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
    for assignment in assignments:
        known = [mark.max_score for (_, name), mark in found.items() if name == assignment.name]
        columns.append(Column(assignment, known[0] if known else assignment.points))
    rows = []
    for person, role, state in students(session, offering):
        cells = tuple(found.get((person.username, assignment.name)) for assignment in assignments)
        if (role is Role.STUDENT and state is MembershipState.ACTIVE) or any(cells):
            rows.append(Row(person.username, person.name, cells))
    return MarksTable(tuple(columns), tuple(rows))


def marks_csv(table: MarksTable, say: Speaker) -> bytes:
    """The table for a spreadsheet; a student without a mark has an empty cell, not a zero."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n").writerow
    head = [say.gettext("Username"), say.gettext("Name")]
    for column in table.columns:
        title = column.assignment.title_ko if say.locale == "ko" else column.assignment.title_en
        head.append(f"{title} (/{say.points(column.max_score)})")
    write([harmless(text) for text in (*head, f"{say.gettext('Sum')} (/{say.points(table.max_score)})")])
    for row in table.rows:
        cells = ["" if cell is None else say.points(cell.score) for cell in row.cells]
        write([harmless(row.username), harmless(row.name), *cells, say.points(row.score)])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def harmless(text: str) -> str:
    """`text` as a spreadsheet shows it rather than computes it."""
    return "'" + text if text.startswith(FORMULA_SIGNS) else text
