"""Later deadlines for single students: granting one, and mending what had been taken off for lateness.

An extension moves the end of late work with the deadline. Refuses one that would change nothing.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cohorts.access import role_in_offering
from cohorts.errors import Invalid, NotFound
from cohorts.models import Role
from grader.jobs import INTERACTIVE
from grader.models import Assignment, Attempt, Extension
from grader.policies import deadlines, moment
from grader.policy_changes import hold_still, mend


def grant_extension(
    session: Session, assignment: Assignment, username: str, due_at: datetime, by: str, now: datetime
) -> Extension:
    """Give one active student of the offering a later deadline; granted again, the new one holds.

    Marks that lateness had lowered are mended by the workers, at once.
    """
    hold_still(session, assignment)
    before = deadlines(session, assignment)
    _check(session, assignment, username, due_at, now, before.zone)
    extension = session.scalar(
        select(Extension).where(Extension.assignment_id == assignment.id, Extension.username == username)
    )
    if extension is None:
        extension = Extension(assignment_id=assignment.id, username=username)
        session.add(extension)
    extension.due_at, extension.granted_by, extension.granted_at = due_at, by, now
    session.flush()
    mend(session, assignment, before, now, priority=INTERACTIVE, username=username)
    return extension


def _check(session: Session, assignment: Assignment, username: str, due_at: datetime, now: datetime, zone: str) -> None:
    if role_in_offering(session, username, assignment.offering_id) is not Role.STUDENT:
        raise NotFound(
            f"{username} is not an active student of this course. Choose a student from the roster.",
            f"{username}은(는) 이 과목의 학생이 아닙니다. 명단에서 학생을 고르세요.",
        )
    if assignment.due_at is None:
        raise Invalid(
            f"{assignment.name} has no deadline, so there is nothing to extend.",
            f"{assignment.name}에는 마감이 없어 연장할 것이 없습니다.",
        )
    past = due_at <= now and not _handed_in_after(session, assignment, username, assignment.due_at)
    if due_at <= assignment.due_at or past:
        raise Invalid(
            f"The new deadline {moment(due_at, zone, 'en')} must lie in the future and after the assignment's own, "
            f"{moment(assignment.due_at, zone, 'en')}. Choose a later time.",
            f"새 마감 {moment(due_at, zone, 'ko')}은(는) 지금과 과제의 마감 "
            f"{moment(assignment.due_at, zone, 'ko')}보다 늦어야 합니다. 더 늦은 시각을 고르세요.",
        )


def _handed_in_after(session: Session, assignment: Assignment, username: str, due_at: datetime) -> bool:
    """Whether there is late work that a new deadline in the past could make less late."""
    found = select(Attempt.id).where(
        Attempt.assignment_id == assignment.id, Attempt.username == username, Attempt.received_at > due_at
    )
    return session.scalar(found.limit(1)) is not None
