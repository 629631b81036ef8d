"""The grading side of the API: what the staff of an offering does and sees, and where the caller stands.

Every answer is the caller's own or their offering's; `portal.rules` has turned everybody else away before.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import StreamingResponse

from cohorts.access import offerings_of, require_member, require_staff
from cohorts.grading_server import ensure_grading_server
from cohorts.models import Offering, Role
from grader import job_progress
from grader.assignments import find_assignment
from grader.by_hand import settled
from grader.extensions import grant_extension
from grader.feedback import release_feedback
from portal.api import grading_shapes as shapes
from portal.api.progress_events import EVENTS, tell_progress
from portal.api.standing_shapes import StandingShape
from portal.campus import release_assignment
from portal.context import Campus, campus
from portal.identity import Identity, current_user
from portal.marks import marks_csv, marks_table
from portal.moments import read_moment
from portal.pages.courses import course_view
from portal.pages.marks import csv_response
from portal.pages.rendering import speaker
from portal.standing import standing, standings
from portal.teaching import overviews, retry_failed, submissions

router = APIRouter(prefix="/api", tags=["grading"])

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]


@router.get("/me")
def me(user: User) -> shapes.MeShape:
    """Who the campus takes the caller for."""
    return shapes.MeShape.of(user)


@router.get("/me/assignments")
def my_assignments(here: Here, user: User) -> list[StandingShape]:
    """The caller's standing in every assignment of the courses they learn in."""
    now = datetime.now(UTC)
    with here.database.read() as session:
        return [
            StandingShape.of(work)
            for offering, role in offerings_of(session, user.username)
            if role is Role.STUDENT
            for work in standings(session, offering.id, user.username, now)
        ]


@router.get("/me/offerings/{offering_id}/assignments/{assignment}")
def my_assignment(here: Here, user: User, offering_id: str, assignment: str) -> StandingShape:
    """The caller's standing in one assignment."""
    with here.database.read() as session:
        require_member(session, user.username, offering_id)
        row = find_assignment(session, offering_id, assignment)
        return StandingShape.of(standing(session, row, user.username, datetime.now(UTC)))


@router.get("/offerings/{offering_id}")
def offering(here: Here, user: User, offering_id: str) -> shapes.OfferingShape:
    """An offering that the caller takes part in."""
    with here.database.read() as session:
        role = require_member(session, user.username, offering_id)
        row = session.get_one(Offering, offering_id)
        view = course_view(session, here.catalogue, row, role, user.locale)
        return shapes.OfferingShape(
            id=row.id,
            course=row.course,
            title=view.title,
            cohort=view.cohort,
            timezone=view.zone,
            starts_on=view.starts_on,
            role=role.value,
        )


@router.get("/offerings/{offering_id}/assignments")
def assignments(here: Here, user: User, offering_id: str) -> list[shapes.AssignmentShape]:
    """The offering's assignments at a glance (staff)."""
    with here.database.read() as session:
        require_staff(session, user.username, offering_id)
        offering = session.get_one(Offering, offering_id)
        by_hand = settled(here.settings.offerings / offering_id)
        return [shapes.AssignmentShape.of(row) for row in overviews(session, offering, by_hand)]


@router.post("/offerings/{offering_id}/assignments/{assignment}/release", status_code=201)
def release(
    here: Here, user: User, offering_id: str, assignment: str, wish: shapes.ReleaseWish | None = None
) -> shapes.ReleaseShape:
    """Make the student version from the offering's source, check it and hand it out (staff).

    Answers when that is done, or 422 with the release check's `report`; what was handed out before then stays.
    """
    accept = wish.accept if wish else None
    now = datetime.now(UTC)
    return shapes.ReleaseShape.of(release_assignment(here, offering_id, assignment, user.username, now, accept))


