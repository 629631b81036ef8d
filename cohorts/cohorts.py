"""Cohorts and their offerings: opening one from a track, listing them and their members. Owns the rules for ids."""

from __future__ import annotations

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from cohorts.errors import Conflict, Invalid, NotFound
from cohorts.models import Cohort, Membership, MembershipState, Offering
from courses.model import Catalogue

COHORT_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
COHORT_ID_LENGTH = 64
OFFERING_ID_LENGTH = 128
TITLE_LENGTH = 255


def create_cohort(
    session: Session,
    catalogue: Catalogue,
    *,
    cohort_id: str,
    track: str,
    starts_on: date,
    title: str,
    timezone: str = "Asia/Seoul",
    now: datetime,
) -> Cohort:
    """Open a cohort on `track`, with one offering for each of the track's courses, all starting on `starts_on`."""
    cohort_id = check_cohort_id(cohort_id)
    title = " ".join(title.split())
    if not title or len(title) > TITLE_LENGTH:
        raise Invalid(
            f"A cohort needs a title of 1 to {TITLE_LENGTH} characters.",
            f"기수 이름은 1자에서 {TITLE_LENGTH}자까지여야 합니다.",
        )
    _check_timezone(timezone)
    taught = next((known for known in catalogue.tracks if known.key == track), None)
    if taught is None:
        known_tracks = ", ".join(known.key for known in catalogue.tracks) or "-"
        raise Invalid(
            f"There is no track {track!r}; the catalogue has: {known_tracks}.",
            f"{track!r} 과정(track)이 없습니다. 있는 과정: {known_tracks}.",
        )
    if session.get(Cohort, cohort_id) is not None:
        raise Conflict(
            f"The cohort {cohort_id!r} exists already; choose another id.",
            f"{cohort_id!r} 기수가 이미 있습니다. 다른 ID를 정해 주세요.",
        )
    cohort = Cohort(id=cohort_id, track=track, title=title, starts_on=starts_on, timezone=timezone, created_at=now)
    session.add(cohort)
    session.flush()
    for course in taught.courses:
        offering_id = f"{cohort_id}-{course.key}"
        if len(offering_id) > OFFERING_ID_LENGTH:
            raise Invalid(
                f"The offering id {offering_id!r} exceeds {OFFERING_ID_LENGTH} characters; shorten the cohort's id.",
                f"개설 과목 ID {offering_id!r}이(가) {OFFERING_ID_LENGTH}자를 넘습니다. 기수 ID를 줄여 주세요.",
            )
        if session.get(Offering, offering_id) is not None:  # "a" + "b-c" and "a-b" + "c" spell the same
            raise Conflict(
                f"The offering id {offering_id!r} is taken by another cohort; choose another cohort id.",
                f"개설 과목 ID {offering_id!r}을(를) 다른 기수가 쓰고 있습니다. 다른 기수 ID를 정해 주세요.",
            )
        session.add(Offering(id=offering_id, cohort_id=cohort_id, course=course.key, starts_on=starts_on))
    session.flush()
    session.refresh(cohort)
    return cohort


def check_cohort_id(text: str) -> str:
    """The id, raises Invalid unless it is lower-case words of ASCII joined by single dashes."""
    if len(text) > COHORT_ID_LENGTH or not COHORT_ID.fullmatch(text):
        raise Invalid(
            f"{text!r} can't be a cohort's id: use up to {COHORT_ID_LENGTH} of a-z, 0-9 and dashes, as in jc-2026-1.",
            f"{text!r}은(는) 기수 ID로 쓸 수 없습니다. jc-2026-1처럼 a-z, 0-9와 - 로 {COHORT_ID_LENGTH}자까지 쓰세요.",
        )
    return text


def _check_timezone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(
            f"{name!r} is not a time zone; use a name such as Asia/Seoul.",
            f"{name!r}은(는) 시간대 이름이 아닙니다. Asia/Seoul 같은 이름을 쓰세요.",
        ) from None


def get_cohort(session: Session, cohort_id: str) -> Cohort:
    """The cohort with its offerings loaded; raises NotFound."""
    cohort = session.get(Cohort, cohort_id, options=[selectinload(Cohort.offerings)])
    if cohort is None:
        raise NotFound(f"There is no cohort {cohort_id!r}.", f"{cohort_id!r} 기수가 없습니다.")
    return cohort


def list_cohorts(session: Session) -> list[Cohort]:
    """All cohorts with their offerings, the newest start first."""
    query = select(Cohort).options(selectinload(Cohort.offerings)).order_by(Cohort.starts_on.desc(), Cohort.id)
    return list(session.scalars(query))


def list_members(session: Session, cohort_id: str, *, withdrawn: bool = False) -> list[Membership]:
    """Memberships with their person, staff first, then by name; `withdrawn` shows those who left, too."""
    get_cohort(session, cohort_id)
    query = select(Membership).options(joinedload(Membership.person)).where(Membership.cohort_id == cohort_id)
    if not withdrawn:
        query = query.where(Membership.state == MembershipState.ACTIVE)
    rank = {"instructor": 0, "assistant": 1, "student": 2}
    return sorted(
        session.scalars(query), key=lambda row: (row.state.value, rank[row.role.value], row.person.name, row.username)
    )
