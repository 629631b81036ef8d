"""When work may be handed in, and how late it is: deadlines, late work, how many attempts and how soon after another.

Owns the decision and its sentences. The server's clock decides, at the moment the submission arrives. How late an
attempt is follows from what holds now, so an extension lifts a penalty afterwards; but a deadline that is moved to an
earlier time makes nobody late who was in time when they handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.orm import Session

from cohorts.errors import CampusError, Conflict, Forbidden, Invalid
from cohorts.models import Cohort, Offering
from grader.lateness import ON_TIME, Lateness, LateRule, check_rule, closes_at, lateness
from grader.models import Assignment, Attempt, Counting, Extension

KOREAN_DAYS = "월화수목금토일"
ENGLISH_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MOST_ATTEMPTS = 1000
LONGEST_COOLDOWN = timedelta(days=7)


class TooSoon(CampusError):
    """The cool-down after the last attempt is not over."""

    status = 429


@dataclass(frozen=True)
class Policy:
    """What an instructor decides about handing in an assignment, as a value: what holds, or what is thought of."""

    due_at: datetime | None
    attempt_limit: int | None
    cooldown: timedelta
    counting: Counting
    late: LateRule

    def check(self) -> None:
        """Refuse numbers that make no policy."""
        check_rule(self.late)
        if self.attempt_limit is not None and not 1 <= self.attempt_limit <= MOST_ATTEMPTS:
            raise Invalid(
                f"A student needs at least 1 attempt, and has at most {MOST_ATTEMPTS}. Leave it empty for no limit.",
                f"제출 횟수는 1번부터 {MOST_ATTEMPTS}번까지입니다. 제한하지 않으려면 비워 두세요.",
            )
        if not timedelta() <= self.cooldown <= LONGEST_COOLDOWN:
            raise Invalid(
                "The wait between attempts must be between 0 minutes and 7 days. Choose one in between.",
                "제출 사이의 대기 시간은 0분부터 7일까지입니다. 그 사이의 값을 고르세요.",
            )


def policy_of(assignment: Assignment) -> Policy:
    """What holds for `assignment`."""
    return Policy(
        due_at=assignment.due_at,
        attempt_limit=assignment.attempt_limit,
        cooldown=timedelta(seconds=assignment.cooldown_seconds),
        counting=assignment.counting,
        late=LateRule(
            grace=timedelta(seconds=assignment.grace_seconds),
            days=assignment.accept_days_late,
            percent_per_day=assignment.late_percent_per_day,
            most_percent=assignment.late_most_percent,
        ),
    )


@dataclass(frozen=True)
class Deadlines:
    """What decides how late work for one assignment is: its policy, the students' extensions, the cohort's zone."""

    policy: Policy
    extensions: Mapping[str, datetime]
    zone: str

    def due_for(self, username: str) -> datetime | None:
        """The deadline that holds for this student; None where there is none. An extension never shortens it."""
        due_at = self.policy.due_at
        return due_at if due_at is None else max(due_at, self.extensions.get(username, due_at))

    def closes_for(self, username: str) -> datetime | None:
        """The last moment at which this student may hand in; an extension moves it as it moves the deadline."""
        return closes_at(self.policy.late, self.due_for(username), self.zone)

    def at(self, username: str, when: datetime) -> Lateness:
        """How late work of this student would be that arrives at `when`."""
        return lateness(self.policy.late, self.due_for(username), when, self.zone)

    def of(self, attempt: Attempt) -> Lateness:
        """How late an attempt is: by the deadline that holds now, or the later one under which it was handed in."""
        return self.under(attempt.due_at, attempt.username, attempt.received_at)

    def under(self, held: datetime | None, username: str, received_at: datetime) -> Lateness:
        """How late an attempt is that arrived at `received_at`, when `held` was the student's deadline."""
        due_at = self.due_for(username)
        if due_at is None or held is None:
            return ON_TIME
        return lateness(self.policy.late, max(due_at, held), received_at, self.zone)


_EXTENSIONS = select(Extension.username, Extension.due_at).where(Extension.assignment_id == bindparam("assignment"))
_OF_ONE = (
    select(Cohort.timezone, Extension.due_at)
    .select_from(Offering)
    .join(Cohort, Cohort.id == Offering.cohort_id)
    .outerjoin(
        Extension,
        and_(Extension.assignment_id == bindparam("assignment"), Extension.username == bindparam("username")),
    )
    .where(Offering.id == bindparam("offering"))
)


def deadlines(session: Session, assignment: Assignment) -> Deadlines:
    """What holds now."""
    rows = session.execute(_EXTENSIONS, {"assignment": assignment.id})
    extensions = {row.username: row.due_at for row in rows}
    return Deadlines(policy_of(assignment), extensions, timezone_of(session, assignment.offering_id))


