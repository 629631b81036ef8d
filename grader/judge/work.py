"""The work side: serves the judge side's questions about the student's names and objects.

Everything here runs in the student's interpreter, and nothing here is trusted by anybody.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from grader.judge.chance import Chance
from grader.judge.describe import content_of
from grader.judge.faults import LinkFault, ProtocolFault
from grader.judge.kinds import known_kinds
from grader.judge.link import Link
from grader.judge.peer import Peer
from grader.judge.shared import Shared

MISSING: Any = object()
LATE = 0.05  # seconds after the judge side's own interrupt: that one is the cell's


class WorkShell(Protocol):
    """What the work side uses of the shell (see `grader.sandbox.shell`)."""

    namespace: dict[str, Any]

    def capture(self) -> Any: ...


class WorkSide:
    """One question at a time; between them the student's cells run."""

    def __init__(self, link: socket.socket, shell: Any) -> None:
        self._link = Link(link)
        self._peer = WorkPeer(self._link, shell)

    def serve_one(self) -> None:
        """Answer one question. Raises LinkClosed when the judge side is gone, ProtocolFault when it talks nonsense."""
        frame = self._link.receive()
        with self._peer.serving():
            self._peer.serve_frame(frame)


class WorkPeer(Peer):
    """The work side's end."""

    def __init__(self, link: Link, shell: WorkShell) -> None:
        registry = known_kinds()
        super().__init__(link, Shared(registry, shell.namespace, trusting=True), registry, first=1)
        self._shell = shell
        self._watched: dict[str, Any] = {}
        self._printed: list[tuple[str, str]] = []
        self._capture: Any = None
        self._captured: list[tuple[str, str]] = []
        self._chance = Chance()
        self._over = False

    @contextmanager
    def serving(self) -> Iterator[None]:
        """While a question is answered: an end to the student's time."""
        handler = signal.getsignal(signal.SIGALRM)
        try:
            yield
        finally:
            self._stop_capture()
            if self._over:
                self._over = False
                self.mirrors.clear()
            if signal.getitimer(signal.ITIMER_REAL)[0]:
                signal.setitimer(signal.ITIMER_REAL, 0)
            if signal.getsignal(signal.SIGALRM) is not handler:
                signal.signal(signal.SIGALRM, handler)

    def answer(self, operation: str, operands: tuple[Any, ...]) -> Any:
        if operation == "name":
            return self._name(*operands)
        if operation == "alive":
            return self.mirrors.alive(operands[0])
        if operation == "end":
            self._watched.clear()
            self._over = True
            return None
        if operation == "step":
            return None
        if operation == "content":
            return content_of(operands[0], self.registry)
        self._start_capture()
        try:
            return super().answer(operation, operands)
        finally:
            self._stop_capture()

    def ask(self, operation: str, *operands: Any) -> Any:
        if not self._serving:
            raise RuntimeError("what a test handed over can be used only while the test runs")
        self._stop_capture()
        try:
            return super().ask(operation, *operands)
        finally:
            self._start_capture()

    def _name(self, name: str) -> tuple[Any, ...]:
        value = dict.get(self._shell.namespace, name, MISSING)
        self._watched[name] = value
        return () if value is MISSING else (value,)

    # -- in step

    def extras(self) -> Any:
        self._stop_capture()
        printed, self._printed = tuple(self._printed), []
        namespace = self._shell.namespace
        stale = []
        for name, value in self._watched.items():
            now = dict.get(namespace, name, MISSING)
            if now is not value:
                stale.append(name)
                self._watched[name] = now
        news = self._chance.news()
        return (printed, tuple(stale), news) if printed or stale or news else None

    def take_extras(self, extras: Any) -> None:
        if type(extras) is not tuple:
            self._limit(extras)
            return
        remaining, names, twins, in_step, news = extras
        namespace = self._shell.namespace
        for name, bound, value in names:
            if bound:
                namespace[name] = value
            else:
                namespace.pop(name, None)
            self._watched[name] = value if bound else MISSING
        if twins is not None:
            self.shared.set_twins(twins)
        self._chance.keep(in_step, as_is=False)
        if news:
            self._chance.take(news)
        self._limit(remaining)

    @staticmethod
    def _limit(remaining: float) -> None:
        """The student's code may take as long as the test has left; 0 is no limit."""
        if remaining > 0:
            signal.signal(signal.SIGALRM, _interrupt)
            signal.setitimer(signal.ITIMER_REAL, remaining + LATE)

    def _start_capture(self) -> None:
        if self._capture is None:
            self._capture = self._shell.capture()
            self._captured = self._capture.__enter__()

    def _stop_capture(self) -> None:
        if self._capture is not None:
            capture, self._capture = self._capture, None
            capture.__exit__(None, None, None)
            self._printed += self._captured


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


__all__ = ["LinkFault", "ProtocolFault", "WorkSide"]
