"""Feedback to read: a page around a frame, and the frame's content, which may do nothing but be looked at.

What a notebook printed is the student's own making, and staff open it too: it gets an origin of its own (CSP sandbox),
no script, and no way to load or send anything. A student sees their own once released, an offering's staff all of it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import HTMLResponse

from cohorts.access import role_in_offering
from cohorts.errors import NotFound
from cohorts.models import Person
from grader.models import Attempt, Feedback
from grader.policies import lateness_of, timezone_of
from grader.returns import newest_feedback, released_feedback
from portal.context import Campus, campus
from portal.feedback_files import html_names, read_html
from portal.identity import Identity, current_user
from portal.pages.rendering import page

router = APIRouter(include_in_schema=False)

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]
FRAME_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)


@router.get("/feedback/{attempt_id}")
def feedback_page(request: Request, here: Here, user: User, attempt_id: int, name: str = "") -> Response:
    """The page around an attempt's feedback."""
    with here.database.read() as session:
        attempt, feedback, staff = visible_feedback(session, user.username, attempt_id)
        assignment = attempt.assignment
        names = html_names(here.storage, feedback)
        part = f"{assignment.offering_id}/assignments" if staff else assignment.offering_id
        student = session.get_one(Person, attempt.username)
        values = {
            "attempt": attempt,
            "assignment": assignment,
            "feedback": feedback,
            "names": names,
            "chosen": name if name in names else next(iter(names), ""),
            "student": f"{student.name} ({student.username})" if staff else "",
            "zone": timezone_of(session, assignment.offering_id),
            "lateness": lateness_of(session, attempt.id),
            "back": f"{here.prefix}/{'teach' if staff else 'learn'}/{part}/{assignment.name}",
        }
        return page(request, "feedback.html", values)


@router.get("/feedback/{attempt_id}/{name}")
def feedback_file(here: Here, user: User, attempt_id: int, name: str) -> Response:
    """One notebook's feedback, for the frame."""
    with here.database.read() as session:
        _, feedback, _ = visible_feedback(session, user.username, attempt_id)
        content = read_html(here.storage, feedback, name)
    return HTMLResponse(content, headers={"Content-Security-Policy": FRAME_POLICY})


def visible_feedback(session: Session, username: str, attempt_id: int) -> tuple[Attempt, Feedback, bool]:
    """The attempt, its feedback and whether the reader is staff; one NotFound for all who may not see it."""
    attempt = session.get(Attempt, attempt_id)
    role = role_in_offering(session, username, attempt.assignment.offering_id) if attempt else None
    if attempt is not None and role is not None:
        if role.is_staff:
            found = newest_feedback(session, attempt.id)
        else:
            found = released_feedback(session, [attempt.id]).get(attempt.id) if attempt.username == username else None
        if found is not None:
            return attempt, found, role.is_staff
    raise NotFound(
        "There is no feedback for you here. It appears when your instructor releases it.",
        "볼 수 있는 피드백이 없습니다. 강사가 공개하면 볼 수 있습니다.",
    )
