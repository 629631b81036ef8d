"""Descriptors 1 and 2 as pipes: what programs, C code and os.write print while a cell runs.

Owns the pipes and the thread that empties them. Refuses to let a program wait: a cell that waits for a program which
prints more than a pipe holds must not stop both. No thread is left where a fork is made.
"""

from __future__ import annotations

import _thread
import codecs
import os
import select
from collections.abc import Callable, Iterator
from typing import Any

NAMES = ("stdout", "stderr")
CHUNK = 65536


class Descriptors:
    """Descriptors 1 and 2 as pipes: what programs, C code and os.write print."""

    def __init__(self, originals: dict[int, int] | None) -> None:
        """Put pipes in place. `originals`: where 1 and 2 led, known from an earlier process of the same job."""
        self.originals = originals or {number: os.dup(number) for number in (1, 2)}
        self._pipes: dict[int, tuple[str, Any]] = {}
        self._ready = select.poll()
        for number, name in enumerate(NAMES, start=1):
            reading, writing = os.pipe()
            os.set_blocking(reading, False)
            os.dup2(writing, number)
            os.close(writing)
            self._pipes[reading] = (name, codecs.getincrementaldecoder("utf-8")("replace"))
            self._ready.register(reading, select.POLLIN)
        self._wake = os.pipe()
        self._process = os.getpid()
        self._watching: _thread.LockType | None = None  # held by the thread until it ends
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)

    def watch(self, on_text: Callable[[], None]) -> None:
        """Empty the pipes in a thread too: a program that prints much would wait for us while we wait for it."""
        if self._watching is None:
            self._watching = _thread.allocate_lock()
            self._watching.acquire()
            _thread.start_new_thread(self._watch, (tuple(self._pipes), on_text, self._watching))

    def rest(self) -> None:
        """End the thread, if this process has it."""
        watching, self._watching = self._watching, None
        if watching is not None and self._process == os.getpid():
            os.write(self._wake[1], b".")
            watching.acquire()
            os.read(self._wake[0], 1)

    def close(self) -> None:
        """Let go of the reading ends (in a process that gets pipes of its own)."""
        for reading in (*self._pipes, *self._wake):
            os.close(reading)
        self._pipes.clear()

    def read(self) -> list[tuple[str, str]]:
        """What can be read without waiting, as (stream, text)."""
        if not self._pipes or not self._ready.poll(0):
            return []
        return [(name, text) for reading in list(self._pipes) for name, text in self._read(reading)]

    def _read(self, reading: int) -> Iterator[tuple[str, str]]:
        name, decoder = self._pipes[reading]
        while True:
            try:
                data = os.read(reading, CHUNK)
            except BlockingIOError:
                return
            if not data:  # the cell closed the descriptor
                self._ready.unregister(reading)
                del self._pipes[reading]
                return
            text = decoder.decode(data)
            if text:
                yield name, text

    def _watch(self, watched: tuple[int, ...], on_text: Callable[[], None], watching: _thread.LockType) -> None:
        poll = select.poll()
        for reading in (self._wake[0], *watched):
            poll.register(reading, select.POLLIN)
        try:
            while True:
                for reading, event in poll.poll():
                    if reading == self._wake[0]:
                        return
                    on_text()
                    if not event & select.POLLIN:
                        poll.unregister(reading)
        finally:
            watching.release()
