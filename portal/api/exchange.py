"""nbgrader's exchange over HTTP: what labs and grading servers fetch, hand in, collect and give back.

Owns the routes below /api/exchange. Rights are asked before a body is read. Refuses everybody who is not an active
member of the offering with the same sentence, whether it exists or not; a student sees nobody else's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse

from cohorts.access import offerings_of, require_member, require_staff, role_in_offering
from cohorts.models import Offering, Role
from grader.assignments import (
    assignments_of,
    check_assignment_name,
    ensure_assignment,
    find_assignment,
    unknown_assignment,
)
from grader.job_progress import place_of_attempt
from grader.models import Assignment, Attempt
from grader.policies import deadlines, timezone_of
from grader.releases import check_upload, current_release, notebooks_of, publish, require_notebooks, withdraw_release
from grader.returns import released_feedback
from grader.storage import Staged
from grader.submissions import (
    Admission,
    Receipt,
    admit,
    attempts_of,
    check_content,
    receive,
    visible_attempt,
    visible_attempts,
)
from portal.api import exchange_shapes as shapes
from portal.api.downloads import GZIP, stored_file
from portal.api.exchange_feedback import add_feedback_routes
from portal.api.uploads import announced_sha256, refuse_large, take_in
from portal.context import Campus, campus
from portal.identity import Identity, current_user
from portal.sandboxing import instructors_sandboxes

router = APIRouter(prefix="/api/exchange", tags=["exchange"])
add_feedback_routes(router)

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]


@router.get("/courses")
def list_courses(here: Here, user: User, student: str | None = None) -> shapes.CourseList:
    """The caller's courses; with `student`, those that the caller teaches and that student takes part in."""
    with here.database.read() as session:
        mine = offerings_of(session, user.username)
        if student is not None and student != user.username:
            mine = [
                (offering, role)
                for offering, role in mine
                if role.is_staff and role_in_offering(session, student, offering.id) is not None
            ]
        return shapes.CourseList(courses=[shapes.course_shape(offering, role) for offering, role in mine])


@router.get("/assignments")
def list_assignments(here: Here, user: User, course_id: str | None = None) -> shapes.AssignmentList:
    """Released assignments of the caller's courses, or of one, with the deadline that holds for the caller."""
    now = datetime.now(UTC)
    found = []
    with here.database.read() as session:
        for offering, _ in _courses(session, user.username, course_id):
            for row in assignments_of(session, offering.id):
                release = current_release(session, row)
                if release is not None:
                    zone = offering.cohort.timezone
                    found.append(shapes.assignment_shape(session, here.storage, row, release, user.username, zone, now))
    return shapes.AssignmentList(assignments=found)


@router.get("/attempts")
def list_all_attempts(
    here: Here, user: User, course_id: str | None = None, everybody: bool = False
) -> shapes.AttemptList:
    """The caller's attempts in all courses, or in one; with `everybody`, all students' where the caller is staff."""
    found = []
    with here.database.read() as session:
        for offering, role in _courses(session, user.username, course_id):
            of = None if everybody and role.is_staff else user.username
            for row in assignments_of(session, offering.id):
                found += _attempt_shapes(session, row, attempts_of(session, row.id, of))
    return shapes.AttemptList(attempts=found)


@router.get("/{course}/{assignment}/release", response_class=FileResponse, responses=GZIP)
def fetch_release(here: Here, user: User, course: str, assignment: str) -> FileResponse:
    """The student's files of the current version."""
    with here.database.read() as session:
        require_member(session, user.username, course)
        release = current_release(session, find_assignment(session, course, assignment))
        if release is None:
            raise unknown_assignment(assignment)
        return stored_file(here.storage, release.sha256)


@router.put("/{course}/{assignment}/release", status_code=201)
async def put_release(request: Request, here: Here, user: User, course: str, assignment: str) -> shapes.ReleaseShape:
    """Hand out a gzipped tar of student files as the next version, once it has passed the release check (staff).

    Answers when that is done, or 422 with the release check's `report`.
    """
    await run_in_threadpool(_require_staff, here, user, course)
    check_assignment_name(assignment)
    refuse_large(request)
    sha256 = announced_sha256(request)
    with here.storage.stage() as staged:
        require_notebooks(await take_in(request, staged, sha256))

        def write() -> shapes.ReleaseShape:
            now = datetime.now(UTC)
            source = _check_upload(here, user, course, assignment, staged, now)
            with here.database.write() as session:
                require_staff(session, user.username, course)
                row = ensure_assignment(session, course, assignment)
                staged.keep()
                release = publish(session, here.storage, row, sha256, staged.size, source, user.username, now)
                return shapes.release_shape(release, row)

        return await run_in_threadpool(write)


