"""The watch over one person's lease: asks the portal now and then, keeps what it said, builds what the page shows.

Nothing waits for it: between two looks there is only a timer, and a portal that is away, slow or older than leases
leaves the lab as it is. Asks often when something is about to happen, seldom when nobody looks.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lab_side.holding import Holding, Notice
from lab_side.kernels import Activity
from lab_side.notices import ANNOUNCED, build_notices
from lab_side.portal import Absent, Away, Portal, PortalError

#: seconds between two looks: with a page that looks on, close to an end or in a turn, without a page, without leases
USUAL, CLOSE, UNSEEN, ABSENT = 20.0, 10.0, 60.0, 300.0
#: what a page waits that will be told something new in a moment
SOON = 2.0
#: the portal isn't asked again within so many seconds, whoever comes back to the page
FRESH = 5.0
#: a page that hasn't asked for so long is gone
LOOKS_ON = timedelta(seconds=90)
log = logging.getLogger("bitgoeul.lease")


class LeaseWatch:
    """One server's watch. `activity` reads the kernels."""

    def __init__(self, portal: Portal, activity: Callable[[], Activity]) -> None:
        self._portal = portal
        self._activity = activity
        self._holding: Holding | None = None
        self._silent = False
        self._failures = 0
        self._looked_at = datetime.min.replace(tzinfo=UTC)
        self._asked_at = datetime.min.replace(tzinfo=UTC)
        self._timer: asyncio.TimerHandle | None = None
        self._look: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Look now, and from now on. Needs a running event loop."""
        if self._look is None:
            self._look = asyncio.get_running_loop().create_task(self._turn())

    async def _turn(self) -> None:
        try:
            await self.look()
        finally:
            self._look = None
            pause = self.pause(datetime.now(UTC)) * random.uniform(0.9, 1.1)
            self._timer = asyncio.get_running_loop().call_later(pause, self.begin)

    async def look(self) -> None:
        """Ask the portal once; where a GPU is held, tell it what the kernels do."""
        self._asked_at = datetime.now(UTC)
        try:
            self._holding = await self._portal.mine()
        except Absent as error:
            if not self._silent:
                log.info("No news of GPU leases: %s", error)
            self._holding, self._silent, self._failures = None, True, 0
        except Away as error:
            if not self._failures:
                log.warning("No news of the GPU lease for now: %s", error)
            self._failures += 1
        else:
            self._silent, self._failures = False, 0
            if self._holding.lease:
                await self._tell_activity()

    async def _tell_activity(self) -> None:
        activity = self._activity()
        try:
            await self._portal.tell_activity(activity.busy, activity.last)
        except PortalError as error:
            log.info("The portal wasn't told what the kernels do: %s", error)

    def pause(self, now: datetime) -> float:
        """Seconds until the next look."""
        if self._silent:
            return ABSENT
        if self._failures:
            return min(USUAL * 2.0 ** (self._failures - 1), ABSENT)
        return self._pace(now)

    def _pace(self, now: datetime) -> float:
        holding = self._holding or Holding()
        if holding.ticket and holding.ticket.turn_until:
            return CLOSE
        if holding.lease and holding.lease.until and holding.lease.until - self._portals(now) <= ANNOUNCED:
            return CLOSE
        return USUAL if holding.ticket or now - self._looked_at < LOOKS_ON else UNSEEN

    def page(self, *, fresh: bool = False) -> dict[str, Any]:
        """What JupyterLab shows; `again` says in how many seconds it should ask next.

        `fresh`: the person has come back to the page, perhaps from the portal's, so the portal is asked at once.
        """
        now = datetime.now(UTC)
        unseen = now - self._looked_at >= LOOKS_ON
        age = (now - self._asked_at).total_seconds()
        self._looked_at = now
        if self._silent:
            return {"on": False, "again": ABSENT}
        hurried = not self._failures and (unseen or fresh) and age > FRESH
        if hurried:
            self._hurry(0)
        elif unseen and not self._failures:
            self._hurry(USUAL - age)
        if self._holding is None:
            return {"on": False, "again": USUAL if self._failures else SOON}
        shown = self._shown(self._holding, self._portals(now))
        return {"on": True, "again": SOON if hurried else self._pace(now), **shown}

    def _hurry(self, pause: float) -> None:
        """Somebody looks on again: don't sleep out a longer pause."""
        if self._timer:
            self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(pause, self.begin)

    def _portals(self, now: datetime) -> datetime:
        """`now` by the portal's clock, which leases go by."""
        return now + self._portal.skew

    def _shown(self, holding: Holding, now: datetime) -> dict[str, Any]:
        lease, ticket = holding.lease, holding.ticket
        waiting_room = self._portal.page("waiting")
        return {
            "waiting_url": waiting_room,
            "hardware_url": self._portal.page("hardware"),
            "lease": lease
            and {"id": lease.id, "kind": lease.kind, "left": _left(lease.until, now), "in_class": lease.in_class},
            "ticket": ticket
            and {
                "position": ticket.position,
                "estimate": ticket.estimate,
                "reason": {"ko": ticket.reason.ko, "en": ticket.reason.en},
                "turn_left": _left(ticket.turn_until, now),
            },
            "notices": [_told(notice) for notice in build_notices(holding, now, waiting_room)],
        }


def build_watch(environ: Mapping[str, str], activity: Callable[[], Activity]) -> LeaseWatch | NoPortal:
    """A watch for this server; one that does nothing where the environment names no portal or no token."""
    url, token = environ.get("BITGOEUL_PORTAL_URL", ""), environ.get("JUPYTERHUB_API_TOKEN", "")
    return LeaseWatch(Portal(url, token), activity) if url and token else NoPortal()


class NoPortal:
    """In place of a watch where there is no portal to ask."""

    def begin(self) -> None:
        """There is nothing to begin."""

    def page(self, *, fresh: bool = False) -> dict[str, Any]:
        return {"on": False, "again": ABSENT}


def _left(until: datetime | None, now: datetime) -> int | None:
    """Seconds until then; never below 0."""
    return None if until is None else max(0, round((until - now).total_seconds()))


def _told(notice: Notice) -> dict[str, Any]:
    return {
        "id": notice.id,
        "level": notice.level,
        "ko": notice.text.ko,
        "en": notice.text.en,
        "url": notice.url,
    }
