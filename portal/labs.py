"""A person's lab from the portal's side: ask for hardware, then have the hub start the server, or change it.

Owns the order of the two: the lease comes first, so that a server never starts without what it was asked for.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from cohorts.errors import CampusError, Conflict
from cohorts.hub import HubRefused, HubServer
from gpus.desk import Held, Place
from gpus.models import LeaseState
from portal.context import Campus
from portal.identity import GRADING_PREFIX
from portal.logs import REQUEST

STOP_SECONDS = 30.0
LOOK_EVERY = 0.25


class StillStopping(CampusError):
    """The old server takes longer to stop than anybody should wait."""

    status = 503


def running_lab(here: Campus, username: str) -> HubServer | None:
    """The person's server at this moment, starting and stopping ones too. Raises HubUnavailable."""
    user = here.hub.user(username)
    if user is None:
        return None
    return next((server for server in user.servers if not server.name), None)


def start_lab(here: Campus, username: str, profile: str, *, locale: str, switch: bool = False) -> Held | Place | None:
    """Start the person's lab with that hardware: the lease, a place in the queue, or None for a lab without a slice.

    A lab that runs with other hardware is stopped first where `switch` says so; Conflict otherwise. Nothing is started
    while the person waits: a lab without a slice is theirs to start meanwhile.
    """
    wanted = here.hardware.profile(profile)
    if username.startswith(GRADING_PREFIX):
        raise Conflict("Grading servers are opened from their course's page.", "채점 서버는 과목 화면에서 여세요.")
    lab = running_lab(here, username)
    if lab is not None and lab.pending != "stop" and _same(here, lab, wanted.name):
        return here.desk.look(username, datetime.now(UTC))[0]
    if lab is not None and not switch:
        raise Conflict(
            "Your lab runs with other hardware. Stop it first; your files stay, running notebooks end.",
            "다른 장비로 실습실이 켜져 있습니다. 먼저 꺼 주세요. 파일은 남고, 실행 중인 노트북은 멈춥니다.",
        )
    now = datetime.now(UTC)
    held, _ = here.desk.look(username, now)
    if lab is not None and (held is None or held.state is LeaseState.HELD):
        # the slice comes before the old lab goes: whoever has to wait keeps the lab they have
        got = here.desk.ask(username, wanted.name, now)
        if isinstance(got, Place):
            return got
    if lab is not None:
        _stop(here, username)
    got = here.desk.ask(username, wanted.name, datetime.now(UTC))
    if isinstance(got, Place):
        return got
    options = {"profile": wanted.name, "locale": locale, "request": REQUEST.get()}
    try:
        here.hub.start_server(username, user_options=options)
    except HubRefused as error:
        if got is not None:
            here.desk.ended(got.id, "failed", datetime.now(UTC))
        if error.code == 409:  # somebody was quicker, or the hub found it started already
            raise Conflict(error.message, error.korean) from error
        raise
    return got


def _same(here: Campus, lab: HubServer, profile: str) -> bool:
    return here.hardware.profile(profile).name == (lab.profile or here.hardware.default.name)


def _stop(here: Campus, username: str) -> None:
    """Have the hub stop the server, and wait until it has, and its slice is back."""
    here.hub.stop_server(username)
    until = time.monotonic() + STOP_SECONDS
    while running_lab(here, username) is not None or _computes(here, username):
        if time.monotonic() > until:
            raise StillStopping(
                "Your old lab is still stopping; try again in a minute.",
                "이전 실습실을 아직 끄고 있습니다. 잠시 뒤에 다시 시도해 주세요.",
            )
        time.sleep(LOOK_EVERY)


def _computes(here: Campus, username: str) -> bool:
    held, _ = here.desk.look(username, datetime.now(UTC))
    return held is not None and held.state is LeaseState.RUNNING
