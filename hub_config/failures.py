"""Counting failed sign-ins, so that guessing is slow. In memory: a restart of the hub forgives."""

from __future__ import annotations

import math

Who = tuple[str, str]

ALLOWED = 10
WINDOW_SECONDS = 60.0
REMEMBERED = 10_000


class Failures:
    """Failures by name and address: after ALLOWED of them within WINDOW_SECONDS, one has to wait the window out.

    Both count, so that nobody can lock another person out from elsewhere.
    """

    def __init__(self) -> None:
        self._times: dict[Who, list[float]] = {}

    def add(self, who: Who, now: float) -> None:
        if len(self._times) >= REMEMBERED:
            self._times = {key: times for key, times in self._times.items() if now - times[-1] < WINDOW_SECONDS}
            while len(self._times) >= REMEMBERED:
                del self._times[next(iter(self._times))]
        self._times[who] = [*self._recent(who, now), now]

    def forget(self, who: Who) -> None:
        self._times.pop(who, None)

    def seconds_to_wait(self, who: Who, now: float) -> int:
        """Whole seconds until the next try is heard; 0 when it is at once."""
        recent = self._recent(who, now)
        return math.ceil(recent[-ALLOWED] + WINDOW_SECONDS - now) if len(recent) >= ALLOWED else 0

    def _recent(self, who: Who, now: float) -> list[float]:
        return [moment for moment in self._times.get(who, []) if now - moment < WINDOW_SECONDS]
