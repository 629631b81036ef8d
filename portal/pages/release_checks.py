"""The page of a release check: what stands in the way of a release, every test cell, what else was noticed.

Owns the routes `.../release-check`, for the offering's staff alone: a report may quote hidden tests.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from cohorts.access import require_staff
from cohorts.errors import CampusError
from cohorts.models import Offering
from grader.assignments import find_assignment
from grader.release_records import latest_check
from grader.release_report import ReleaseReport
from portal.campus import check_release
from portal.context import Campus, campus
from portal.identity import Identity, current_user
from portal.pages.courses import course_view
from portal.pages.rendering import page, see

router = APIRouter(prefix="/teach", include_in_schema=False)

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]


@router.get("/{offering_id}/assignments/{assignment}/release-check")
def release_check_page(request: Request, here: Here, user: User, offering_id: str, assignment: str) -> Response:
    """What the newest check said."""
    return show_check(request, here, user, offering_id, assignment)


@router.post("/{offering_id}/assignments/{assignment}/release-check")
def check_now(request: Request, here: Here, user: User, offering_id: str, assignment: str) -> Response:
    """Check the source as it is now, and release nothing."""
    try:
        check_release(here, offering_id, assignment, user.username, datetime.now(UTC))
    except CampusError as error:
        return show_check(request, here, user, offering_id, assignment, error=error)
    return see(request, f"/teach/{offering_id}/assignments/{assignment}/release-check")


def show_check(
    request: Request,
    here: Campus,
    user: Identity,
    offering_id: str,
    assignment: str,
    *,
    error: CampusError | None = None,
    refused: bool = False,
    reason: str = "",
) -> Response:
    """The newest check. `refused`: it has just kept a release back; `reason` is what was typed to accept it."""
    with here.database.read() as session:
        role = require_staff(session, user.username, offering_id)
        offering = session.get_one(Offering, offering_id)
        row = find_assignment(session, offering_id, assignment)
        check = latest_check(session, offering_id, assignment)
        values = {
            "course": course_view(session, here.catalogue, offering, role, user.locale),
            "assignment": row,
            "check": check,
            "report": ReleaseReport.from_dict(check.report) if check else None,
            "refused": refused,
            "error": error,
            "reason": reason,
        }
        status = error.status if error else 422 if refused else 200
        return page(request, "release_check.html", values, status=status)
