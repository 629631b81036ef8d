"""Pages of a learner: my courses with every assignment's state, and one assignment with its attempts and receipts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from cohorts.access import offerings_of, require_member
from cohorts.errors import NotFound
from cohorts.models import Offering, Role
from grader.assignments import find_assignment
from grader.job_progress import place_of_attempt
from grader.lateness import in_words
from grader.policies import policy_of
from portal.context import Campus, campus
from portal.identity import Identity, current_user
from portal.lessons import next_lesson
from portal.pages.courses import CourseView, course_view, find_course
from portal.pages.rendering import page, see
from portal.standing import Standing, State, standing, standings

router = APIRouter(include_in_schema=False)

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]


class LearnedCourse:
    """A course with the learner's standing in its assignments, and their marks so far."""

    def __init__(self, view: CourseView, found: list[Standing]) -> None:
        self.id, self.title, self.cohort = view.id, view.title, view.cohort
        self.zone, self.starts_on = view.zone, view.starts_on
        self.place, self.standings = view.place, found
        counted = [work.counted for work in found if work.counted and work.counted.has_feedback]
        self.score = sum(attempt.score or 0 for attempt in counted)
        self.max_score = sum(attempt.max_score or 0 for attempt in counted)


@router.get("/")
def home(request: Request, here: Here, user: User) -> Response:
    """My courses, and the ones I teach; an administrator who does neither comes to run cohorts."""
    now = datetime.now(UTC)
    learning, teaching = [], []
    with here.database.read() as session:
        for offering, role in offerings_of(session, user.username):
            view = course_view(session, here.catalogue, offering, role, user.locale)
            if role.is_staff:
                teaching.append(view)
            else:
                learning.append(LearnedCourse(view, standings(session, offering.id, user.username, now)))
        if user.is_admin and not learning and not teaching:
            return see(request, "/cohorts")
        teaching.sort(key=lambda course: (-course.starts_on.toordinal(), course.place))
        learning.sort(key=lambda course: (-course.starts_on.toordinal(), course.place))
        due = [
            work
            for course in learning
            for work in course.standings
            if work.due_at and work.due_at >= now and work.may_submit and work.state is State.OPEN
        ]
        next_due = min(due, key=lambda work: work.due_at or now, default=None)
        values = {
            "learning": learning,
            "teaching": teaching,
            "next_due": next_due,
            "lesson": next_lesson(session, here.hardware, user.username, now),
        }
        return page(request, "home.html", values)


@router.get("/learn/{offering_id}/{assignment}")
def learn(request: Request, here: Here, user: User, offering_id: str, assignment: str) -> Response:
    """One assignment of mine: state, deadline, attempts, receipts, marks."""
    with here.database.read() as session:
        role = require_member(session, user.username, offering_id)
        if role is not Role.STUDENT:
            return see(request, f"/teach/{offering_id}/assignments/{assignment}")
        offering = session.get_one(Offering, offering_id)
        work = standing(session, find_assignment(session, offering_id, assignment), user.username, datetime.now(UTC))
        if work.state is State.NOT_RELEASED:
            raise NotFound("This assignment is not released yet.", "아직 공개되지 않은 과제입니다.")
        course = find_course(here.catalogue, offering)
        planned = next((item for item in course.assignments if item.key == assignment), None) if course else None
        values = {
            "work": work,
            "place": place_of_attempt(session, work.latest.id, datetime.now(UTC)) if work.latest else None,
            "course": course_view(session, here.catalogue, offering, role, user.locale),
            "summary": planned.summary.in_(user.locale) if planned else "",
            "late_rule": in_words(policy_of(work.assignment).late).in_(user.locale),
        }
        return page(request, "learn.html", values)
