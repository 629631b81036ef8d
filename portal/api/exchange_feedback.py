"""Feedback in the exchange: students fetch their own once it is released, staff send it and see it before.

Owns the feedback routes below /api/exchange, which `portal.api.exchange` adds to its router.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse

from cohorts.access import require_staff
from cohorts.errors import Invalid, NotFound
from grader.assignments import find_assignment
from grader.returns import attempt_for_feedback, newest_feedback, put_feedback, released_feedback
from grader.submissions import visible_attempt, visible_attempts
from portal.api import exchange_shapes as shapes
from portal.api.downloads import GZIP, stored_file
from portal.api.uploads import announced_sha256, refuse_large, take_in
from portal.context import Campus, campus
from portal.identity import Identity, current_user

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]


def list_feedback(here: Here, user: User, course: str, assignment: str) -> shapes.FeedbackList:
    """The caller's own released feedback, the newest of each attempt."""
    with here.database.read() as session:
        _, attempts, _ = visible_attempts(session, user.username, course, assignment)
        own = [attempt.id for attempt in attempts if attempt.username == user.username]
        found = released_feedback(session, own)
        return shapes.FeedbackList(feedback=[shapes.feedback_shape(found[number]) for number in own if number in found])


def fetch_feedback(here: Here, user: User, course: str, assignment: str, attempt_id: int) -> FileResponse:
    """The newest feedback of an attempt: to its student once it is released, to staff before that as well."""
    with here.database.read() as session:
        attempt, role = visible_attempt(session, user.username, course, assignment, attempt_id)
        found = released_feedback(session, [attempt.id]).get(attempt.id)
        if role.is_staff:
            found = newest_feedback(session, attempt.id)
        if found is None:
            raise NotFound(
                "There is no feedback for this attempt yet. It appears here when it is released.",
                "이 제출에는 아직 피드백이 없습니다. 공개되면 여기에서 볼 수 있습니다.",
            )
        return stored_file(here.storage, found.sha256)


async def release_feedback(
    request: Request,
    here: Here,
    user: User,
    course: str,
    assignment: str,
    username: str,
    timestamp: str | None = None,
    score: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    max_score: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    needs_manual: bool = False,
) -> shapes.FeedbackShape:
    """Release a gzipped tar of HTML as feedback on a student's latest attempt, or the one of `timestamp` (staff)."""
    attempt_id = await run_in_threadpool(_attempt_to_return, here, user, course, assignment, username, timestamp)
    refuse_large(request)
    sha256 = announced_sha256(request)
    with here.storage.stage() as staged:
        entries = await take_in(request, staged, sha256)
        if not any(entry.name.endswith(".html") for entry in entries):
            raise Invalid(
                "The feedback holds no HTML file. Run `nbgrader generate_feedback` first.",
                "피드백에 HTML 파일이 없습니다. 먼저 `nbgrader generate_feedback`을 실행하세요.",
            )

        def write() -> shapes.FeedbackShape:
            with here.database.write() as session:
                require_staff(session, user.username, course)
                staged.keep()
                made = put_feedback(
                    session,
                    attempt_id,
                    sha256=sha256,
                    size=staged.size,
                    score=score,
                    max_score=max_score,
                    needs_manual=needs_manual,
                    now=datetime.now(UTC),
                )
                return shapes.feedback_shape(made)

        return await run_in_threadpool(write)


def _attempt_to_return(
    here: Campus, user: Identity, course: str, assignment: str, username: str, timestamp: str | None
) -> int:
    with here.database.read() as session:
        require_staff(session, user.username, course)
        return attempt_for_feedback(session, find_assignment(session, course, assignment), username, timestamp).id


def add_feedback_routes(router: APIRouter) -> None:
    """Add the routes of this module to the exchange's."""
    router.get("/{course}/{assignment}/feedback")(list_feedback)
    router.get("/{course}/{assignment}/feedback/{attempt_id}", response_class=FileResponse, responses=GZIP)(
        fetch_feedback
    )
    router.put("/{course}/{assignment}/feedback/{username}", status_code=201)(release_feedback)
