"""Looks after the leases as time goes on: every few seconds it compares the books with the hub and does what is due.

One thread of a portal; of several portals only one does it at a time. It asks the hub to stop servers whose lease is
over and to start those of a class; who gets a slice is `gpus`' business.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cohorts.errors import CampusError
from cohorts.hub import HubRefused, HubServer, HubUnavailable
from gpus.classes import Start, due_starts, return_unused
from gpus.desk import Held
from gpus.models import LeaseState
from gpus.reconcile import HubHas, reconcile_with_hub
from gpus.upkeep import tend
from gpus.usage import accrue_all, last_used
from gpus.writer import Leadership, deciding
from portal.context import Campus

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0
BOOK_EVERY = 60.0
#: the hub is one thread, and tells of hundreds of servers at a time
COMPARE_EVERY = 8.0
#: a server reports activity of its own when it starts; what comes later is a person's
OWN_ACTIVITY = timedelta(seconds=90)


class Steward:
    """The thread of one portal. `start` and `join`; it ends with `Campus.closing`."""

    def __init__(self, here: Campus) -> None:
        self._here = here
        self._booked = self._compared = 0.0
        self._thread = threading.Thread(target=self._run, name="gpu-steward", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _run(self) -> None:
        here = self._here
        with Leadership(here.database) as leadership:
            while True:
                try:
                    if leadership.held():
                        self.look()
                except CampusError as error:
                    log.warning("%s The next look is in %.0f s.", error.message, LOOK_EVERY)
                except Exception:  # a database that is away must not end it
                    log.exception("The leases could not be looked after; next try in %.0f s.", LOOK_EVERY)
                if here.closing.wait(LOOK_EVERY):
                    return

    def look(self) -> None:
        """One look: what is due by the books; and, now and then or where something follows for a server, the hub's."""
        here = self._here
        if not here.hardware.kinds():
            return
        now = datetime.now(UTC)
        with deciding(here.database) as session:
            due = tend(session, here.hardware, now, timezone=here.settings.timezone)
            if time.monotonic() - self._booked >= BOOK_EVERY:
                accrue_all(session, now, here.hardware.rules.half_life, here.settings.timezone)
                self._booked = time.monotonic()
            starts = due_starts(session, here.hardware, now)
        for holder in due.granted:
            log.info("it is %s's turn: a slice is kept for them", holder)
        if not due.stop and not starts and time.monotonic() - self._compared < COMPARE_EVERY:
            return
        servers = self._servers()
        if servers is None:
            return
        self._compare(servers, now)
        self._compared = time.monotonic()
        for holder, because in due.stop.items():
            server = servers.get(holder)
            if server is None or self._profile(server) != due.hardware[holder]:
                continue
            if server.pending != "stop":
                log.info("the server of %s is stopped: %s", holder, because)
                here.hub.stop_server(holder)
        for start in starts:
            if start.username not in servers:
                self._start(start)

    def _compare(self, servers: Mapping[str, HubServer], now: datetime) -> None:
        """The books against the hub's servers: leases without one end, those that nobody used in class are marked."""
        here = self._here
        has = {name: HubHas(self._profile(server), server.ready) for name, server in servers.items()}
        with deciding(here.database) as session:
            gone = reconcile_with_hub(session, here.hardware, has, now, timezone=here.settings.timezone)
            return_unused(session, here.hardware, _used(servers, last_used(session)), now)
        for holder in gone:
            log.info("the lease of %s ended: the hub has no server of theirs", holder)

    def _servers(self) -> Mapping[str, HubServer] | None:
        """What the hub runs; None while it doesn't answer: then nothing is concluded from its silence."""
        try:
            return self._here.hub.active_servers()
        except HubUnavailable:
            return None

    def _profile(self, server: HubServer) -> str:
        return server.profile or self._here.hardware.default.name

    def _start(self, start: Start) -> None:
        """Start a server for a class; one that gets no slice is for its owner to ask for."""
        here = self._here
        got = None
        try:
            got = here.desk.ask(start.username, start.profile, datetime.now(UTC))
            if isinstance(got, Held) and got.state is LeaseState.STARTING:
                log.info("the server of %s is started for class %s", start.username, start.class_session_id)
                here.hub.start_server(start.username, user_options={"profile": start.profile})
        except CampusError as error:
            log.warning("The server of %s could not be started for its class: %s", start.username, error.message)
            if isinstance(got, Held) and isinstance(error, HubRefused):
                here.desk.ended(got.id, "failed", datetime.now(UTC))


def _used(servers: Mapping[str, HubServer], told: Mapping[str, datetime]) -> dict[str, datetime | None]:
    """When each running server was last used by a person, as its lab told or the hub saw; None where never."""
    found: dict[str, datetime | None] = {}
    for name, server in servers.items():
        if not server.ready or server.started is None:
            continue
        seen = [moment for moment in (told.get(name), server.last_activity) if moment is not None]
        later = [moment for moment in seen if moment > server.started + OWN_ACTIVITY]
        found[name] = max(later, default=None)
    return found