@router.delete("/{course}/{assignment}/release")
def delete_release(here: Here, user: User, course: str, assignment: str) -> shapes.Withdrawn:
    """Take an assignment back; its attempts stay (staff)."""
    with here.database.write() as session:
        require_staff(session, user.username, course)
        row = find_assignment(session, course, assignment)
        return shapes.Withdrawn(withdrawn=withdraw_release(session, row, datetime.now(UTC)))


@router.post("/{course}/{assignment}/attempts", status_code=201, responses={200: {"model": shapes.ReceiptShape}})
async def submit(
    request: Request,
    response: Response,
    here: Here,
    user: User,
    course: str,
    assignment: str,
    idempotency_key: Annotated[str, Header()] = "",
) -> shapes.ReceiptShape:
    """Hand in a gzipped tar of the work. 201 and the receipt of a new attempt, 200 and the old one for a known key.

    It counts as received when the request begins to arrive: X-Content-SHA256 fixes what will follow.
    """
    now = datetime.now(UTC)
    sha256 = request.headers.get("x-content-sha256", "")
    order = {
        "course_id": course,
        "assignment": assignment,
        "username": user.username,
        "key": idempotency_key,
        "sha256": sha256,
    }
    admitted = await run_in_threadpool(_admit, here, order, now)
    if isinstance(admitted, Receipt):
        response.status_code = 200
        return await run_in_threadpool(_receipt, here, admitted)
    refuse_large(request)
    with here.storage.stage() as staged:
        entries = await take_in(request, staged, sha256)
        check_content([entry.name for entry in entries], await run_in_threadpool(_expected, here, admitted))

        def write() -> Receipt:
            return receive(here.database, here.storage, **order, size=staged.size, now=now, staged=staged)

        receipt = await run_in_threadpool(write)
    response.status_code = 200 if receipt.repeated else 201
    return await run_in_threadpool(_receipt, here, receipt)


@router.get("/{course}/{assignment}/attempts")
def list_attempts(here: Here, user: User, course: str, assignment: str) -> shapes.AttemptList:
    """The caller's attempts; for staff, everybody's."""
    with here.database.read() as session:
        row, attempts, _ = visible_attempts(session, user.username, course, assignment)
        return shapes.AttemptList(attempts=_attempt_shapes(session, row, attempts))


@router.get("/{course}/{assignment}/attempts/{attempt_id}/files", response_class=FileResponse, responses=GZIP)
def fetch_attempt(here: Here, user: User, course: str, assignment: str, attempt_id: int) -> FileResponse:
    """The files of an attempt, as they were handed in: to its student and to staff."""
    with here.database.read() as session:
        attempt, _ = visible_attempt(session, user.username, course, assignment, attempt_id)
        return stored_file(here.storage, attempt.sha256)


def _courses(session: Session, username: str, course_id: str | None) -> list[tuple[Offering, Role]]:
    if course_id:
        require_member(session, username, course_id)
    return [
        (offering, role) for offering, role in offerings_of(session, username) if course_id in (None, "", offering.id)
    ]


def _require_staff(here: Campus, user: Identity, course: str) -> None:
    with here.database.read() as session:
        require_staff(session, user.username, course)


def _check_upload(
    here: Campus, user: Identity, course: str, assignment: str, staged: Staged, now: datetime
) -> str | None:
    with instructors_sandboxes(here.settings) as sandboxes, staged.open() as bundle:
        return check_upload(
            here.database,
            here.storage,
            here.settings.offerings / course,
            bundle,
            staged.sha256,
            offering_id=course,
            assignment=assignment,
            by=user.username,
            now=now,
            sandbox=sandboxes,
        )


def _admit(here: Campus, order: dict[str, str], now: datetime) -> Admission | Receipt:
    with here.database.read() as session:
        return admit(session, **order, now=now)


def _expected(here: Campus, admitted: Admission) -> list[str]:
    return notebooks_of(here.storage, admitted.release_sha256)


def _receipt(here: Campus, receipt: Receipt) -> shapes.ReceiptShape:
    with here.database.read() as session:
        place = place_of_attempt(session, receipt.id, datetime.now(UTC))
        return shapes.receipt_shape(receipt, timezone_of(session, receipt.course_id), place)


def _attempt_shapes(session: Session, row: Assignment, attempts: Sequence[Attempt]) -> list[shapes.AttemptShape]:
    holding = deadlines(session, row)
    feedback = released_feedback(session, [attempt.id for attempt in attempts])
    return [
        shapes.attempt_shape(attempt, row, holding.zone, feedback.get(attempt.id), holding.of(attempt))
        for attempt in attempts
    ]
