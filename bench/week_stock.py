"""First come, first served, and idle culling as stock JupyterHub has it: what a week is like without leases.

The queue is kinder than the real thing: a spawn that finds no GPU fails or hangs there, and whoever tries again at the
right moment wins; here everybody keeps their place. The culler has zero-to-jupyterhub's settings.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from bench.week_demand import HOUR, MINUTE
from bench.week_world import Lab, Lent, Looked

TIMEOUT = HOUR  # cull.timeout and cull.every of zero-to-jupyterhub's values.yaml
EVERY = 10 * MINUTE


class Stock:
    """Slices without names, one after the other."""

    every = EVERY

    def __init__(self, slices: int, timeout: float = TIMEOUT) -> None:
        self.timeout = timeout
        self._free = [f"slice-{number}" for number in reversed(range(slices))]
        self._taken: dict[str, tuple[str, float, float | None]] = {}
        self._queue: OrderedDict[str, None] = OrderedDict()
        self._past: list[Lent] = []

    def ask(self, username: str, now: float) -> bool:
        if username in self._taken:  # it was started for them when their turn came
            device, since, answered = self._taken[username]
            self._taken[username] = (device, since, answered or now)
            return True
        if self._free and not self._queue:
            self._taken[username] = (self._free.pop(), now, now)
            return True
        self._queue.setdefault(username)
        return False

    def leave(self, username: str, now: float) -> list[str]:
        self._queue.pop(username, None)
        return []

    def running(self, username: str, now: float) -> None:
        """Nothing to write down."""

    def stopped(self, username: str, now: float) -> list[str]:
        device, since, answered = self._taken.pop(username)
        self._past.append(Lent(device, username, since, answered, now))
        self._free.append(device)
        return self._serve(now)

    def look(self, now: float, labs: Mapping[str, Lab]) -> Looked:
        """The culler's round: labs without activity for longer than the timeout; nobody is warned."""
        found = Looked()
        for username, (_, since, _) in list(self._taken.items()):
            lab = labs.get(username)
            seen = lab.last_activity(now) if lab is not None else since
            if now - seen > self.timeout:
                if lab is None:  # started for somebody who had gone away
                    found.turns += self.stopped(username, now)
                else:
                    found.stop[username] = "idle"
        return found

    def lent(self, end: float) -> list[Lent]:
        open_ = [Lent(device, name, since, answered, end) for name, (device, since, answered) in self._taken.items()]
        return self._past + open_

    def sample(self) -> tuple[int, int, int]:
        return len(self._taken), 0, len(self._queue)

    def _serve(self, now: float) -> list[str]:
        turns = []
        while self._free and self._queue:
            username, _ = self._queue.popitem(last=False)
            self._taken[username] = (self._free.pop(), now, None)
            turns.append(username)
        return turns
