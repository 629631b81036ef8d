"""Counts as server-sent events: told at first and whenever they change, until a browser connects anew.

Owns how often is looked and how long a stream lasts; what is counted is the caller's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from cohorts.errors import CampusError
from portal.context import Campus

LOOK_EVERY = 1.0
SAY_SOMETHING_EVERY = 15
STREAM_LOOKS = 300  # then the browser connects anew, and is asked anew who it is
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "progress events"}
}


async def tell_progress(here: Campus, look: Callable[[], str], every: float = LOOK_EVERY) -> Response:
    """A stream of `progress` events with what `look` gives, JSON on one line; it is asked `every` so many seconds.

    A CampusError of its first look is the answer; of a later one, the end: the caller has left the staff, or what was
    counted has gone.
    """
    first = await run_in_threadpool(look)

    async def events() -> AsyncIterator[str]:
        said = ""
        found = first
        for number in range(STREAM_LOOKS):
            if here.closing.is_set():
                return
            if found != said:
                said = found
                yield f"event: progress\ndata: {found}\n\n"
            elif number % SAY_SOMETHING_EVERY == 0:
                yield ": still here\n\n"
            await asyncio.sleep(every)
            try:
                found = await run_in_threadpool(look)
            except CampusError:
                return

    return StreamingResponse(
        events(), media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