@router.get("/offerings/{offering_id}/assignments/{assignment}/submissions")
def who_has_submitted(here: Here, user: User, offering_id: str, assignment: str) -> list[shapes.SubmissionShape]:
    """Every student's latest attempt, or that there is none (staff)."""
    with here.database.read() as session:
        require_staff(session, user.username, offering_id)
        row = find_assignment(session, offering_id, assignment)
        by_hand = settled(here.settings.offerings / offering_id)
        found = submissions(session, session.get_one(Offering, offering_id), row, by_hand)
        return [shapes.SubmissionShape.of(line) for line in found]


@router.get(
    "/offerings/{offering_id}/assignments/{assignment}/progress", response_class=StreamingResponse, responses=EVENTS
)
async def progress(request: Request, here: Here, user: User, offering_id: str, assignment: str) -> Response:
    """Server-sent events: `progress` with the counts of ProgressShape, at first and whenever they change (staff)."""

    def look() -> str:
        with here.database.read() as session:
            require_staff(session, user.username, offering_id)
            row = find_assignment(session, offering_id, assignment)
            return shapes.ProgressShape.of(job_progress.progress(session, row.id)).model_dump_json()

    return await tell_progress(here, look)


@router.post("/offerings/{offering_id}/assignments/{assignment}/extensions", status_code=201)
def extend(
    here: Here, user: User, offering_id: str, assignment: str, wanted: shapes.NewExtension
) -> shapes.ExtensionShape:
    """Give one student a later deadline (staff)."""
    with here.database.write() as session:
        require_staff(session, user.username, offering_id)
        zone = session.get_one(Offering, offering_id).cohort.timezone
        row = find_assignment(session, offering_id, assignment)
        due_at = read_moment(wanted.due_at, zone)
        made = grant_extension(session, row, wanted.username, due_at, user.username, datetime.now(UTC))
        return shapes.ExtensionShape.of(made)


@router.post("/offerings/{offering_id}/assignments/{assignment}/feedback/release")
def release_waiting_feedback(here: Here, user: User, offering_id: str, assignment: str) -> shapes.FeedbackReleased:
    """Let students see the marks and feedback that wait (staff)."""
    with here.database.write() as session:
        require_staff(session, user.username, offering_id)
        row = find_assignment(session, offering_id, assignment)
        return shapes.FeedbackReleased(released=release_feedback(session, row.id, datetime.now(UTC)))


@router.post("/offerings/{offering_id}/assignments/{assignment}/marking/retry")
def mark_failed_again(here: Here, user: User, offering_id: str, assignment: str) -> shapes.MarkingRetried:
    """Put failed markings back into the queue (staff)."""
    with here.database.write() as session:
        require_staff(session, user.username, offering_id)
        row = find_assignment(session, offering_id, assignment)
        return shapes.MarkingRetried(queued=retry_failed(session, row.id, datetime.now(UTC)))


@router.get("/offerings/{offering_id}/marks")
def marks(here: Here, user: User, offering_id: str) -> list[shapes.MarkShape]:
    """All marks of the offering, as they stand in nbgrader's gradebook (staff)."""
    with here.database.read() as session:
        require_staff(session, user.username, offering_id)
        row = session.get_one(Offering, offering_id)
        return shapes.MarkShape.all_of(marks_table(session, row, here.settings.offerings / offering_id))


@router.get("/offerings/{offering_id}/marks.csv", response_class=Response)
def marks_file(request: Request, here: Here, user: User, offering_id: str) -> Response:
    """The marks as a CSV file, UTF-8 with BOM (staff)."""
    with here.database.read() as session:
        require_staff(session, user.username, offering_id)
        row = session.get_one(Offering, offering_id)
        table = marks_table(session, row, here.settings.offerings / offering_id)
    return csv_response(marks_csv(table, speaker(request)), offering_id)


@router.post("/offerings/{offering_id}/grading-server")
def grading_server(here: Here, user: User, offering_id: str) -> shapes.GradingServer:
    """Start the offering's grading server if need be; its formgrader's path (staff)."""
    with here.database.read() as session:
        require_staff(session, user.username, offering_id)
    return shapes.GradingServer(url=ensure_grading_server(here.hub, offering_id).rstrip("/") + "/formgrader")
