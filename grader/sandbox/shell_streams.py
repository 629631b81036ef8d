"""What a cell prints: `sys.stdout`, `sys.stderr` and the descriptors, put into the order a kernel would send it in.

Owns the two streams and the text that waits in them. A kernel sends what was printed 0.2 s after the first character,
or when something else is shown, standard output first; the same is done here by the clock, without a sending thread.
Refuses text of other processes but through the descriptors.
"""

from __future__ import annotations

import contextvars
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ipykernel import iostream

from grader.sandbox.shell_descriptors import NAMES, Descriptors

FLUSH_AFTER = iostream.OutStream.flush_interval

Publish = Callable[[str, str, str], None]


class Printed:
    """The text printed and not yet sent, per stream and per message that caused it."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._lock = threading.RLock()
        self._waiting: dict[str, dict[str, list[str]]] = {name: {} for name in NAMES}
        self._due = dict.fromkeys(NAMES, math.inf)
        self._captured: list[tuple[str, str]] | None = None
        self._descriptors: Descriptors | None = None
        self.parent = ""  # of the running cell, for what comes through a descriptor

    def renew(self, descriptors: Descriptors | None) -> None:
        """After a fork: another lock (a thread of the parent may have held it) and other pipes."""
        self._lock = threading.RLock()
        self._descriptors = descriptors

    def watch(self) -> None:
        """Empty the pipes from now on, also while the cell waits."""
        if self._descriptors is not None:
            self._descriptors.watch(self._add_from_descriptor)

    def rest(self) -> None:
        """End the thread that empties the pipes."""
        if self._descriptors is not None:
            self._descriptors.rest()

    def add(self, name: str, text: str, parent: str) -> None:
        """Take `text` after everything that reached the descriptors before."""
        with self._lock:
            self._drain()
            self._append(name, text, parent)

    def flush(self, *names: str) -> None:
        """Send what waits in the streams `names`."""
        with self._lock:
            self._drain()
            self._send_due(time.monotonic())
            for name in names:
                self._send(name)

    @contextmanager
    def capture(self) -> Iterator[list[tuple[str, str]]]:
        """Collect (stream, text) instead of sending it; neighbours of one stream are joined when it ends."""
        with self._lock:
            self._drain()
            outer, self._captured = self._captured, []
            collected = self._captured
        try:
            yield collected
        finally:
            with self._lock:
                self._drain()
                self._captured = outer
                collected[:] = _joined(collected)

    def _drain(self) -> None:
        if self._descriptors is not None:
            for name, text in self._descriptors.read():
                self._append(name, text, self.parent)

    def _add_from_descriptor(self) -> None:
        with self._lock:
            self._drain()

    def _append(self, name: str, text: str, parent: str) -> None:
        if self._captured is not None:
            self._captured.append((name, text))
            return
        now = time.monotonic()
        self._send_due(now)
        self._waiting[name].setdefault(parent, []).append(text)
        if self._due[name] == math.inf:
            self._due[name] = now + FLUSH_AFTER

    def _send_due(self, now: float) -> None:
        for name in sorted(NAMES, key=self._due.__getitem__):
            if self._due[name] <= now:
                self._send(name)

    def _send(self, name: str) -> None:
        waiting, self._waiting[name] = self._waiting[name], {}
        self._due[name] = math.inf
        for parent, texts in waiting.items():
            text = "".join(texts)
            if text:
                self._publish(name, text, parent)


def _joined(pieces: list[tuple[str, str]]) -> list[tuple[str, str]]:
    joined: list[tuple[str, str]] = []
    for name, text in pieces:
        if joined and joined[-1][0] == name:
            joined[-1] = (name, joined[-1][1] + text)
        else:
            joined.append((name, text))
    return joined


class OutStream(iostream.OutStream):  # type: ignore[misc]
    """`sys.stdout` or `sys.stderr` as a kernel's code sees it, without a sending thread."""

    def __init__(self, name: str, printed: Printed) -> None:
        self.name = name
        self.topic = b"stream." + name.encode()
        self.session = None
        self.pub_thread: Any = self  # None means closed
        self.echo = None
        self._printed = printed
        self._number = NAMES.index(name) + 1
        self._parent_header: contextvars.ContextVar[dict[str, Any]] = contextvars.ContextVar("parent_header")
        self._parent_header_global: dict[str, Any] = {}
        self._local = threading.local()
        self._isatty = False
        self._should_watch = False
        self._exc = None
        self.adopt(None)

    def adopt(self, original: int | None) -> None:
        """After a fork: this process prints here; `original` is where the descriptor led before."""
        self._master_pid = os.getpid()
        self._original_stdstream_copy = original

    def write(self, string: str) -> int | None:
        if not isinstance(string, str):
            raise TypeError(f"write() argument must be str, not {type(string)}")
        if self.pub_thread is None:
            raise ValueError("I/O operation on closed file")
        if os.getpid() != self._master_pid:  # a process forked by the cell: its text comes through the pipe
            data = memoryview(string.encode("utf-8", "replace"))
            while data:
                data = data[os.write(self._number, data) :]
            return len(string)
        self._printed.add(self.name, string, self.parent_header.get("msg_id", ""))
        return len(string)

    def flush(self) -> None:
        if os.getpid() == self._master_pid:
            self._printed.flush(self.name)

    def close(self) -> None:
        self.pub_thread = None


OutStream.__module__ = iostream.OutStream.__module__  # what repr(sys.stdout) shows in a kernel
OutStream.__qualname__ = iostream.OutStream.__qualname__
