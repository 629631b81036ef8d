"""The event loop that a cell finds running: a real one, made when something first asks it for anything.

Most cells never do, and making one costs a fork as much as running a short cell.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeGuard

LOOP = asyncio.SelectorEventLoop


class LateLoop(LOOP):
    """Becomes a `SelectorEventLoop`, in class and in all else, when it is first used; that it runs is told of it."""

    __slots__ = ()

    def __init__(self) -> None:
        """Make nothing yet."""

    def __getattribute__(self, name: str) -> Any:
        _become(self)
        return getattr(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _become(self)
        setattr(self, name, value)

    def __del__(self) -> None:
        """There is nothing to close."""


LateLoop.__name__, LateLoop.__qualname__, LateLoop.__module__ = LOOP.__name__, LOOP.__qualname__, LOOP.__module__


def is_made(loop: asyncio.AbstractEventLoop | None) -> TypeGuard[asyncio.AbstractEventLoop]:
    """Whether `loop` is there and was used."""
    return loop is not None and type(loop) is not LateLoop


@contextmanager
def running(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Have code find `loop` running. If it was used, what it was told to do next gets its turn at the end."""
    asyncio._set_running_loop(loop)
    try:
        yield
    finally:
        asyncio._set_running_loop(None)
        if is_made(loop):
            loop._thread_id = None  # type: ignore[attr-defined]
            loop.call_soon(loop.stop)
            loop.run_forever()


def _become(loop: LateLoop) -> None:
    object.__setattr__(loop, "__class__", LOOP)
    LOOP.__init__(loop)
    if asyncio._get_running_loop() is loop:
        loop._thread_id = threading.get_ident()
