"""An instructor's page for an assignment's rules: a form, what it would do, and saving it once that was looked at.

The form is filled with what was typed until it is saved. Nothing is saved without the preview's own button.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy import select

from cohorts.access import require_staff
from cohorts.errors import CampusError, Invalid
from cohorts.models import Offering, Person
from grader.assignments import find_assignment
from grader.lateness import LateRule, in_words, schedule
from grader.models import Counting
from grader.policies import Policy, policy_of
from grader.policy_changes import Preview, apply_policy, preview_policy
from portal.api.policy import marks_of
from portal.context import Campus, campus
from portal.identity import Identity, current_user
from portal.moments import read_moment
from portal.pages.courses import course_view
from portal.pages.rendering import page, see

router = APIRouter(prefix="/teach/{offering_id}/assignments/{assignment}", include_in_schema=False)

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]


@dataclass(frozen=True)
class Typed:
    """The form's fields as they were typed. Times are minutes; `late` is `no`, `days` or `always`."""

    due_at: str
    attempt_limit: str
    cooldown: str
    counting: str
    grace: str
    late: str
    days: str
    percent: str
    most: str

    @classmethod
    def of(cls, policy: Policy, zone: str) -> Typed:
        rule = policy.late
        return cls(
            due_at=local_text(policy.due_at, zone),
            attempt_limit="" if policy.attempt_limit is None else str(policy.attempt_limit),
            cooldown=f"{policy.cooldown.total_seconds() / 60:g}",
            counting=policy.counting.value,
            grace=f"{rule.grace.total_seconds() / 60:g}",
            late="always" if rule.days is None else "days" if rule.days else "no",
            days=str(rule.days or 1),
            percent=f"{rule.percent_per_day:g}",
            most=f"{rule.most_percent:g}",
        )

    def policy(self, now: Policy, zone: str) -> Policy:
        """What was typed, read. A deadline that was left alone keeps its seconds. Raises Invalid."""
        due_at = now.due_at
        if self.due_at != local_text(now.due_at, zone):
            due_at = read_moment(self.due_at, zone) if self.due_at.strip() else None
        days = {"no": 0, "always": None}.get(self.late, 0)
        made = Policy(
            due_at=due_at,
            attempt_limit=whole(self.attempt_limit) if self.attempt_limit.strip() else None,
            cooldown=timedelta(minutes=number(self.cooldown)),
            counting=Counting(self.counting) if self.counting in set(Counting) else now.counting,
            late=LateRule(
                grace=timedelta(minutes=number(self.grace)),
                days=whole(self.days) if self.late == "days" else days,
                percent_per_day=number(self.percent),
                most_percent=number(self.most),
            ),
        )
        made.check()
        return made


def typed(
    due_at: Annotated[str, Form()] = "",
    attempt_limit: Annotated[str, Form()] = "",
    cooldown: Annotated[str, Form()] = "0",
    counting: Annotated[str, Form()] = "latest",
    grace: Annotated[str, Form()] = "0",
    late: Annotated[str, Form()] = "no",
    days: Annotated[str, Form()] = "1",
    percent: Annotated[str, Form()] = "0",
    most: Annotated[str, Form()] = "100",
) -> Typed:
    """The form as it arrives."""
    return Typed(due_at, attempt_limit, cooldown, counting, grace, late, days, percent, most)


Sent = Annotated[Typed, Depends(typed)]


@router.get("/policy")
def policy_page(request: Request, here: Here, user: User, offering_id: str, assignment: str) -> Response:
    """The rules as they are, to be changed."""
    return show(request, here, user, offering_id, assignment)


@router.post("/policy/preview")
def preview(request: Request, here: Here, user: User, offering_id: str, assignment: str, form: Sent) -> Response:
    """What the form would do; nothing is saved."""
    try:
        with here.database.read() as session:
            require_staff(session, user.username, offering_id)
            row = find_assignment(session, offering_id, assignment)
            new = form.policy(policy_of(row), session.get_one(Offering, offering_id).cohort.timezone)
            found = preview_policy(session, row, new, marks_of(here, offering_id, assignment))
            names = {
                person.username: person.name
                for person in session.scalars(
                    select(Person).where(Person.username.in_([change.username for change in found.changes]))
                )
            }
    except CampusError as error:
        return show(request, here, user, offering_id, assignment, form=form, error=error)
    return show(request, here, user, offering_id, assignment, form=form, preview=found, names=names)


@router.post("/policy")
def save(
    request: Request,
    here: Here,
    user: User,
    offering_id: str,
    assignment: str,
    form: Sent,
    base: Annotated[str, Form()],
) -> Response:
    """Save what was previewed."""
    try:
        with here.database.write() as session:
            require_staff(session, user.username, offering_id)
            row = find_assignment(session, offering_id, assignment)
            new = form.policy(policy_of(row), session.get_one(Offering, offering_id).cohort.timezone)
            apply_policy(session, row, new, datetime.now(UTC), base)
    except CampusError as error:
        return show(request, here, user, offering_id, assignment, form=form, error=error)
    return see(request, f"/teach/{offering_id}/assignments/{assignment}", done="policy")


def show(
    request: Request,
    here: Campus,
    user: Identity,
    offering_id: str,
    assignment: str,
    *,
    form: Typed | None = None,
    preview: Preview | None = None,
    names: Mapping[str, str] | None = None,
    error: CampusError | None = None,
) -> Response:
    """The page: the form, what is wrong with it, or what it would do."""
    with here.database.read() as session:
        role = require_staff(session, user.username, offering_id)
        offering = session.get_one(Offering, offering_id)
        row = find_assignment(session, offering_id, assignment)
        zone = offering.cohort.timezone
        policy = policy_of(row)
        shown = preview.policy if preview else policy
        values: dict[str, Any] = {
            "course": course_view(session, here.catalogue, offering, role, user.locale),
            "assignment": row,
            "form": asdict(form or Typed.of(policy, zone)),
            "preview": preview,
            "steps": schedule(shown.late, shown.due_at, zone),
            "late_rule": in_words(shown.late).in_(user.locale),
            "names": names or {},
            "error": error,
        }
        return page(request, "policy.html", values, status=error.status if error else 200)


def local_text(when: datetime | None, zone: str) -> str:
    """A time as a form's field has it, in minutes of the zone; empty for none."""
    return when.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M") if when else ""


def number(text: str) -> float:
    """`10`, `2.5`; nothing is 0. Raises Invalid."""
    try:
        value = float(text.strip() or 0)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > 10**6:
        raise Invalid(
            f"'{text[:20]}' is no number here. Write one such as 10 or 2.5.",
            f"'{text[:20]}'은(는) 여기에 쓸 수 없습니다. 10이나 2.5 같은 수를 쓰세요.",
        )
    return value


def whole(text: str) -> int:
    """`3`. Raises Invalid."""
    value = number(text)
    if value != int(value):
        raise Invalid(f"'{text[:20]}' must be a whole number.", f"'{text[:20]}'은(는) 정수여야 합니다.")
    return int(value)
