"""Looking at the Swarm: tasks and nodes, read once for all labs that ask at the same time.

A hub with a thousand labs asks the manager as often as a hub with one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub_config.containers import CAMPUS_LABEL
from hub_config.swarm_tasks import Node, Task, current, read_node, read_task

Call = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Reading:
    """The Swarm at one moment: nodes by their id, tasks of the campus's labs by their service's id."""

    nodes: Mapping[str, Node] = field(default_factory=dict)
    tasks: Mapping[str, list[Task]] = field(default_factory=dict)

    def tasks_of(self, service: str) -> list[Task]:
        return self.tasks.get(service, [])

    def task_of(self, service: str) -> Task | None:
        return current(self.tasks_of(service))


class SwarmView:
    """The latest reading. `call(method, **arguments)` speaks to the manager."""

    def __init__(self, campus: str, network: str) -> None:
        self._label = f"{CAMPUS_LABEL}={campus}"
        self._network = network
        self._reading = Reading()
        self._begun = float("-inf")
        self._lock = asyncio.Lock()

    async def read(self, call: Call, *, not_before: float) -> Reading:
        """A reading that was begun at `not_before` (the event loop's clock) or later."""
        async with self._lock:
            if self._begun < not_before:
                begun = asyncio.get_running_loop().time()
                tasks, nodes = await asyncio.gather(call("tasks", filters={"label": self._label}), call("nodes"))
                self._reading = self._sort(tasks, nodes)
                self._begun = begun
            return self._reading

    def _sort(self, tasks: list[Any], nodes: list[Any]) -> Reading:
        sorted_: dict[str, list[Task]] = {}
        for task in (read_task(told, self._network) for told in tasks):
            sorted_.setdefault(task.service, []).append(task)
        return Reading({node.id: node for node in map(read_node, nodes)}, sorted_)
