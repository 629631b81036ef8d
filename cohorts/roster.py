"""A roster against a cohort: preview the difference, apply it whole or not at all, or drop it.

Nothing changes until an administrator applies a preview. A preview with a wrong row can't be applied: half a roster is
not a roster. One that has gone stale (the cohort or its people changed since) can't either. Two kinds of omission are
not taken for an order:

* Staff who aren't in the file stay, unless the file itself lists staff: offices keep rosters of students.
* A row without a role means: as before for an active member, student for everybody else.

What could be a mistake with consequences (somebody else's username, staff leaving, most students leaving) is a concern,
and applying then needs `confirm=True`.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cohorts.access import require_admin
from cohorts.cohorts import get_cohort
from cohorts.csv_text import Problem
from cohorts.errors import Conflict, Invalid, NotFound
from cohorts.models import Cohort, ImportState, Role, RosterImport
from cohorts.people import ensure_membership, ensure_person, withdraw
from cohorts.roster_difference import Change, Concern, Difference, Entry, base_digest, difference
from cohorts.roster_file import MAX_BYTES, MAX_ROWS, Roster, RosterRow, read_roster

__all__ = [
    "MAX_BYTES",
    "MAX_ROWS",
    "Change",
    "Concern",
    "Difference",
    "Entry",
    "Preview",
    "Problem",
    "Roster",
    "RosterRow",
    "apply_import",
    "drop_import",
    "list_imports",
    "load_preview",
    "preview_roster",
    "read_roster",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Preview(Difference):
    """A stored roster and what it would change now. `stale`: the cohort changed since the preview was made.

    For an import that was applied or dropped the difference is empty: there is nothing left to decide.
    """

    id: int
    cohort_id: str
    filename: str
    state: ImportState
    uploaded_by: str
    created_at: datetime
    applied_by: str | None
    applied_at: datetime | None
    people: int
    stale: bool
    problems: tuple[Problem, ...]

    @property
    def needs_confirmation(self) -> bool:
        return bool(self.concerns)

    @property
    def can_apply(self) -> bool:
        """Whether `apply_import` would do it, given `confirm=True`."""
        return self.state is ImportState.PREVIEWED and not self.problems and not self.stale


def preview_roster(session: Session, *, cohort_id: str, filename: str, data: bytes, by: str, now: datetime) -> Preview:
    """Store the roster and what it was compared with; changes nobody. Raises TooLarge, NotFound, Forbidden."""
    require_admin(session, by)
    get_cohort(session, cohort_id)
    roster = read_roster(data)
    row = RosterImport(
        cohort_id=cohort_id,
        filename=_plain(filename),
        sha256=hashlib.sha256(data).hexdigest(),
        rows=[_stored(person) for person in roster.rows] + [_stored_problem(problem) for problem in roster.problems],
        base=base_digest(session, cohort_id, (person.username for person in roster.rows)),
        state=ImportState.PREVIEWED,
        uploaded_by=by,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return _preview(session, row)


def load_preview(session: Session, import_id: int) -> Preview:
    """The import with its difference against the cohort as it is now; raises NotFound."""
    return _preview(session, _find(session, import_id))


def list_imports(session: Session, cohort_id: str) -> list[RosterImport]:
    """The cohort's imports, the newest first."""
    return list(session.scalars(select(RosterImport).filter_by(cohort_id=cohort_id).order_by(RosterImport.id.desc())))


