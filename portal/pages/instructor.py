"""Pages of an offering's staff: assignments, releasing, who has handed in, extensions, feedback, grading server.

What a form asks for and the campus refuses is said on the form's own page, with what was typed still there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from starlette.responses import RedirectResponse

from cohorts.access import offerings_of, require_staff
from cohorts.errors import CampusError
from cohorts.grading_server import ensure_grading_server
from cohorts.models import Offering
from grader.assignments import find_assignment
from grader.by_hand import settled
from grader.extensions import grant_extension
from grader.failed_jobs import failed_jobs
from grader.feedback import release_feedback
from grader.lateness import Lateness, in_words
from grader.models import Attempt, Feedback, Marking
from grader.policies import policy_of
from grader.questions import questions_of
from grader.release_records import latest_check
from grader.release_report import ReleaseRefused
from portal.campus import release_assignment
from portal.context import Campus, campus
from portal.identity import Identity, current_user
from portal.moments import read_moment
from portal.pages.courses import course_view
from portal.pages.release_checks import show_check
from portal.pages.rendering import page, see
from portal.standing import State, state_of
from portal.teaching import Handed, Submission, overview, overviews, retry_failed, submissions

router = APIRouter(prefix="/teach", include_in_schema=False)

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]


@dataclass(frozen=True)
class SubmissionLine:
    """A submission as the table shows it. The mark is the feedback's, which knows what was marked by hand."""

    name: str
    username: str
    active: bool
    attempts: int
    latest: Attempt | None
    lateness: Lateness
    history: tuple[Handed, ...]
    extended_to: datetime | None
    state: State
    feedback: Feedback | None
    score: float | None
    max_score: float | None
    suspect: bool

    @classmethod
    def of(cls, row: Submission) -> SubmissionLine:
        marked: Feedback | Marking | None = row.feedback or row.marking
        return cls(
            name=row.name,
            username=row.username,
            active=row.active,
            attempts=row.attempts,
            latest=row.latest,
            lateness=row.lateness,
            history=row.history,
            extended_to=row.extended_to,
            state=staff_state(row),
            feedback=row.feedback,
            score=marked.score if marked else None,
            max_score=marked.max_score if marked else None,
            suspect=row.marking is not None and row.marking.integrity == "suspect",
        )


def staff_state(row: Submission) -> State:
    """The state of a student's latest attempt, as staff see it: by what was marked, not by what was released."""
    state = state_of(row.marking, None)
    if state in (State.MARKED, State.MANUAL) and row.feedback is not None:
        return State.MANUAL if row.needs_manual else State.MARKED
    return state


@router.get("")
def teach(request: Request, here: Here, user: User) -> Response:
    """The courses I teach."""
    with here.database.read() as session:
        teaching = [
            course_view(session, here.catalogue, offering, role, user.locale)
            for offering, role in offerings_of(session, user.username)
            if role.is_staff
        ]
    teaching.sort(key=lambda course: (-course.starts_on.toordinal(), course.place))
    return page(request, "teach.html", {"teaching": teaching})


@router.get("/{offering_id}")
def offering_page(request: Request, here: Here, user: User, offering_id: str) -> Response:
    """An offering's assignments at a glance."""
    with here.database.read() as session:
        role = require_staff(session, user.username, offering_id)
        offering = session.get_one(Offering, offering_id)
        course = course_view(session, here.catalogue, offering, role, user.locale)
        rows = overviews(session, offering, settled(here.settings.offerings / offering_id))
        return page(request, "offering.html", {"course": course, "overviews": rows})


@router.post("/{offering_id}/grading-server")
def open_grading_server(here: Here, user: User, offering_id: str) -> Response:
    """Start the offering's grading server if need be, and go to its formgrader."""
    with here.database.read() as session:
        require_staff(session, user.username, offering_id)
    return RedirectResponse(ensure_grading_server(here.hub, offering_id).rstrip("/") + "/formgrader", 303)


