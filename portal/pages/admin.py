"""Pages of an administrator: cohorts, opening one, its members, and in a demonstration their passwords to hand out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response

from cohorts.cohorts import get_cohort, list_cohorts, list_members
from cohorts.errors import CampusError, NotFound
from cohorts.models import Cohort, Membership, Role
from cohorts.roster import list_imports
from courses.model import Catalogue
from portal.campus import open_cohort
from portal.context import Campus, campus
from portal.demo import demo_password
from portal.identity import Identity, current_user
from portal.moments import read_day
from portal.pages.courses import course_view
from portal.pages.rendering import page, see

router = APIRouter(prefix="/cohorts", include_in_schema=False)

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]
IMPORTS_SHOWN = 5


@dataclass(frozen=True)
class CohortCard:
    """A cohort with its counts of active people."""

    id: str
    title: str
    track: str
    starts_on: date
    students: int
    staff: int
    courses: int


@dataclass(frozen=True)
class Slip:
    """What one person of a demonstration gets on paper."""

    name: str
    username: str
    role: Role
    password: str


@router.get("")
def cohorts_page(request: Request, here: Here, user: User) -> Response:
    """All cohorts, and the form that opens one."""
    return show_cohorts(request, here, user)


@router.post("")
def open_new(
    request: Request,
    here: Here,
    user: User,
    track: Annotated[str, Form()],
    title: Annotated[str, Form()],
    cohort_id: Annotated[str, Form()],
    starts_on: Annotated[str, Form()],
) -> Response:
    """Open a cohort with all courses of its track."""
    try:
        cohort = open_cohort(
            here,
            cohort_id=cohort_id.strip(),
            track=track,
            starts_on=read_day(starts_on),
            title=title,
            now=datetime.now(UTC),
        )
    except CampusError as error:
        form = {"track": track, "title": title, "cohort_id": cohort_id, "starts_on": starts_on}
        return show_cohorts(request, here, user, error=error, form=form)
    here.wake_sync.set()
    return see(request, f"/cohorts/{cohort.id}", done="opened")


@router.get("/{cohort_id}")
def cohort_page(request: Request, here: Here, user: User, cohort_id: str) -> Response:
    """A cohort with its courses and members, and the form that takes its roster."""
    return show_cohort(request, here, user, cohort_id)


@router.get("/{cohort_id}/passwords")
def passwords(request: Request, here: Here, user: User, cohort_id: str) -> Response:
    """Demonstration passwords of the cohort's members, to print and cut."""
    if here.settings.sign_in != "demo":
        raise NotFound(
            "This campus has a real sign-in: nobody here knows anybody's password.",
            "이 캠퍼스는 외부 로그인을 사용하므로 비밀번호 목록이 없습니다.",
        )
    with here.database.read() as session:
        cohort = get_cohort(session, cohort_id)
        slips = [
            Slip(row.person.name, row.username, row.role, demo_password(here.settings.demo_secret, row.username))
            for row in list_members(session, cohort_id)
        ]
        values = {"cohort": cohort, "slips": slips, "address": here.settings.public_url}
        return page(request, "passwords.html", values)


def show_cohorts(
    request: Request,
    here: Campus,
    user: Identity,
    *,
    error: CampusError | None = None,
    form: Mapping[str, str] | None = None,
) -> Response:
    """The list of cohorts, with what went wrong and what had been typed."""
    with here.database.read() as session:
        cards = []
        for cohort in list_cohorts(session):
            members = list_members(session, cohort.id)
            students = sum(row.role is Role.STUDENT for row in members)
            cards.append(
                CohortCard(
                    cohort.id,
                    cohort.title,
                    track_title(here.catalogue, cohort, user.locale),
                    cohort.starts_on,
                    students,
                    len(members) - students,
                    len(cohort.offerings),
                )
            )
    values = {
        "cohorts": cards,
        "tracks": here.catalogue.tracks,
        "error": error,
        "form": form or {"track": "", "title": "", "cohort_id": "", "starts_on": ""},
    }
    return page(request, "cohorts.html", values, status=error.status if error else 200)


def show_cohort(
    request: Request, here: Campus, user: Identity, cohort_id: str, *, error: CampusError | None = None
) -> Response:
    """The cohort's page, with what went wrong with a roster."""
    with here.database.read() as session:
        cohort = get_cohort(session, cohort_id)
        members: list[Membership] = list_members(session, cohort_id, withdrawn=True)
        values = {
            "cohort": cohort,
            "track": track_title(here.catalogue, cohort, user.locale),
            "offerings": [
                course_view(session, here.catalogue, offering, Role.INSTRUCTOR, user.locale)
                for offering in cohort.offerings
            ],
            "members": members,
            "imports": list_imports(session, cohort_id)[:IMPORTS_SHOWN],
            "demo": here.settings.sign_in == "demo",
            "error": error,
        }
        return page(request, "cohort.html", values, status=error.status if error else 200)


def track_title(catalogue: Catalogue, cohort: Cohort, locale: str) -> str:
    """The title of the cohort's track; its key if it has left the catalogue."""
    try:
        return catalogue.track(cohort.track).title.in_(locale)
    except KeyError:
        return cohort.track