def apply_import(session: Session, import_id: int, *, by: str, now: datetime, confirm: bool = False) -> Preview:
    """Do what the preview says, within the caller's transaction; returns the difference that was applied.

    Raises Conflict when it was applied or dropped before, is stale, or has concerns and `confirm` isn't given; Invalid
    when the file has wrong rows. Then nothing has changed.
    """
    require_admin(session, by)
    row = _find(session, import_id)
    session.get(Cohort, row.cohort_id, with_for_update=True)  # two imports into one cohort go one after the other
    session.refresh(row, with_for_update=True)
    _require_open(row)
    preview = _preview(session, row)
    if preview.problems:
        raise Invalid(
            f"Roster import {import_id} has {len(preview.problems)} wrong rows; correct the file and upload it again.",
            f"명단 {import_id}번에 잘못된 줄이 {len(preview.problems)}개 있습니다. 파일을 고쳐 다시 올려 주세요.",
        )
    if preview.stale:
        raise Conflict(
            f"The cohort changed after roster import {import_id} was previewed; upload the file again.",
            f"명단 {import_id}번을 미리 본 뒤에 기수가 바뀌었습니다. 파일을 다시 올려 주세요.",
        )
    if preview.concerns and not confirm:
        raise Conflict(
            f"Roster import {import_id} needs your confirmation: " + " ".join(x.message for x in preview.concerns),
            f"명단 {import_id}번은 확인이 필요합니다: " + " ".join(x.korean for x in preview.concerns),
        )
    for entry in (*preview.added, *preview.returning, *(change.after for change in preview.changed)):
        ensure_person(session, username=entry.username, name=entry.name, email=entry.email, now=now)
        ensure_membership(session, row.cohort_id, entry.username, entry.role, now)
    for entry in preview.withdrawn:
        withdraw(session, row.cohort_id, entry.username, now)
    row.state, row.applied_by, row.applied_at = ImportState.APPLIED, by, now
    session.flush()
    log.info("roster import %s into %s applied by %s", import_id, row.cohort_id, by)
    return Preview(**{**preview.__dict__, "state": row.state, "applied_by": by, "applied_at": now})


def drop_import(session: Session, import_id: int, *, by: str, now: datetime) -> None:
    """Put a preview away unapplied; raises Conflict when it was applied or dropped before."""
    require_admin(session, by)
    row = _find(session, import_id)
    session.refresh(row, with_for_update=True)
    _require_open(row)
    row.state = ImportState.DROPPED
    session.flush()
    log.info("roster import %s into %s dropped by %s at %s", import_id, row.cohort_id, by, now.isoformat())


def _find(session: Session, import_id: int) -> RosterImport:
    row = session.get(RosterImport, import_id)
    if row is None:
        raise NotFound(f"There is no roster import {import_id}.", f"명단 {import_id}번이 없습니다.")
    return row


def _require_open(row: RosterImport) -> None:
    if row.state is ImportState.APPLIED:
        raise Conflict(f"Roster import {row.id} has been applied already.", f"명단 {row.id}번은 이미 적용되었습니다.")
    if row.state is ImportState.DROPPED:
        raise Conflict(
            f"Roster import {row.id} was dropped; upload the file again.",
            f"명단 {row.id}번은 버려졌습니다. 파일을 다시 올려 주세요.",
        )


def _preview(session: Session, row: RosterImport) -> Preview:
    people = [_restored(item) for item in row.rows if "problem" not in item]
    problems = tuple(
        Problem(item["line"], item["problem"], item["problem_ko"]) for item in row.rows if "problem" in item
    )
    found, stale = Difference(), False
    if row.state is ImportState.PREVIEWED:
        found = difference(session, row.cohort_id, people, complete=not problems)
        stale = row.base != base_digest(session, row.cohort_id, (person.username for person in people))
    return Preview(
        **found.__dict__,
        id=row.id,
        cohort_id=row.cohort_id,
        filename=row.filename,
        state=row.state,
        uploaded_by=row.uploaded_by,
        created_at=row.created_at,
        applied_by=row.applied_by,
        applied_at=row.applied_at,
        people=len(people),
        stale=stale,
        problems=problems,
    )


def _stored(person: RosterRow) -> dict[str, Any]:
    role = person.role.value if person.role else None
    return {
        "line": person.line,
        "username": person.username,
        "name": person.name,
        "email": person.email,
        "role": role,
    }


def _restored(item: dict[str, Any]) -> RosterRow:
    role = Role(item["role"]) if item["role"] else None
    return RosterRow(item["line"], item["username"], item["name"], item["email"], role)


def _stored_problem(problem: Problem) -> dict[str, Any]:
    return {"line": problem.line, "problem": problem.message, "problem_ko": problem.korean}


def _plain(filename: str) -> str:
    """The last part of a client's file name, fit to be shown and stored."""
    last = PurePosixPath(filename.replace("\\", "/")).name
    return "".join(letter for letter in last if letter.isprintable())[:255] or "roster.csv"
