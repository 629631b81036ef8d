"""Pages of a person's lab: the way into it, the choice of hardware, the waiting room.

Nothing stops a lab that runs unless the person says so on a page that tells what that means.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from starlette.responses import RedirectResponse

from cohorts.errors import CampusError, Conflict
from cohorts.hub import HubServer, HubUnavailable
from gpus.borrowers import borrower
from gpus.desk import Held, Place
from gpus.hardware import Hardware, Profile
from gpus.models import LeaseState
from portal.api.gpu_people import told
from portal.context import Campus, campus
from portal.hardware_choice import choices_for
from portal.identity import Identity, current_user
from portal.labs import running_lab, start_lab
from portal.lessons import next_lesson
from portal.pages.rendering import page, see

router = APIRouter(include_in_schema=False)

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]


@dataclass(frozen=True)
class Lab:
    """The person's server as a page shows it. `profile` is None for hardware that has left the file."""

    name: str
    profile: Profile | None
    ready: bool
    stopping: bool

    @classmethod
    def of(cls, hardware: Hardware, server: HubServer) -> Lab:
        name = server.profile or hardware.default.name
        profile = next((one for one in hardware.profiles if one.name == name), None)
        return cls(name, profile, server.ready, server.pending == "stop")


@router.get("/lab")
def open_lab(request: Request, here: Here, user: User) -> Response:
    """Into the lab that runs, or the only one there is; to the waiting room for who waits; else to the choice."""
    lab = _lab(here, user)
    if lab is not None and not lab.stopping:
        return into_lab(here)
    held, place = here.desk.look(user.username, datetime.now(UTC))
    if held is not None or place is not None:
        return see(request, "/waiting")
    if len(here.hardware.profiles) == 1:
        return into_lab(here)
    return see(request, "/hardware")


@router.get("/hardware")
def hardware_page(request: Request, here: Here, user: User) -> Response:
    """What there is to choose, what runs now, and what ended by itself."""
    return show_hardware(request, here, user)


@router.post("/hardware")
def choose(
    request: Request,
    here: Here,
    user: User,
    profile: Annotated[str, Form(max_length=64)] = "",
    switch: Annotated[str, Form()] = "",
    back: Annotated[str, Form()] = "",
) -> Response:
    """Start the lab with that hardware, or take a place in the queue; `back` is the page that asked."""
    try:
        got = start_lab(here, user.username, profile, locale=user.locale, switch=switch == "1")
    except CampusError as error:
        if isinstance(error, Conflict) and _starts(here, user, profile):
            return into_lab(here)  # another tab, or a class, was quicker
        if back == "waiting":
            return show_waiting(request, here, user, error=error)
        return show_hardware(request, here, user, error=error)
    return see(request, "/waiting") if isinstance(got, Place) else into_lab(here)


@router.get("/waiting")
def waiting_page(request: Request, here: Here, user: User) -> Response:
    """The waiting room; without a place in the queue or a turn, the choice."""
    return show_waiting(request, here, user)


@router.post("/waiting/leave")
def leave(request: Request, here: Here, user: User) -> Response:
    """Give up the place, or the turn."""
    here.desk.leave(user.username, datetime.now(UTC))
    return see(request, "/hardware", done="queue-left")


def show_hardware(request: Request, here: Campus, user: Identity, *, error: CampusError | None = None) -> Response:
    """The choice, with what went wrong. Without the hub it shows what there is, and starts nothing."""
    now = datetime.now(UTC)
    lab, error = _lab_or(here, user, error)
    held, place = here.desk.look(user.username, now)
    with here.database.read() as session:
        found = choices_for(session, here.hardware, user.username, now, here.settings.timezone)
        lesson = next_lesson(session, here.hardware, user.username, now)
    values: dict[str, Any] = {
        "lab": lab,
        "held": held,
        "place": place,
        "found": found,
        "lesson": lesson,
        "own": here.hardware.default,
        "error": error,
    }
    return page(request, "hardware.html", values, status=error.status if error else 200)


def show_waiting(request: Request, here: Campus, user: Identity, *, error: CampusError | None = None) -> Response:
    """The waiting room, with what went wrong. A lab starts by itself only where none of theirs runs."""
    before = told(here, user.username)
    held, place = here.desk.look(user.username, datetime.now(UTC))
    if held is None and place is None:
        if error is not None:
            return show_hardware(request, here, user, error=error)
        return _away(request, here)
    lab, error = _lab_or(here, user, error)
    name = held.profile if held else place.profile if place else ""
    with here.database.read() as session:
        zone = borrower(session, user.username, here.settings.timezone).timezone
    values: dict[str, Any] = {
        "lab": lab,
        "held": held,
        "turn": held is not None and held.state is LeaseState.HELD,
        "by_itself": _by_itself(held, lab, error),
        "place": place,
        "profile": next((one for one in here.hardware.profiles if one.name == name), None),
        "own": here.hardware.default,
        "rules": here.hardware.rules,
        "told": before,
        "zone": zone,
        "error": error,
    }
    return page(request, "waiting.html", values, status=error.status if error else 200)


def into_lab(here: Campus) -> Response:
    """To the person's server, whatever the hub calls it; the hub shows how its start goes."""
    return RedirectResponse(f"{here.hub_path}/user-redirect/lab", 303)


def _by_itself(held: Held | None, lab: Lab | None, error: CampusError | None) -> bool:
    """Whether the page may start the lab: it is their turn, nothing of theirs would be stopped, nothing went wrong."""
    return held is not None and held.state is LeaseState.HELD and lab is None and error is None


def _starts(here: Campus, user: Identity, profile: str) -> bool:
    """Whether the lab that was asked for is on its way already."""
    lab = _lab(here, user)
    return lab is not None and not lab.stopping and lab.name == (profile or here.hardware.default.name)


def _away(request: Request, here: Campus) -> Response:
    """To the choice; where a part of the page was asked for, the whole page goes."""
    if request.headers.get("hx-request"):
        return Response(headers={"HX-Redirect": f"{here.prefix}/hardware"})
    return see(request, "/hardware")


def _lab(here: Campus, user: Identity) -> Lab | None:
    server = running_lab(here, user.username)
    return Lab.of(here.hardware, server) if server else None


def _lab_or(here: Campus, user: Identity, error: CampusError | None) -> tuple[Lab | None, CampusError | None]:
    """The person's lab; where the hub doesn't answer none, and that said."""
    try:
        return _lab(here, user), error
    except HubUnavailable as away:
        return None, error or away
