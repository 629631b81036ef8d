"""Hardware as a person asks for it: what there is to choose, what they hold, where they wait. Always their own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from gpus.desk import Place
from gpus.leases import lease_of
from gpus.models import LeaseState
from gpus.notices import cohort_zone, notices_for
from gpus.writer import deciding
from portal.api import gpu_shapes as shapes
from portal.api.progress_events import EVENTS, tell_progress
from portal.context import Campus, campus
from portal.identity import Identity, current_user
from portal.labs import start_lab

router = APIRouter(prefix="/api/gpus", tags=["hardware"])

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]
LOOK_EVERY = 2.0


@router.get("/profiles")
def profiles(here: Here, user: User) -> list[shapes.ProfileShape]:
    """Hardware to choose from."""
    return [shapes.ProfileShape.of(profile) for profile in here.hardware.profiles]


@router.get("/mine")
def mine(here: Here, user: User) -> shapes.MineShape:
    """How the caller stands: their lease, their place in the queue, and what to tell them in their lab."""
    return standing(here, user.username)


@router.get("/mine/events", responses=EVENTS, response_class=StreamingResponse)
async def mine_events(here: Here, user: User) -> Response:
    """How the caller stands, told again whenever it changes; who watches keeps the place."""
    await run_in_threadpool(here.desk.look, user.username, datetime.now(UTC))
    return await tell_progress(here, lambda: told(here, user.username), LOOK_EVERY)


@router.post("/mine", responses={409: {"description": "nothing is free, or another lab runs"}})
def ask(here: Here, user: User, wanted: shapes.AskShape) -> Response:
    """Start the caller's lab with that hardware; 202 with how they stand when they have to wait."""
    got = start_lab(here, user.username, wanted.profile, locale=user.locale, switch=wanted.switch)
    status = 202 if isinstance(got, Place) else 200
    return JSONResponse(standing(here, user.username).model_dump(mode="json"), status)


@router.delete("/mine/ticket")
def leave(here: Here, user: User) -> shapes.MineShape:
    """Give up the caller's place in the queue, or a turn that has come."""
    here.desk.leave(user.username, datetime.now(UTC))
    return standing(here, user.username)


@router.post("/activity")
def activity(here: Here, user: User, said: shapes.ActivityShape) -> dict[str, str]:
    """What the caller's lab says of itself; it tells that a class was attended, and ends no lease."""
    if said.last_activity is None or said.last_activity.tzinfo is None:
        return {}
    with here.database.read() as session:
        lease = lease_of(session, user.username)
        if lease is None or lease.state is not LeaseState.RUNNING:
            return {}
    now = datetime.now(UTC)
    with deciding(here.database) as session:
        lease = lease_of(session, user.username)
        if lease is not None:
            lease.used_at = min(said.last_activity, now)
    return {}


def standing(here: Campus, username: str) -> shapes.MineShape:
    """How that person stands."""
    now = datetime.now(UTC)
    held, place = here.desk.look(username, now)
    with here.database.read() as session:
        zone = cohort_zone(session, username, here.settings.timezone)
        notices = notices_for(session, here.hardware, username, now, zone)
    ticket = shapes.TicketShape.of(place) if place else None
    return shapes.MineShape(
        profile=held.profile if held else None,
        lease=shapes.LeaseShape.of(held) if held else None,
        ticket=ticket,
        notices=[shapes.NoticeShape.of(notice, f"{here.prefix}/waiting") for notice in notices],
    )


def told(here: Campus, username: str) -> str:
    """What a page has to know, on one line; a guess is told in minutes, so that a second is no news."""
    board = here.board.read()
    held, place = board.leases.get(username), board.places.get(username)
    return json.dumps(
        {
            "state": held.state if held else "waiting" if place else "none",
            "position": place.position if place else 0,
            "minutes": round(place.wait.total_seconds() / 60) if place and place.wait else 0,
            "reason": place.reason.en if place else "",
            "lease": held.id if held else 0,
        }
    )
