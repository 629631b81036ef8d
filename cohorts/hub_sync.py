"""Keeping the hub's users and groups as the campus database says, also after the hub was away. Owns when, not what."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from cohorts.database import Database
from cohorts.errors import CampusError
from cohorts.grading_server import GradingServerFailed, ensure_grading_server
from cohorts.hub import ADMINISTRATORS, GRADING_SERVERS, SCOPES, Hub, HubRefused, HubUnavailable
from cohorts.hub_state import DesiredState, SyncReport, apply_desired_state, desired_state

__all__ = [
    "ADMINISTRATORS",
    "GRADING_SERVERS",
    "SCOPES",
    "DesiredState",
    "GradingServerFailed",
    "Hub",
    "HubRefused",
    "HubUnavailable",
    "SyncReport",
    "desired_state",
    "ensure_grading_server",
    "keep_in_sync",
    "sync",
]

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0


def sync(database: Database, hub: Hub) -> SyncReport:
    """Make the hub match the database, with as few calls as the difference needs; a second one changes nothing.

    Raises HubUnavailable or HubRefused; what was done until then stays done, and the next sync goes on from there.
    """
    with database.read() as session:
        desired = desired_state(session)
    return apply_desired_state(desired, hub)


def keep_in_sync(
    database: Database,
    hub: Hub,
    *,
    wake: threading.Event,
    stop: threading.Event,
    interval: float = 60.0,
    look_every: float = 5.0,
    on_result: Callable[[SyncReport | CampusError], None] | None = None,
) -> None:
    """Sync at the start, on `wake`, when the database says something new and every `interval` seconds, until `stop`.

    Runs in a thread of its own (`asyncio.to_thread`). While the hub is away it tries again, after 0.5 s at first and at
    most every 30 s. Every `look_every` seconds it compares the database with the last sync, so that what another
    process changed (the command line) reaches the hub without being announced. `on_result` gets each report or failure.
    """
    pause = FIRST_PAUSE
    while not stop.is_set():
        wake.clear()
        wished: DesiredState | None = None
        try:
            with database.read() as session:
                wished = desired_state(session)
            report = apply_desired_state(wished, hub)
        except CampusError as error:
            _say(on_result, error)
            log.warning("%s Next try in %.1f s.", error.message, pause)
            _wait(wake, stop, pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            continue
        except Exception:  # a full disk or a database that is away must not end the campus's allow-list
            log.exception("The hub could not be brought up to date; next try in %.1f s.", pause)
            _wait(wake, stop, pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            continue
        _say(on_result, report)
        if report.changed or report.refused:
            log.info("hub brought up to date: %s", report)
        pause = FIRST_PAUSE
        if report.waiting:
            _wait(wake, stop, look_every)
        else:
            _wait_for_news(database, wished, wake, stop, interval, look_every)


def _wait_for_news(
    database: Database,
    wished: DesiredState,
    wake: threading.Event,
    stop: threading.Event,
    interval: float,
    look_every: float,
) -> None:
    until = time.monotonic() + interval
    while (left := until - time.monotonic()) > 0 and not stop.is_set():
        if _wait(wake, stop, min(left, look_every)):
            return
        try:
            with database.read() as session:
                if desired_state(session) != wished:
                    return
        except Exception:
            log.exception("The campus database could not be read.")
            return


def _wait(wake: threading.Event, stop: threading.Event, seconds: float) -> bool:
    """True once `wake` is set; returns early on `stop`, which is looked at twice a second."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not stop.is_set():
        if wake.wait(min(left, 0.5)):
            return True
    return False


def _say(on_result: Callable[[SyncReport | CampusError], None] | None, result: SyncReport | CampusError) -> None:
    if on_result is not None:
        on_result(result)
