"""Regrades as page and API act on them: the same checks, the same reading. Owns no table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cohorts.access import require_staff
from cohorts.errors import NotFound
from grader import regrade, regrade_apply
from grader.assignments import find_assignment
from grader.job_progress import Progress
from grader.models import Assignment, Attempt, Marking, MarkingKind, Regrade, RegradeState, Release
from grader.regrade_apply import Applied
from grader.regrade_changes import Preview
from grader.regrade_preview import preview
from portal.context import Campus
from portal.identity import Identity
from portal.sandboxing import instructors_sandboxes


@dataclass(frozen=True)
class Regrading:
    """One regrade as staff see it."""

    regrade: Regrade
    state: RegradeState
    progress: Progress


@dataclass(frozen=True)
class HistoryLine:
    """A marking of an attempt, and which tests it used: the version released last, or a regrade. None: not known."""

    marking: Marking
    release: Release | None
    regrade: Regrade | None


def start(here: Campus, user: Identity, offering_id: str, assignment: str) -> Regrade:
    """Have all attempts marked again with the source as it is now."""
    with here.database.read() as session:
        require_staff(session, user.username, offering_id)
    with instructors_sandboxes(here.settings) as sandboxes:
        return regrade.start_regrade(
            here.database,
            here.storage,
            here.settings.offerings / offering_id,
            offering_id=offering_id,
            assignment=assignment,
            by=user.username,
            now=datetime.now(UTC),
            sandbox=sandboxes,
        )


def apply(here: Campus, user: Identity, offering_id: str, assignment: str, regrade_id: int) -> Applied:
    """Make its results the students' marks."""
    with here.database.read() as session:
        look(session, user, offering_id, assignment, regrade_id)
    return regrade_apply.apply_regrade(
        here.database,
        here.storage,
        lambda: datetime.now(UTC),
        here.settings.offerings / offering_id,
        regrade_id,
        user.username,
    )


def drop(here: Campus, user: Identity, offering_id: str, assignment: str, regrade_id: int) -> None:
    """End it without changing anything."""
    with here.database.write() as session:
        found = look(session, user, offering_id, assignment, regrade_id)
        regrade.drop_regrade(session, found.regrade, user.username, datetime.now(UTC))


def look(session: Session, user: Identity, offering_id: str, assignment: str, regrade_id: int) -> Regrading:
    """The regrade of this number, for the offering's staff."""
    require_staff(session, user.username, offering_id)
    row = find_assignment(session, offering_id, assignment)
    return _regrading(session, regrade.find_regrade(session, row.id, regrade_id))


def all_of(session: Session, assignment: Assignment) -> list[Regrading]:
    """All regrades of the assignment, the newest first."""
    return [_regrading(session, row) for row in regrade.regrades_of(session, assignment.id)]


def compare(here: Campus, session: Session, offering_id: str, found: Regrading) -> Preview:
    """What the regrade changes."""
    return preview(session, found.regrade, here.settings.offerings / offering_id)


def history(session: Session, assignment: Assignment, attempt_id: int) -> tuple[Attempt, list[HistoryLine]]:
    """An attempt's markings, oldest first; NotFound for an attempt at something else."""
    attempt = session.get(Attempt, attempt_id)
    if attempt is None or attempt.assignment_id != assignment.id:
        raise NotFound(
            f"This assignment has no attempt {attempt_id}. Look at who has handed in.",
            f"이 과제에는 제출 {attempt_id}이(가) 없습니다. 제출 목록을 확인하세요.",
        )
    found = select(Marking).where(Marking.attempt_id == attempt_id, Marking.kind != MarkingKind.FEEDBACK)
    markings = session.scalars(found.order_by(Marking.id)).all()
    releases = session.scalars(
        select(Release).where(Release.assignment_id == assignment.id).order_by(Release.released_at)
    ).all()
    regrades = {row.id: row for row in regrade.regrades_of(session, assignment.id)}
    return attempt, [_line(marking, releases, regrades) for marking in markings]


def _regrading(session: Session, row: Regrade) -> Regrading:
    progress = regrade.regrade_progress(session, row.id)
    return Regrading(row, regrade.state_of(row, progress), progress)


def _line(marking: Marking, releases: Sequence[Release], regrades: dict[int, Regrade]) -> HistoryLine:
    if marking.regrade_id is not None:
        return HistoryLine(marking, None, regrades[marking.regrade_id])
    if (when := marking.started_at) is None:
        return HistoryLine(marking, None, None)
    applied = [row for row in regrades.values() if row.state is RegradeState.APPLIED and _before(row.ended_at, when)]
    newest = max(applied, key=lambda row: row.ended_at or when, default=None)
    release = next((row for row in reversed(releases) if row.released_at <= when), None)
    if newest is not None and (release is None or _before(release.released_at, newest.ended_at)):
        return HistoryLine(marking, None, newest)
    return HistoryLine(marking, release, None)


def _before(moment: datetime | None, other: datetime | None) -> bool:
    return moment is not None and other is not None and moment <= other
