"""An assignment's policy in the API: what holds, what a change would do, and changing it. For the offering's staff."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends

from cohorts.access import require_staff
from grader.assignments import find_assignment
from grader.gradebook import Mark, marks
from grader.lateness import closes_at, lateness
from grader.policies import Policy, policy_of, timezone_of
from grader.policy_changes import apply_policy, preview_policy
from portal.api import policy_shapes as shapes
from portal.context import Campus, campus
from portal.identity import Identity, current_user
from portal.moments import read_moment

router = APIRouter(prefix="/api/offerings/{offering_id}/assignments/{assignment}", tags=["grading"])

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]


@router.get("/policy")
def policy(here: Here, user: User, offering_id: str, assignment: str) -> shapes.PolicyShape:
    """Deadline, attempts and what becomes of late work (staff)."""
    with here.database.read() as session:
        require_staff(session, user.username, offering_id)
        return shapes.PolicyShape.of(policy_of(find_assignment(session, offering_id, assignment)))


@router.post("/policy/preview")
def preview(
    here: Here, user: User, offering_id: str, assignment: str, wanted: shapes.PolicyQuestion
) -> shapes.PreviewShape:
    """What a change would do, to whom and by how much; nothing is saved (staff)."""
    with here.database.read() as session:
        require_staff(session, user.username, offering_id)
        row = find_assignment(session, offering_id, assignment)
        zone = timezone_of(session, offering_id)
        new = wanted.applied_to(policy_of(row), zone)
        found = preview_policy(session, row, new, marks_of(here, offering_id, assignment))
    answer = None if wanted.at is None else answer_at(new, read_moment(wanted.at, zone), zone)
    return shapes.PreviewShape.of(found, answer)


@router.put("/policy")
def change(
    here: Here, user: User, offering_id: str, assignment: str, wanted: shapes.PolicyChange
) -> shapes.PolicySaved:
    """Change the policy from now on; marks that no longer hold are mended by the workers (staff)."""
    with here.database.write() as session:
        require_staff(session, user.username, offering_id)
        row = find_assignment(session, offering_id, assignment)
        new = wanted.applied_to(policy_of(row), timezone_of(session, offering_id))
        queued = apply_policy(session, row, new, datetime.now(UTC), wanted.base)
        return shapes.PolicySaved(policy=shapes.PolicyShape.of(policy_of(row)), queued=queued)


def answer_at(policy: Policy, when: datetime, zone: str) -> shapes.AnswerShape:
    """What a submission at `when` would be worth under `policy`."""
    late, end = lateness(policy.late, policy.due_at, when, zone), closes_at(policy.late, policy.due_at, zone)
    accepted = end is None or when <= end
    return shapes.AnswerShape(at=when, accepted=accepted, days_late=late.days, penalty_percent=late.percent)


def marks_of(here: Campus, offering_id: str, assignment: str) -> dict[str, Mark]:
    """What the gradebook says of one assignment, by student."""
    found = marks(here.settings.offerings / offering_id)
    return {mark.username: mark for mark in found if mark.assignment == assignment}
