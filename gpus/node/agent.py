"""A node's agent: looks at the cards every few seconds and tells the portal, until stopped.

A look that the portal took is settled: the next one's shares count from it. While the portal is away nothing is
settled, so the reading that gets through tells of the whole time since the last one that did. Nothing is queued.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from gpus.node.nvml import Cards, NoCards
from gpus.node.process_time import ProcessTimes
from gpus.node.readings import build_reading
from gpus.node.settings import NodeSettings

LONGEST_WAIT = 60.0
log = logging.getLogger("gpus.node")


class Agent:
    """Looks and tells. `open_cards` opens the driver's library; it is opened anew after it failed."""

    def __init__(
        self,
        settings: NodeSettings,
        open_cards: Callable[[], Cards],
        http: httpx.Client,
        *,
        interval: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._open_cards = open_cards
        self._http = http
        self._interval = interval
        self._now = now
        self._cards: Cards | None = None
        self._times = ProcessTimes(time.monotonic)
        self._trouble = ""
        self._failures = 0

    def run(self, stop: threading.Event) -> None:
        """Go on until `stop` is set."""
        try:
            while not stop.is_set():
                stop.wait(self.step())
        finally:
            self._close()

    def step(self) -> float:
        """Look and tell once; the seconds until the next time. Trouble is logged when it changes, not each time."""
        trouble = self._look_and_tell()
        if trouble != self._trouble:
            log.log(logging.WARNING if trouble else logging.INFO, "%s", trouble or "the portal takes readings again")
        self._trouble = trouble
        if not trouble:
            self._failures = 0
            return self._interval
        self._failures += 1
        longest = max(LONGEST_WAIT, self._interval)
        wait = min(longest, self._interval * 2.0 ** min(self._failures, 10))
        return wait * random.uniform(0.75, 1.0)  # a portal that returns isn't met by all nodes at once

    def _look_and_tell(self) -> str:
        try:
            if self._cards is None:
                self._cards = self._open_cards()
            reading = self.reading(self._cards)
        except NoCards as error:
            self._close()
            return error.message
        trouble = self._tell(reading)
        if not trouble:
            self._cards.settle()
            self._times.settle()
        return trouble

    def reading(self, cards: Cards) -> dict[str, Any]:
        """What the portal is told now."""
        return build_reading(cards.look(), node=self._settings.name, at=self._now(), cpu=self._times.share)

    def _tell(self, reading: dict[str, Any]) -> str:
        """Post the reading; what went wrong, or ""."""
        try:
            answer = self._http.post(
                f"{self._settings.portal_url}/api/gpus/readings",
                json=reading,
                headers={"Authorization": f"token {self._settings.token}"},
            )
        except httpx.HTTPError as error:
            return f"the portal doesn't answer ({type(error).__name__}): is BITGOEUL_PORTAL_URL right?"
        if answer.status_code in (401, 403):
            return f"the portal refuses this node ({answer.status_code}): BITGOEUL_NODE_TOKEN must be the portal's"
        if not answer.is_success:
            said = " ".join(answer.text.split())[:200]
            return f"the portal doesn't take this reading ({answer.status_code}): {said}"
        return ""

    def _close(self) -> None:
        if self._cards is not None:
            self._cards.close()
            self._cards = None
