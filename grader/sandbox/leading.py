"""A job whose sides are led cell by cell, wherever they run: numbering, time limits, tokens, and the end of a side.

Owns the clock and what counts as an answer: every message from a side is bounded, checked, and taken for an answer only
with the token of the question. How a side is started, signalled and looked after is its kind's. For one thread.
"""

from __future__ import annotations

import contextlib
import secrets
import signal
import time
from collections.abc import Mapping
from threading import Event
from types import TracebackType
from typing import Any, Protocol, Self

from grader.sandbox import control
from grader.sandbox.base import Cancelled, CellCode, CellRun, Ending, Limits, Side, SideEnded
from grader.sandbox.control import PatientChannel
from grader.sandbox.outputs import read_cell, read_evidence, read_record, read_updates
from grader.sandbox.shell_hash import kept_hash_of
from grader.sandbox.shell_record import add_timeout
from grader.sandbox.watched import Watched

KILLED_WITHIN = 5.0
JUDGE_WAITS = 0.5  # at the limit the work side is interrupted first: its error then reaches the test by the proper way


class LedSide(Protocol):
    """One side: its channel, the cells it ran, how it ended, and a way to signal it."""

    channel: PatientChannel
    ran: set[int]
    ended: Ending | None

    def signal(self, number: int) -> None:
        """Send a signal to the side, if it is still there."""
        ...

    def gone(self, within: float) -> bool:
        """Whether the side has ended, with all that it had started."""
        ...


class LedJob(Watched):
    """The leading of one job (see base.Interpreters). A kind of job fills `_sides` and says how it is closed."""

    def __init__(self, limits: Limits, cancel: Event | None) -> None:
        self.preamble: Mapping[int, CellRun] = {}
        self.limits = limits
        self._cancel = cancel
        self._sides: dict[Side, LedSide] = {}
        self._count = 0
        self._stop_at = time.monotonic()

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
        if side is Side.JUDGE:  # these cells come again with the next student
            command["hash"] = kept_hash_of(cell.source)
        record, late = self._ask(side, command, limit)
        if late and side is Side.JUDGE:
            self._see_whether_work_answers()
        return self._read(side, cell, record, late=late, silent=silent)

    def close(self) -> None:
        """Kill whatever is left of the job; a second call does nothing."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, side: Side, command: dict[str, Any], limit: float) -> tuple[dict[str, Any], bool]:
        """Send a command and wait for its answer; whether it had to be interrupted. Raises SideEnded."""
        handle = self._sides[side]
        token = secrets.token_hex(16)
        try:
            deadline = time.monotonic() + limit
            handle.channel.send({**command, "token": token}, deadline + self.limits.grace)
            return self._wait(side, command, token, deadline)
        except control.ChannelClosed:
            self._died(side)
        except control.TooMuch:
            self._end(side, Ending.OUTPUT)
        except control.NoAnswer:
            self._end(side, Ending.TIMEOUT)
        raise SideEnded(handle.ended or Ending.DIED, side)

    def _wait(self, side: Side, command: dict[str, Any], token: str, deadline: float) -> tuple[dict[str, Any], bool]:
        steps = [(deadline, side)]
        if side is Side.JUDGE:
            steps = [(deadline, Side.WORK), (deadline + JUDGE_WAITS, Side.JUDGE)]
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

    def _died(self, side: Side) -> None:
        """A side went away by itself, or the kernel took it."""
        self._watch_memory()
        self._end(side, Ending.DIED)

    def _end(self, side: Side, ending: Ending) -> None:
        """Kill a side. The judge side is the job's first: without it nothing is left."""
        handle = self._sides[side]
        for other in self._sides.values() if handle is self._first() else [handle]:
            other.ended = other.ended or ending
        handle.signal(signal.SIGKILL)
        handle.gone(KILLED_WITHIN)

    def _first(self) -> LedSide:
        return self._sides.get(Side.JUDGE) or self._sides[Side.WORK]

    def _look(self) -> None:
        """What is looked at while a side works. Raises Cancelled."""
        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled
        if self._sides:
            self._watch_memory()

    def _watch_memory(self) -> None:
        """End a side that the job's memory limit has hit."""
