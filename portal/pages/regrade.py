"""Pages of a regrade: starting it, following it, what it would change, applying or dropping it, an attempt's history.

The table is sorted and filtered by its address, so that it works without scripts and can be shared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from cohorts.access import require_staff
from cohorts.errors import CampusError
from cohorts.models import Offering
from grader.assignments import find_assignment
from grader.models import Regrade, RegradeState
from grader.regrade_changes import Preview, StudentChange
from portal import regrades
from portal.context import Campus, campus
from portal.identity import Identity, current_user
from portal.pages.courses import course_view
from portal.pages.rendering import page, see

router = APIRouter(prefix="/teach/{offering_id}/assignments/{assignment}", include_in_schema=False)

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]
ORDERS: dict[str, Callable[[StudentChange], Any]] = {
    "change": lambda student: -abs(student.difference),
    "name": lambda student: student.name,
    "old": lambda student: -(student.old or 0.0),
    "new": lambda student: -(student.new or 0.0),
}


@router.get("/regrade")
def newest(
    request: Request, here: Here, user: User, offering_id: str, assignment: str, sort: str = "change", only: str = ""
) -> Response:
    """The newest regrade, and the button that starts one."""
    return show(request, here, user, offering_id, assignment, sort=sort, only=only)


@router.post("/regrade")
def start(request: Request, here: Here, user: User, offering_id: str, assignment: str) -> Response:
    """Have all attempts marked with the source as it is now."""
    try:
        regrades.start(here, user, offering_id, assignment)
    except CampusError as error:
        return show(request, here, user, offering_id, assignment, error=error)
    return see(request, f"/teach/{offering_id}/assignments/{assignment}/regrade", done="regrade-started")


@router.get("/regrades/{regrade_id}")
def one(
    request: Request,
    here: Here,
    user: User,
    offering_id: str,
    assignment: str,
    regrade_id: int,
    sort: str = "change",
    only: str = "",
) -> Response:
    """A regrade and what it changes."""
    return show(request, here, user, offering_id, assignment, regrade_id=regrade_id, sort=sort, only=only)


@router.post("/regrades/{regrade_id}/apply")
def apply(request: Request, here: Here, user: User, offering_id: str, assignment: str, regrade_id: int) -> Response:
    """Make its results the students' marks."""
    try:
        applied = regrades.apply(here, user, offering_id, assignment, regrade_id)
    except CampusError as error:
        return show(request, here, user, offering_id, assignment, regrade_id=regrade_id, error=error)
    path = f"/teach/{offering_id}/assignments/{assignment}/regrades/{regrade_id}"
    return see(request, path, done="regrade-applied", n=applied.attempts)


@router.post("/regrades/{regrade_id}/drop")
def drop(request: Request, here: Here, user: User, offering_id: str, assignment: str, regrade_id: int) -> Response:
    """End it without changing anything."""
    try:
        regrades.drop(here, user, offering_id, assignment, regrade_id)
    except CampusError as error:
        return show(request, here, user, offering_id, assignment, regrade_id=regrade_id, error=error)
    return see(request, f"/teach/{offering_id}/assignments/{assignment}/regrade", done="regrade-dropped")


@router.get("/attempts/{attempt_id}")
def attempt_page(
    request: Request, here: Here, user: User, offering_id: str, assignment: str, attempt_id: int
) -> Response:
    """An attempt's markings, each with the tests it used."""
    with here.database.read() as session:
        role = require_staff(session, user.username, offering_id)
        row = find_assignment(session, offering_id, assignment)
        attempt, lines = regrades.history(session, row, attempt_id)
        values = {
            "course": course_view(session, here.catalogue, session.get_one(Offering, offering_id), role, user.locale),
            "assignment": row,
            "attempt": attempt,
            "lines": lines,
        }
        return page(request, "regrade_history.html", values)


def show(
    request: Request,
    here: Campus,
    user: Identity,
    offering_id: str,
    assignment: str,
    *,
    regrade_id: int | None = None,
    sort: str = "change",
    only: str = "",
    error: CampusError | None = None,
) -> Response:
    """The regrade's page, or that of the newest one, with what went wrong."""
    with here.database.read() as session:
        role = require_staff(session, user.username, offering_id)
        row = find_assignment(session, offering_id, assignment)
        known = regrades.all_of(session, row)
        found = known[0] if known and regrade_id is None else None
        if regrade_id is not None:
            found = regrades.look(session, user, offering_id, assignment, regrade_id)
        told = None
        if found is not None and found.state is not RegradeState.RUNNING:
            told = regrades.compare(here, session, offering_id, found)
        values: dict[str, Any] = {
            "course": course_view(session, here.catalogue, session.get_one(Offering, offering_id), role, user.locale),
            "assignment": row,
            "found": found,
            "known": known,
            "is_open": any(other.regrade.ended_at is None for other in known),
            "preview": told,
            "students": ordered(told, sort, only) if told else [],
            "sort": sort if sort in ORDERS else "change",
            "only": only,
            "lost": lost_by(found.regrade) if found else [],
            "error": error,
        }
        return page(request, "regrade.html", values, status=error.status if error else 200)


def ordered(preview: Preview, sort: str, only: str) -> list[StudentChange]:
    """The students in the order asked for, all or only those whose mark changes."""
    rows = [student for student in preview.students if only != "changed" or student.changed or student.failed]
    return sorted(rows, key=ORDERS.get(sort, ORDERS["change"]))


def lost_by(regrade: Regrade) -> list[dict[str, Any]]:
    """What people had given on cells that the new source has no more."""
    return list(regrade.lost or ())
