"""The worker's end of a forked job: leads its sides through their cells, and ends what doesn't keep to its limits.

Owns the clock, the caps and the killing of one job; nothing of that is left to code inside. Every message from a side
is untrusted: bounded, checked, and taken for an answer only with the token of the question. For one thread.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Mapping
from threading import Event
from types import TracebackType
from typing import Any, Self

from grader.sandbox import control, parcel
from grader.sandbox.base import Cancelled, CellCode, CellRun, Ending, Opening, Side, SideEnded
from grader.sandbox.cgroups import MemoryGroup, MemoryGroups
from grader.sandbox.control import PatientChannel
from grader.sandbox.outputs import read_cell, read_evidence, read_record, read_updates
from grader.sandbox.parents import WarmParent
from grader.sandbox.shell_record import add_timeout
from grader.sandbox.side_handle import SideHandle
from grader.sandbox.watched import Watched
from grader.sandbox.watching import held_by_tree, pid_behind

SET_UP_WITHIN = 30.0
KILLED_WITHIN = 5.0
JUDGE_WAITS = 0.5  # at the limit the work side is interrupted first: its error then reaches the test by the proper way


class SetUpFailed(Exception):
    """A job's processes could not be set up; the message names the step."""


class ForkedInterpreters(Watched):
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
        self.preamble: Mapping[int, CellRun] = {}
        self.limits = opening.limits
        self._parent, self._opening, self._cancel, self._on_close = parent, opening, cancel, on_close
        self._sides: dict[Side, SideHandle] = {}
        self._count = 0
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

    def run(
        self, side: Side, cell: CellCode, *, context: Mapping[str, Any] | None = None, silent: bool = False
    ) -> CellRun:
        """Run `cell` on `side` (see base.Interpreters.run)."""
        if side not in self._sides:
            raise ValueError(f"This job was opened without a {side} side; open it with judged=True.")
        handle = self._sides[side]
        if handle.ended is not None:
            raise SideEnded(handle.ended, side)
        left = self._stop_at - time.monotonic()
        if left <= 0:
            raise SideEnded(Ending.TIMEOUT, side)
        self._look()
        self._count += 0 if silent else 1
        limit = max(1.0, min(self.limits.cell or left, left))
        command = {"op": "run", "cell": cell.index, "source": cell.source, "count": self._count, "context": context}
        record, late = self._ask(side, command, limit)
        if late and side is Side.JUDGE:
            self._see_whether_work_answers()
        return self._read(side, cell, record, late=late, silent=silent)

    def close(self) -> None:
        """Kill the job, and wait until nothing is left of it."""
        if self._closed:
            return
        self._closed = True
        handles = {handle.process: handle for handle in self._sides.values()}
        for handle in handles.values():
            handle.signal(signal.SIGKILL)
        for end in self._sockets:
            end.close()
        for handle in handles.values():
            handle.gone(KILLED_WITHIN)
            os.close(handle.process)
        if self._group is not None:
            self._group.remove()
        self._on_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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
            self._parent.start_job(request, [*handed, *parcels])
        finally:
            inner.close()
            if self._opening.judged:
                inner_work.close()
            for handle in parcels:
                os.close(handle)
        first = Side.JUDGE if self._opening.judged else Side.WORK
        channel = PatientChannel(main, self.limits.output, self._look)
        first_side = self._sides[first] = SideHandle(channel, self._meet(main, "hello"))
        if self._group is not None:
            self._group.add(pid_behind(first_side.process))
        self._tell(channel, {"op": "go"})
        self._expect_ready(channel)
        self._stop_at = time.monotonic() + self.limits.wall
        self._run_preamble(first)
        if self._opening.judged:
            self._tell(channel, {"op": "split"})
            works = PatientChannel(work, self.limits.output, self._look)
            self._sides[Side.WORK] = SideHandle(works, self._meet(main, "split"))
            self._expect_ready(works)
            self._expect_ready(channel)

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

    # Asking

    def _ask(self, side: Side, command: dict[str, Any], limit: float) -> tuple[dict[str, Any], bool]:
        """Send a command and wait for its answer; whether it had to be interrupted. Raises SideEnded."""
        handle = self._sides[side]
        token = secrets.token_hex(16)
        try:
            deadline = time.monotonic() + limit
            handle.channel.send({**command, "token": token}, deadline + self.limits.grace)
            return self._wait(side, command, token, deadline)
        except control.ChannelClosed:
            self._watch_memory()
            self._end(side, Ending.DIED)
        except control.TooMuch:
            self._end(side, Ending.OUTPUT)
        except control.NoAnswer:
            self._end(side, Ending.TIMEOUT)
        raise SideEnded(handle.ended or Ending.DIED, side)

    def _wait(self, side: Side, command: dict[str, Any], token: str, deadline: float) -> tuple[dict[str, Any], bool]:
        steps = (
            [(deadline, Side.WORK), (deadline + JUDGE_WAITS, Side.JUDGE)] if Side.JUDGE is side else [(deadline, side)]
        )
        late = False
        while True:
            until = steps[0][0] if steps else deadline + self.limits.grace
            try:
                record = read_record(self._sides[side].channel.receive(until))
            except control.NoAnswer:
                if not steps:
                    raise
                late = True
                self._sides[steps.pop(0)[1]].signal(signal.SIGINT)
                continue
            self.hear(record)
            if record is not None and record.get("token") == token and record.get("cell") == command.get("cell"):
                return record, late

    def _see_whether_work_answers(self) -> None:
        """A test that took too long may have waited for a student's function that doesn't stop."""
        if self._sides[Side.WORK].ended is None:
            with contextlib.suppress(SideEnded):
                self._ask(Side.WORK, {"op": "ping"}, 0.0)

    def _read(self, side: Side, cell: CellCode, record: dict[str, Any], *, late: bool, silent: bool) -> CellRun:
        handle = self._sides[side]
        read = read_cell(record)
        if read is None:  # an answer with the right token, yet none: the code of the cell made it up
            self._end(side, Ending.DIED)
            raise SideEnded(Ending.DIED, side)
        run = read[1]
        outputs = {"outputs": run.outputs}
        if late:
            add_timeout(outputs)
        updates = read_updates(record, handle.ran)
        handle.ran.add(cell.index)
        return CellRun(
            outputs=outputs["outputs"],
            execution_count=None if silent else self._count,
            timing=run.timing,
            evidence=read_evidence(record) if side is Side.JUDGE else {},
            updates=updates,
        )

    # Ending

    def _end(self, side: Side, ending: Ending) -> None:
        """Kill a side. The judge side is the job's first process: without it nothing is left."""
        handle = self._sides[side]
        for other in self._sides.values() if handle is self._first() else [handle]:
            other.ended = other.ended or ending
        handle.signal(signal.SIGKILL)
        handle.gone(KILLED_WITHIN)

    def _first(self) -> SideHandle:
        return self._sides.get(Side.JUDGE) or self._sides[Side.WORK]

    def _look(self) -> None:
        """What is looked at while a side works. Raises Cancelled."""
        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled
        if self._sides:
            self._watch_memory()

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

    def _held(self, handle: SideHandle) -> int:
        return held_by_tree(pid_behind(handle.process), self._parent.shared)

    def _greedier(self) -> Side:
        """The side that holds more memory."""
        if Side.JUDGE not in self._sides:
            return Side.WORK
        works = self._held(self._sides[Side.WORK])
        return Side.WORK if 2 * works >= self._held(self._sides[Side.JUDGE]) else Side.JUDGE
