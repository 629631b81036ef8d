"""The page of a cohort's timetable: classes to come, a form for one more, a file of many, past ones folded away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile
from sqlalchemy.orm import Session

from cohorts.access import require_cohort_reader
from cohorts.cohorts import get_cohort
from cohorts.errors import CampusError, Invalid
from cohorts.timetable import add_class_session, class_sessions, remove_class_session
from cohorts.timetable_file import MAX_BYTES
from cohorts.timetable_import import WrongTimetable, import_timetable
from portal.context import Campus, campus
from portal.identity import Identity, current_user
from portal.lessons import kept_hardware, lesson_of, lessons, shortages, spellings
from portal.moments import read_moment
from portal.pages.rendering import page, see

router = APIRouter(prefix="/cohorts/{cohort_id}/timetable", include_in_schema=False)

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]
PAST_SHOWN = 100
PROBLEMS_SHOWN = 30


@router.get("")
def timetable_page(request: Request, here: Here, user: User, cohort_id: str) -> Response:
    """The cohort's classes, and the forms that add to them."""
    return show(request, here, user, cohort_id)


@router.post("")
def add(
    request: Request,
    here: Here,
    user: User,
    cohort_id: str,
    title: Annotated[str, Form()] = "",
    day: Annotated[str, Form()] = "",
    starts: Annotated[str, Form()] = "",
    ends: Annotated[str, Form()] = "",
    profile: Annotated[str, Form()] = "",
    seats: Annotated[str, Form()] = "",
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Put one class in, or all of a file."""
    typed = {"title": title, "day": day, "starts": starts, "ends": ends, "profile": profile, "seats": seats}
    now = datetime.now(UTC)
    try:
        with here.database.write() as session:
            _admit(session, user, cohort_id)
            if file is not None and file.filename:
                data = file.file.read(MAX_BYTES + 1)
                added = import_timetable(session, cohort_id, data, spellings(here.hardware), by=user.username, now=now)
                done, count = "classes-imported", added.new
            else:
                zone = get_cohort(session, cohort_id).timezone
                add_class_session(
                    session,
                    cohort_id,
                    title=title,
                    starts_at=read_moment(f"{day}T{starts}", zone),
                    ends_at=read_moment(f"{day}T{ends}", zone),
                    profile=kept_hardware(here.hardware, profile),
                    seats=_seats(seats),
                    by=user.username,
                    now=now,
                )
                done, count = "class-added", 1
    except CampusError as error:
        return show(request, here, user, cohort_id, error=error, typed=typed)
    return see(request, f"/cohorts/{cohort_id}/timetable", done=done, n=count)


@router.post("/{number}/remove")
def remove(request: Request, here: Here, user: User, cohort_id: str, number: int) -> Response:
    """Take a class out."""
    try:
        with here.database.write() as session:
            _admit(session, user, cohort_id)
            remove_class_session(session, cohort_id, number)
    except CampusError as error:
        return show(request, here, user, cohort_id, error=error)
    return see(request, f"/cohorts/{cohort_id}/timetable", done="class-removed")


def show(
    request: Request,
    here: Campus,
    user: Identity,
    cohort_id: str,
    *,
    error: CampusError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    """The page, with what went wrong and what had been typed."""
    now = datetime.now(UTC)
    with here.database.read() as session:
        _admit(session, user, cohort_id)
        cohort = get_cohort(session, cohort_id)
        entries = class_sessions(session, cohort_id)
        coming = [entry for entry in entries if entry.ends_at > now]
        past = [entry for entry in reversed(entries) if entry.ends_at <= now]
        missing = shortages(session, here.hardware, coming)
        today = now.astimezone(ZoneInfo(cohort.timezone)).date().isoformat()
        problems = error.problems if isinstance(error, WrongTimetable) else ()
        values: dict[str, Any] = {
            "cohort": cohort,
            "coming": [lesson_of(session, here.hardware, cohort, entry, missing.get(entry.id, 0)) for entry in coming],
            "past": lessons(session, here.hardware, cohort, past[:PAST_SHOWN]),
            "past_count": len(past),
            "profiles": [profile for profile in here.hardware.profiles if profile.kind],
            "sample": _sample(here, user.locale, today),
            "lead": here.hardware.rules.class_lead,
            "typed": typed or {"title": "", "day": today, "starts": "", "ends": "", "profile": "", "seats": ""},
            "error": error,
            "problems": problems[:PROBLEMS_SHOWN],
            "problems_more": max(0, len(problems) - PROBLEMS_SHOWN),
        }
        return page(request, "timetable.html", values, status=error.status if error else 200)


def _admit(session: Session, user: Identity, cohort_id: str) -> None:
    if not user.is_admin:
        require_cohort_reader(session, user.username, cohort_id)


def _sample(here: Campus, locale: str, today: str) -> str:
    """Two lines as a file may have them, with hardware of this campus."""
    hardware = next((profile.title.in_(locale) for profile in here.hardware.profiles if profile.kind), "")
    if locale == "ko":
        return f"날짜,시작,끝,수업,장비,자리\n{today},14:00,17:00,딥러닝 실습,{hardware},20"
    return f"date,start,end,title,hardware,seats\n{today},14:00,17:00,Deep learning,{hardware},20"


def _seats(text: str) -> int | None:
    """The number typed; None for every student. Raises Invalid."""
    text = text.strip()
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    raise Invalid(
        f"{text[:40]!r} is no number of seats; write a whole number, or leave it empty for every student.",
        f"{text[:40]!r}은(는) 자리 수가 아닙니다. 숫자로 쓰거나, 모든 학생이면 비워 두세요.",
    )
