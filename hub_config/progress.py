"""How far a start has come, as the spawn page tells it: events in both languages, told once each, in order."""

from __future__ import annotations

import asyncio
import html
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from hub_config import words

#: what a starting server writes into its log, what that means to the person who waits, and how far it is
MILESTONES = (
    ("jupyterlab | extension was successfully loaded", 55, words.LOADING_LAB),
    ("assignment_list | extension was successfully loaded", 75, words.LOADING_ASSIGNMENTS),
    ("is running at", 90, words.OPENING),
)


def event(percent: int, sentence: words.Sentence, **values: str) -> dict[str, Any]:
    """What JupyterHub sends to the page."""
    return {
        "progress": percent,
        "message": html.unescape(sentence.both(**values)),
        "html_message": sentence.html(**values),
    }


class Progress:
    """What was told about one start. Anybody may come late and hears it from the beginning."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def tell(self, percent: int, sentence: words.Sentence, **values: str) -> None:
        """Say it, unless it was just said; a start never goes backwards."""
        last = self.events[-1] if self.events else None
        told = event(max(percent, last["progress"] if last else 0), sentence, **values)
        if told != last:
            self.events.append(told)

    async def follow(
        self, *, every: float, read_log: Callable[[], Awaitable[str]] | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Every event, also those that come; looks `every` so many seconds. The caller stops listening.

        `read_log` gives the server's log so far; what it says becomes events of this listener's own.
        """
        heard = 0
        waited_for = list(MILESTONES)
        highest = 0
        while True:
            while heard < len(self.events):
                told = self.events[heard]
                heard += 1
                if told["progress"] >= highest:
                    highest = told["progress"]
                    yield told
            log = await read_log() if read_log and waited_for else ""
            while waited_for and waited_for[0][0] in log:
                _, percent, sentence = waited_for.pop(0)
                highest = max(highest, percent)
                yield event(percent, sentence)
            await asyncio.sleep(every)
