"""Regrades over the API: start, follow, look at what would change, apply or drop. For the offering's staff."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from starlette.responses import StreamingResponse

from cohorts.access import require_staff
from grader.assignments import find_assignment
from portal import regrades
from portal.api.progress_events import EVENTS, tell_progress
from portal.api.regrade_shapes import RegradeApplied, RegradePreview, RegradeProgress, RegradeShape
from portal.context import Campus, campus
from portal.identity import Identity, current_user

router = APIRouter(prefix="/api/offerings/{offering_id}/assignments/{assignment}/regrades", tags=["regrades"])

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]


@router.get("")
def list_regrades(here: Here, user: User, offering_id: str, assignment: str) -> list[RegradeShape]:
    """All regrades of an assignment, the newest first (staff)."""
    with here.database.read() as session:
        require_staff(session, user.username, offering_id)
        found = regrades.all_of(session, find_assignment(session, offering_id, assignment))
        return [RegradeShape.of(row) for row in found]


@router.post("", status_code=201)
def start(here: Here, user: User, offering_id: str, assignment: str) -> RegradeShape:
    """Have all attempts marked again with the source as it is now; nothing else changes (staff)."""
    made = regrades.start(here, user, offering_id, assignment)
    with here.database.read() as session:
        return RegradeShape.of(regrades.look(session, user, offering_id, assignment, made.id))


@router.get("/{regrade_id}")
def look(here: Here, user: User, offering_id: str, assignment: str, regrade_id: int) -> RegradePreview:
    """A regrade, and who changes by how much in which tests (staff)."""
    with here.database.read() as session:
        found = regrades.look(session, user, offering_id, assignment, regrade_id)
        return RegradePreview.made_of(found, regrades.compare(here, session, offering_id, found))


@router.get("/{regrade_id}/progress", response_class=StreamingResponse, responses=EVENTS)
async def progress(here: Here, user: User, offering_id: str, assignment: str, regrade_id: int) -> Response:
    """Server-sent events: `progress` with the counts of RegradeProgress, at first and whenever they change (staff)."""

    def ask() -> str:
        with here.database.read() as session:
            found = regrades.look(session, user, offering_id, assignment, regrade_id)
            return RegradeProgress.of(found.progress).model_dump_json()

    return await tell_progress(here, ask)


@router.post("/{regrade_id}/apply")
def apply(here: Here, user: User, offering_id: str, assignment: str, regrade_id: int) -> RegradeApplied:
    """Make its results the students' marks; begun and broken off, do it again (staff)."""
    return RegradeApplied.of(regrades.apply(here, user, offering_id, assignment, regrade_id))


@router.post("/{regrade_id}/drop")
def drop(here: Here, user: User, offering_id: str, assignment: str, regrade_id: int) -> RegradeShape:
    """End it without changing anything (staff)."""
    regrades.drop(here, user, offering_id, assignment, regrade_id)
    with here.database.read() as session:
        return RegradeShape.of(regrades.look(session, user, offering_id, assignment, regrade_id))