@router.get("/{offering_id}/assignments/{assignment}")
def assignment_page(request: Request, here: Here, user: User, offering_id: str, assignment: str) -> Response:
    """One assignment: release, marking, feedback, extensions, who has handed in."""
    return show(request, here, user, offering_id, assignment)


@router.post("/{offering_id}/assignments/{assignment}/release")
def release(
    request: Request,
    here: Here,
    user: User,
    offering_id: str,
    assignment: str,
    accept: Annotated[str | None, Form()] = None,
) -> Response:
    """Make the student version, check it and hand it out."""
    try:
        release_assignment(here, offering_id, assignment, user.username, datetime.now(UTC), accept)
    except ReleaseRefused:
        return show_check(request, here, user, offering_id, assignment, refused=True)
    except CampusError as error:
        if accept is not None:
            return show_check(request, here, user, offering_id, assignment, error=error, reason=accept)
        return show(request, here, user, offering_id, assignment, error=error)
    return see(request, f"/teach/{offering_id}/assignments/{assignment}", done="released")


@router.post("/{offering_id}/assignments/{assignment}/feedback")
def feedback(request: Request, here: Here, user: User, offering_id: str, assignment: str) -> Response:
    """Let students see the feedback that waits."""
    with here.database.write() as session:
        require_staff(session, user.username, offering_id)
        released = release_feedback(session, find_assignment(session, offering_id, assignment).id, datetime.now(UTC))
    return see(request, f"/teach/{offering_id}/assignments/{assignment}", done="feedback", n=released)


@router.post("/{offering_id}/assignments/{assignment}/retry")
def retry(request: Request, here: Here, user: User, offering_id: str, assignment: str) -> Response:
    """Mark again what failed."""
    with here.database.write() as session:
        require_staff(session, user.username, offering_id)
        queued = retry_failed(session, find_assignment(session, offering_id, assignment).id, datetime.now(UTC))
    return see(request, f"/teach/{offering_id}/assignments/{assignment}", done="retried", n=queued)


@router.post("/{offering_id}/assignments/{assignment}/extensions")
def extend(
    request: Request,
    here: Here,
    user: User,
    offering_id: str,
    assignment: str,
    username: Annotated[str, Form()],
    due_at: Annotated[str, Form()],
) -> Response:
    """Give one student a later deadline, typed as a time of the cohort's zone."""
    now = datetime.now(UTC)
    try:
        with here.database.write() as session:
            require_staff(session, user.username, offering_id)
            zone = session.get_one(Offering, offering_id).cohort.timezone
            row = find_assignment(session, offering_id, assignment)
            grant_extension(session, row, username, read_moment(due_at, zone), user.username, now)
    except CampusError as error:
        form = {"username": username, "due_at": due_at}
        return show(request, here, user, offering_id, assignment, error=error, form=form)
    return see(request, f"/teach/{offering_id}/assignments/{assignment}", done="extended")


def show(
    request: Request,
    here: Campus,
    user: Identity,
    offering_id: str,
    assignment: str,
    *,
    error: CampusError | None = None,
    form: Mapping[str, str] | None = None,
) -> Response:
    """The assignment's page, with what went wrong and what had been typed."""
    with here.database.read() as session:
        role = require_staff(session, user.username, offering_id)
        offering = session.get_one(Offering, offering_id)
        row = find_assignment(session, offering_id, assignment)
        by_hand = settled(here.settings.offerings / offering_id)
        found = submissions(session, offering, row, by_hand)
        values: dict[str, Any] = {
            "course": course_view(session, here.catalogue, offering, role, user.locale),
            "row": overview(session, offering, row, by_hand),
            "check": latest_check(session, offering_id, assignment),
            "failed": failed_jobs(session, row.id),
            "questions": questions_of(session, row),
            "submissions": [SubmissionLine.of(line) for line in found],
            "students": [line for line in found if line.active],
            "policy": policy_of(row),
            "late_rule": in_words(policy_of(row).late).in_(user.locale),
            "error": error,
            "form": form or {"username": "", "due_at": ""},
        }
        return page(request, "assignment.html", values, status=error.status if error else 200)
