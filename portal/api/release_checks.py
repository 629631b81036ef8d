"""The release check over the API: what it said of the newest source, and checking without releasing.

Owns the routes `.../release-check`, for the offering's staff alone: a report may quote hidden tests.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from cohorts.access import require_staff
from cohorts.errors import NotFound
from grader.assignments import find_assignment
from grader.models import ReleaseCheck
from grader.release_records import latest_check
from grader.release_report import Level, Verdict
from portal.campus import check_release
from portal.context import Campus, campus
from portal.identity import Identity, current_user

router = APIRouter(prefix="/api", tags=["grading"])

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]


class CheckedCell(BaseModel):
    """One test cell. `strength` is strong, weak or shared; null: not known yet. Seconds of the slowest run."""

    notebook: str
    cell: str
    points: float
    reference: float | None
    reference_outcome: str
    empty: float | None
    empty_outcome: str
    steady: bool
    hidden: int
    strength: str | None
    seconds: float | None


class FoundProblem(BaseModel):
    """`refused` stops the release, `unsteady` until staff gives a reason, `note` is only told."""

    rule: str
    level: Level
    notebook: str
    cell: str | None
    message: str
    message_ko: str
    detail: str


class Report(BaseModel):
    assignment: str
    verdict: Verdict
    points: float
    runs: int
    seconds: float
    notebooks: list[str]
    cells: list[CheckedCell]
    problems: list[FoundProblem]


class ReleaseCheckShape(BaseModel):
    """A check of one source version. `accepted_*`: who released it although marks waver, and why."""

    source_sha256: str
    verdict: Verdict
    checked_by: str
    created_at: datetime
    accepted_by: str | None
    accepted_reason: str | None
    accepted_at: datetime | None
    report: Report

    @classmethod
    def of(cls, row: ReleaseCheck) -> ReleaseCheckShape:
        return cls(
            source_sha256=row.source_sha256,
            verdict=Verdict(row.verdict),
            checked_by=row.checked_by,
            created_at=row.created_at,
            accepted_by=row.accepted_by,
            accepted_reason=row.accepted_reason,
            accepted_at=row.accepted_at,
            report=Report.model_validate(row.report),
        )


@router.get("/offerings/{offering_id}/assignments/{assignment}/release-check")
def last_release_check(here: Here, user: User, offering_id: str, assignment: str) -> ReleaseCheckShape:
    """What the newest release check of the assignment said (staff)."""
    with here.database.read() as session:
        require_staff(session, user.username, offering_id)
        find_assignment(session, offering_id, assignment)
        row = latest_check(session, offering_id, assignment)
        if row is None:
            raise NotFound(
                "This assignment has not been checked yet. Check it, or release it.",
                "아직 점검하지 않은 과제입니다. 점검하거나 배포하세요.",
            )
        return ReleaseCheckShape.of(row)


@router.post("/offerings/{offering_id}/assignments/{assignment}/release-check")
def check_without_releasing(here: Here, user: User, offering_id: str, assignment: str) -> ReleaseCheckShape:
    """Check the source as it is now, and release nothing; a source that was checked before is not run again (staff)."""
    return ReleaseCheckShape.of(check_release(here, offering_id, assignment, user.username, datetime.now(UTC)))
