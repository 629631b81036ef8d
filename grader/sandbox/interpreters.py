"""The worker's end of a forked job: starts its sides on a warm parent, and ends what doesn't keep to its limits.

Owns the start, the memory and the killing of one forked job; `leading` leads it. For one thread.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

from grader.sandbox import control, parcel
from grader.sandbox.base import Ending, Opening, Side
from grader.sandbox.cgroups import MemoryGroup, MemoryGroups
from grader.sandbox.control import PatientChannel
from grader.sandbox.leading import KILLED_WITHIN, LedJob, LedSide
from grader.sandbox.outputs import read_record
from grader.sandbox.parents import WarmParent
from grader.sandbox.side_handle import SideHandle
from grader.sandbox.watching import held_by_tree, pid_behind

SET_UP_WITHIN = 30.0


class SetUpFailed(Exception):
    """A job's processes could not be set up; the message names the step."""


class ForkedInterpreters(LedJob):
    """One job on a fork of `parent` (see base.Interpreters)."""

    def __init__(
        self,
        parent: WarmParent,
        opening: Opening,
        request: Mapping[str, Any],
        groups: MemoryGroups | None,
        cancel: Event | None,
        on_close: Callable[[], None],
    ) -> None:
        super().__init__(opening.limits, cancel)
        self._parent, self._opening, self._on_close = parent, opening, on_close
        self._handles: list[SideHandle] = []
        self._kills = 0
        self._stop_at = time.monotonic() + SET_UP_WITHIN
        self._closed = False
        self._group: MemoryGroup | None = None
        self._sockets: list[socket.socket] = []
        try:
            if groups is not None:
                self._group = groups.create(self.limits.memory)
            self._start(dict(request))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Kill the job, and wait until nothing is left of it."""
        if self._closed:
            return
        self._closed = True
        for handle in self._handles:
            handle.signal(signal.SIGKILL)
        for end in self._sockets:
            end.close()
        for handle in self._handles:
            handle.gone(KILLED_WITHIN)
            os.close(handle.process)
        if self._group is not None:
            self._group.remove()
        self._on_close()

    # Starting

    def _start(self, request: dict[str, Any]) -> None:
        main, inner = self._pair()
        handed = [inner.fileno()]
        if self._opening.judged:
            work, inner_work = self._pair()
            handed.append(inner_work.fileno())
        given = self._opening.given if self._opening.judged else None
        request |= {"files": self._opening.files is not None, "given": given is not None}
        request["preamble"] = bool(self._opening.preamble)
        parcels: list[int] = []
        try:
            parcels += [parcel.pack(folder) for folder in (self._opening.files, given) if folder is not None]
            entrance = self._group.entrance() if self._group is not None else None
            parcels += [entrance] if entrance is not None else []
            request["group"] = entrance is not None
            self._parent.start_job(request, [*handed, *parcels])
        finally:
            inner.close()
            if self._opening.judged:
                inner_work.close()
            for handle in parcels:
                os.close(handle)
        first = Side.JUDGE if self._opening.judged else Side.WORK
        channel = PatientChannel(main, self.limits.output, self._look)
        first_side = self._sides[first] = self._take(channel, self._meet(main, "hello"))
        if self._group is not None and entrance is None:
            self._group.add(pid_behind(first_side.process))
        self._tell(channel, {"op": "go"})
        self._expect_ready(channel)
        self._stop_at = time.monotonic() + self.limits.wall
        self._run_preamble(first)
        if self._opening.judged:
            self._tell(channel, {"op": "split"})
            works = PatientChannel(work, self.limits.output, self._look)
            self._sides[Side.WORK] = self._take(works, self._meet(main, "split"))
            self._expect_ready(works)
            self._expect_ready(channel)

    def _take(self, channel: PatientChannel, process: int) -> SideHandle:
        handle = SideHandle(channel, process)
        self._handles.append(handle)
        return handle

    def _pair(self) -> tuple[socket.socket, socket.socket]:
        outer, inner = socket.socketpair()
        self._sockets.append(outer)
        return outer, inner

    def _meet(self, main: socket.socket, op: str) -> int:
        """Wait for the message that brings a process's pidfd."""
        main.setblocking(True)
        main.settimeout(SET_UP_WITHIN)
        message, descriptors = control.receive_with(main)
        main.setblocking(False)
        if message.get("op") != op or len(descriptors) != 1:
            for descriptor in descriptors:
                os.close(descriptor)
            raise SetUpFailed(str(message.get("failed", message)))
        return descriptors[0]

    def _tell(self, channel: PatientChannel, message: dict[str, Any]) -> None:
        channel.send(message, time.monotonic() + SET_UP_WITHIN)

    def _expect_ready(self, channel: PatientChannel) -> None:
        message = read_record(channel.receive(time.monotonic() + SET_UP_WITHIN)) or {}
        if message.get("op") != "ready":
            raise SetUpFailed(str(message.get("failed", "no answer")))

    def _run_preamble(self, first: Side) -> None:
        handle = self._sides[first]
        self._sides[Side.WORK] = handle
        try:
            self.preamble = {cell.index: self.run(Side.WORK, cell) for cell in self._opening.preamble}
        finally:
            if first is not Side.WORK:
                del self._sides[Side.WORK]

    # Memory

    def _watch_memory(self) -> None:
        """End the side that holds too much, or that the kernel killed a process of."""
        if self._group is not None:
            kills = self._group.kills()
            if kills == self._kills:
                return
            self._kills = kills
        elif self._held(self._first()) <= self.limits.memory:
            return
        gone = [
            side for side, handle in self._sides.items() if handle.ended is None and handle.gone(KILLED_WITHIN / 50)
        ]
        self._end(gone[-1] if gone else self._greedier(), Ending.MEMORY)

    def _held(self, handle: LedSide) -> int:
        assert isinstance(handle, SideHandle)
        return held_by_tree(pid_behind(handle.process), self._parent.shared)

    def _greedier(self) -> Side:
        """The side that holds more memory."""
        if Side.JUDGE not in self._sides:
            return Side.WORK
        works = self._held(self._sides[Side.WORK])
        return Side.WORK if 2 * works >= self._held(self._sides[Side.JUDGE]) else Side.JUDGE
