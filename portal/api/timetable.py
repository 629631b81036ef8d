"""A cohort's timetable over HTTP, for administrators and the cohort's staff.

Times may come without an offset: then they are the cohort's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from cohorts.access import require_cohort_reader
from cohorts.cohorts import get_cohort
from cohorts.models import ClassSession
from cohorts.timetable import add_class_session, class_sessions, remove_class_session
from portal.context import Campus, campus
from portal.identity import Identity, current_user
from portal.lessons import kept_hardware

router = APIRouter(prefix="/api/cohorts/{cohort_id}/timetable", tags=["timetable"])

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]


class NewClassSession(BaseModel):
    """A class to put in. `profile` is hardware to keep for it; `seats` how many, null for every student."""

    title: str = Field(max_length=1000, examples=["딥러닝 실습"])
    starts_at: datetime = Field(examples=["2026-03-09T14:00"])
    ends_at: datetime = Field(examples=["2026-03-09T17:00"])
    profile: str | None = Field(default=None, max_length=64, examples=["gpu-slice"])
    seats: int | None = None


class ClassSessionShape(BaseModel):
    """A class. `ready_from` is when slices begin to be kept and servers are started, null where none are."""

    id: int
    title: str
    starts_at: datetime
    ends_at: datetime
    profile: str | None
    seats: int | None
    ready_from: datetime | None
    created_by: str

    @classmethod
    def of(cls, here: Campus, entry: ClassSession) -> ClassSessionShape:
        return cls(
            id=entry.id,
            title=entry.title,
            starts_at=entry.starts_at,
            ends_at=entry.ends_at,
            profile=entry.profile,
            seats=entry.seats,
            ready_from=entry.starts_at - here.hardware.rules.class_lead if entry.profile else None,
            created_by=entry.created_by,
        )


@router.get("")
def show(here: Here, user: User, cohort_id: str, past: bool = False) -> list[ClassSessionShape]:
    """Classes that are not over, in order; with `past` all of them."""
    with here.database.read() as session:
        _admit(session, user, cohort_id)
        entries = class_sessions(session, cohort_id, since=None if past else datetime.now(UTC))
        return [ClassSessionShape.of(here, entry) for entry in entries]


@router.post("", status_code=201)
def add(here: Here, user: User, cohort_id: str, wanted: NewClassSession) -> ClassSessionShape:
    """Put a class into the timetable; 409 when the cohort has another one at that time."""
    with here.database.write() as session:
        _admit(session, user, cohort_id)
        zone = get_cohort(session, cohort_id).timezone
        entry = add_class_session(
            session,
            cohort_id,
            title=wanted.title,
            starts_at=_moment(wanted.starts_at, zone),
            ends_at=_moment(wanted.ends_at, zone),
            profile=kept_hardware(here.hardware, wanted.profile),
            seats=wanted.seats,
            by=user.username,
            now=datetime.now(UTC),
        )
        return ClassSessionShape.of(here, entry)


@router.delete("/{number}", status_code=204)
def remove(here: Here, user: User, cohort_id: str, number: int) -> Response:
    """Take a class out of the timetable. What was lent for it stays lent until its time is over."""
    with here.database.write() as session:
        _admit(session, user, cohort_id)
        remove_class_session(session, cohort_id, number)
    return Response(status_code=204)


def _admit(session: Session, user: Identity, cohort_id: str) -> None:
    if not user.is_admin:
        require_cohort_reader(session, user.username, cohort_id)


def _moment(moment: datetime, zone: str) -> datetime:
    """In UTC. What no zone can show is the error handlers' to tell (OverflowError)."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