def deadlines_for_one(session: Session, assignment: Assignment, username: str) -> Deadlines:
    """What holds now for one student."""
    if assignment.due_at is None:  # nothing is late, and nobody has to be asked
        return Deadlines(policy_of(assignment), {}, "UTC")
    asked = {"assignment": assignment.id, "offering": assignment.offering_id, "username": username}
    zone, extended = session.execute(_OF_ONE, asked).one()
    return Deadlines(policy_of(assignment), {} if extended is None else {username: extended}, zone)


def lateness_of(session: Session, attempt_id: int) -> Lateness:
    """How late one attempt is, by what holds now."""
    attempt = session.get_one(Attempt, attempt_id)
    return deadlines_for_one(session, attempt.assignment, attempt.username).of(attempt)


def due_for(session: Session, assignment: Assignment, username: str) -> datetime | None:
    """The deadline that holds for this student; None where there is none."""
    return deadlines(session, assignment).due_for(username)


@dataclass(frozen=True)
class Entry:
    """That a submission may come in: the deadline that it is measured by, and how late it is."""

    due_at: datetime | None
    lateness: Lateness


def require_open(session: Session, assignment: Assignment, username: str, now: datetime) -> Entry:
    """How a submission that arrives at `now` comes in; else a refusal that says why."""
    holding = deadlines(session, assignment)
    _require_in_time(assignment, holding, username, now)
    used, last = attempts_used(session, assignment, username)
    limit = assignment.attempt_limit
    if limit is not None and used >= limit:
        raise Conflict(
            f"All {limit} attempts at {assignment.title_en} are used. Nothing was handed in; "
            "the earlier attempts stand.",
            f"{assignment.title_ko}의 제출 기회 {limit}번을 모두 썼습니다. 제출되지 않았으며 "
            "이전 제출은 그대로 있습니다.",
        )
    pause = holding.policy.cooldown
    # Without a cool-down, submissions that arrive together may be written in either order.
    if pause and last is not None and (again := last + pause) > now:
        raise TooSoon(
            f"The next attempt at {assignment.title_en} is possible from "
            f"{moment(again, holding.zone, 'en', seconds=True)}. Nothing was handed in; try again then.",
            f"{assignment.title_ko}의 다음 제출은 {moment(again, holding.zone, 'ko', seconds=True)}부터 가능합니다. "
            "제출되지 않았으니 그때 다시 시도하세요.",
        )
    return Entry(holding.due_for(username), holding.at(username, now))


def _require_in_time(assignment: Assignment, holding: Deadlines, username: str, now: datetime) -> None:
    due_at, end, zone = holding.due_for(username), holding.closes_for(username), holding.zone
    if due_at is None or end is None or now <= end:
        return
    if holding.policy.late.days:
        raise Forbidden(
            f"The deadline of {assignment.title_en} was {moment(due_at, zone, 'en')}, and late work was accepted until "
            f"{moment(end, zone, 'en')}; it is now {moment(now, zone, 'en')}. Nothing was handed in. "
            "Ask your instructor for an extension.",
            f"{assignment.title_ko}의 마감은 {moment(due_at, zone, 'ko')}이었고 지각 제출은 "
            f"{moment(end, zone, 'ko')}까지 받았습니다. 지금은 {moment(now, zone, 'ko')}입니다. "
            "제출되지 않았습니다. 강사에게 연장을 요청하세요.",
        )
    raise Forbidden(
        f"The deadline of {assignment.title_en} was {moment(due_at, zone, 'en')}; it is now "
        f"{moment(now, zone, 'en')}. Nothing was handed in. Ask your instructor for an extension.",
        f"{assignment.title_ko}의 마감은 {moment(due_at, zone, 'ko')}이었고 지금은 "
        f"{moment(now, zone, 'ko')}입니다. 제출되지 않았습니다. 강사에게 연장을 요청하세요.",
    )


def attempts_used(session: Session, assignment: Assignment, username: str) -> tuple[int, datetime | None]:
    """How many attempts a student has made, and when the last one arrived."""
    used, last = session.execute(
        select(func.count(Attempt.id), func.max(Attempt.received_at)).where(
            Attempt.assignment_id == assignment.id, Attempt.username == username
        )
    ).one()
    return used, last


_ZONE = (
    select(Cohort.timezone).join(Offering, Offering.cohort_id == Cohort.id).where(Offering.id == bindparam("offering"))
)


def timezone_of(session: Session, offering_id: str) -> str:
    """Name of the time zone of the offering's cohort."""
    return session.scalar(_ZONE, {"offering": offering_id}) or "Asia/Seoul"


def moment(when: datetime, timezone: str, locale: str, *, seconds: bool = False) -> str:
    """A time as people of the cohort read it: `2026-03-20 (금) 18:00 KST`, `2026-03-20 (Fri) 18:00 KST`."""
    local = when.astimezone(ZoneInfo(timezone))
    day = (KOREAN_DAYS if locale == "ko" else ENGLISH_DAYS)[local.weekday()]
    return f"{local:%Y-%m-%d} ({day}) " + local.strftime("%H:%M:%S %Z" if seconds else "%H:%M %Z")
