"""Ends what a server was in the middle of when it was told to stop."""

from __future__ import annotations

import asyncio
import signal

from tornado.ioloop import IOLoop

ENDING_SECONDS = 5.0


def end_tasks(seconds: float = ENDING_SECONDS) -> None:
    """Cancel whatever this thread's event loop has left, now that it has stopped, and wait until it has ended.

    Jupyter Server leaves requests that it still answers as they are. The threads that work for them (anyio's, which
    read and write files) are told to end by those requests, so without this the process would never end; a hub, or an
    engine, kills it after its grace time. A second signal ends the process at once.
    """
    current = IOLoop.current(instance=False)
    if current is None:
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    loop = current.asyncio_loop  # type: ignore[attr-defined]
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=seconds))
