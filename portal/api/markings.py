"""Markings on their way, and what they add up to: an attempt's progress as events, failed jobs, rates of questions.

A student watches their own attempts, staff those of their offering. Logs and rates are for staff alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from cohorts.access import require_staff
from cohorts.errors import NotFound
from grader.assignments import find_assignment
from grader.failed_jobs import FailedJob, failed_jobs, retry_one
from grader.questions import Question, questions_of
from grader.submissions import visible_attempt
from portal.attempt_watch import AttemptWatch, Event, events_of
from portal.context import Campus, campus
from portal.identity import Identity, current_user

router = APIRouter(prefix="/api/offerings/{offering_id}/assignments/{assignment}", tags=["grading"])

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]
SAY_SOMETHING_EVERY = 15.0
STREAM_SECONDS = 300.0  # then the browser connects anew, and is asked anew who it is
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "events: queued, running, done, failed"},
    204: {"description": "nothing will come after the event that Last-Event-ID names"},
}


class FailedJobShape(BaseModel):
    """A marking that was set aside, with what is known of why."""

    marking_id: int
    attempt_id: int
    username: str
    name: str
    number: int
    tries: int
    failed_at: datetime | None
    log: str

    @classmethod
    def of(cls, job: FailedJob) -> FailedJobShape:
        return cls(**{name: getattr(job, name) for name in cls.model_fields})


class QuestionShape(BaseModel):
    """How a question goes. `judged` students have points for it, `passed` have all of them; shares go from 0 to 1."""

    notebook: str
    name: str
    max_points: float
    students: int
    judged: int
    passed: int
    passed_share: float | None
    mean_points: float | None

    @classmethod
    def of(cls, question: Question) -> QuestionShape:
        return cls(**{name: getattr(question, name) for name in cls.model_fields})


class Retried(BaseModel):
    """Whether the marking waits to be tried again; false where it has not failed."""

    queued: bool


def attempt_watch(request: Request) -> AttemptWatch:
    """This portal's watch."""
    return cast(AttemptWatch, request.app.state.attempt_watch)


@router.get("/attempts/{attempt_id}/events", response_class=StreamingResponse, responses=EVENTS)
async def attempt_events(
    here: Here,
    watch: Annotated[AttemptWatch, Depends(attempt_watch)],
    user: User,
    offering_id: str,
    assignment: str,
    attempt_id: int,
    last_event_id: Annotated[str, Header()] = "",
) -> Response:
    """Server-sent events of one attempt's marking: how it stands at first, then each change, until it is done."""

    def look() -> Event | None:
        with here.database.read() as session:
            visible_attempt(session, user.username, offering_id, assignment, attempt_id)
            return events_of(session, [attempt_id], datetime.now(UTC)).get(attempt_id)

    first = await run_in_threadpool(look)
    if first is not None and first.ends and first.id == last_event_id:
        return Response(status_code=204)  # what tells an EventSource not to come again
    return StreamingResponse(
        _follow(watch, attempt_id, look, last_event_id),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _follow(watch: AttemptWatch, attempt_id: int, look: Any, said: str) -> AsyncIterator[str]:
    until = asyncio.get_running_loop().time() + STREAM_SECONDS
    with watch.watching(attempt_id) as changes:
        event: Event | None = await run_in_threadpool(look)  # again: it may have changed before the watch began
        while True:
            if event is not None and event.id != said:
                said = event.id
                yield event.encode()
            if event is not None and event.ends:
                return
            left = until - asyncio.get_running_loop().time()
            if left <= 0:
                return
            try:
                event = await asyncio.wait_for(changes.get(), min(left, SAY_SOMETHING_EVERY))
            except TimeoutError:
                event = None
                yield ": still here\n\n"


@router.get("/marking/failed")
def list_failed(here: Here, user: User, offering_id: str, assignment: str) -> list[FailedJobShape]:
    """The markings that were set aside after three tries, with their logs (staff)."""
    with here.database.read() as session:
        require_staff(session, user.username, offering_id)
        row = find_assignment(session, offering_id, assignment)
        return [FailedJobShape.of(job) for job in failed_jobs(session, row.id)]


@router.post("/marking/{marking_id}/retry")
def retry_failed_marking(here: Here, user: User, offering_id: str, assignment: str, marking_id: int) -> Retried:
    """Put one failed marking back into the queue (staff)."""
    with here.database.write() as session:
        require_staff(session, user.username, offering_id)
        row = find_assignment(session, offering_id, assignment)
        queued = retry_one(session, row.id, marking_id, datetime.now(UTC))
        if queued is None:
            raise NotFound(
                f"There is no marking {marking_id} in {assignment[:80]}.",
                f"{assignment[:80]}에 채점 {marking_id}이(가) 없습니다.",
            )
        return Retried(queued=queued)


@router.get("/questions")
def questions(here: Here, user: User, offering_id: str, assignment: str) -> list[QuestionShape]:
    """How each question goes, over the attempt that counts of each student (staff)."""
    with here.database.read() as session:
        require_staff(session, user.username, offering_id)
        row = find_assignment(session, offering_id, assignment)
        return [QuestionShape.of(question) for question in questions_of(session, row)]
