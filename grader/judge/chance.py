"""The global random state (`random`, numpy's legacy one), kept in step as if the two interpreters were one.

Only states that changed since the sides last agreed are sent.
"""

from __future__ import annotations

import random
import sys
from array import array
from collections.abc import Callable
from typing import Any

from grader.judge.checks import exactly, optional

WORDS = 625


class Chance:
    """One side's view: what the state was when both agreed."""

    def __init__(self) -> None:
        self._agreed: dict[str, tuple[Any, ...]] = {}
        self.names: tuple[str, ...] = ()

    def keep(self, names: tuple[str, ...], as_is: bool) -> None:
        """These states (of "random" and "numpy") are kept in step from now on; all of them are news, unless `as_is`."""
        if names != self.names:
            self.names = names
            self._agreed = self._states() if as_is else {}

    def news(self) -> tuple[Any, ...]:
        """What changed since, as (name, state) pairs."""
        now = self._states()
        news = tuple((name, _PACK[name](state)) for name, state in now.items() if self._agreed.get(name) != state)
        self._agreed = now
        return news

    def take(self, news: Any) -> None:
        """Set what the other side changed; TypeError or ValueError for what is no state."""
        for name, state in news:
            if name == "random":
                version, data, gauss = state
                words = array("I", exactly(bytes, data))
                if len(words) != WORDS or not 0 <= words[-1] < WORDS:
                    raise ValueError("no state of a generator")
                random.setstate((exactly(int, version), tuple(words), optional(float, gauss)))
            elif name == "numpy" and "numpy" in sys.modules:
                from grader.judge.kinds_numpy import legacy_state

                sys.modules["numpy"].random.set_state(legacy_state(state))
        self._agreed = self._states()

    def _states(self) -> dict[str, tuple[Any, ...]]:
        states: dict[str, tuple[Any, ...]] = {}
        if "random" in self.names:
            states["random"] = random.getstate()
        numpy = sys.modules.get("numpy")
        if numpy is not None and "numpy" in self.names:
            name, keys, *rest = numpy.random.get_state()
            states["numpy"] = (name, keys.tobytes(), *rest)
        return states


_PACK: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "random": lambda state: (state[0], array("I", state[1]).tobytes(), state[2]),
    "numpy": lambda state: (state[0], state[1], int(state[2]), int(state[3]), float(state[4])),
}
