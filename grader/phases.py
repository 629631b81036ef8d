"""The phases of a marking: what it is doing, since when, and for how long. Owns their names and their clock.

A worker keeps them in memory and stores them with the result; only a job that lasts is written down on its way.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

Told = dict[str, dict[str, float]]


class Phase(StrEnum):
    """Between claim and done. A job of several notebooks enters READING, RUNNING and SCORING once for each."""

    READING = "reading"
    RUNNING = "running"
    SCORING = "scoring"
    STORING = "storing"


class PhaseClock:
    """Runs from a job's claim on. One thread enters phases, another may look."""

    def __init__(self, tick: Callable[[], float] = time.monotonic) -> None:
        self._tick = tick
        self._began = self._entered = tick()
        self._first: dict[Phase, float] = {}
        self._spent: dict[Phase, float] = {}
        self.current: Phase | None = None

    def enter(self, phase: str) -> None:
        """The phase called `phase` begins, and the one before it is over."""
        now = self._tick()
        self._close(now)
        self.current = Phase(phase)
        self._first.setdefault(self.current, now - self._began)
        self._entered = now

    def told(self) -> Told:
        """For each phase so far `at`, its first start in seconds after the claim, and `seconds`, what it took."""
        now = self._tick()
        spent = dict(self._spent)
        if self.current is not None:
            spent[self.current] = spent.get(self.current, 0.0) + now - self._entered
        return {
            phase.value: {"at": round(at, 4), "seconds": round(spent.get(phase, 0.0), 4)}
            for phase, at in list(self._first.items())
        }

    def _close(self, now: float) -> None:
        if self.current is not None:
            self._spent[self.current] = self._spent.get(self.current, 0.0) + now - self._entered
