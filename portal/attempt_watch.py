"""Attempts that somebody watches: one thread looks for all of them, and tells each what has changed.

Owns who watches what. However many people have a page open, a portal holds one database connection while it looks, and
none while nothing happens; the doorbell says when to look. An event says how things stand, never what came before: so
one that was missed is not missed, and its id is the same wherever it is told.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cohorts.database import Database
from grader.doorbell import Bell, Doorbell
from grader.job_progress import Place, places
from grader.models import Feedback, Marking, MarkingKind, MarkingState
from grader.returns import released_feedback

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
REST = 0.1
AT_ONCE = 500
ENDS = frozenset({"done", "failed"})


@dataclass(frozen=True)
class Event:
    """How an attempt stands: `queued`, `running`, `done` or `failed`, with what there is to say about it."""

    kind: str
    data: str

    @property
    def id(self) -> str:
        return hashlib.sha256(f"{self.kind} {self.data}".encode()).hexdigest()[:16]

    @property
    def ends(self) -> bool:
        """Whether nothing comes after it by itself."""
        return self.kind in ENDS

    def encode(self) -> str:
        """As server-sent events go."""
        return f"id: {self.id}\nevent: {self.kind}\ndata: {self.data}\n\n"


@dataclass(frozen=True, eq=False)
class _Watcher:
    loop: asyncio.AbstractEventLoop
    events: asyncio.Queue[Event]


class AttemptWatch:
    """Looks after all watched attempts of one portal process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._watchers: dict[int, set[_Watcher]] = defaultdict(set)
        self._told: dict[int, Event] = {}
        self._wanted = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="attempt-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._wanted.set()
        self._thread.join(5)

    @contextmanager
    def watching(self, attempt_id: int) -> Iterator[asyncio.Queue[Event]]:
        """The attempt's changes from now on, for a coroutine."""
        watcher = _Watcher(asyncio.get_running_loop(), asyncio.Queue())
        with self._lock:
            self._watchers[attempt_id].add(watcher)
        self._wanted.set()
        try:
            yield watcher.events
        finally:
            with self._lock:
                self._watchers[attempt_id].discard(watcher)
                if not self._watchers[attempt_id]:
                    del self._watchers[attempt_id]
                    self._told.pop(attempt_id, None)

    @property
    def watched(self) -> int:
        """How many streams are open."""
        with self._lock:
            return sum(map(len, self._watchers.values()))

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wanted.wait()
            self._wanted.clear()
            with Doorbell(self._database, Bell.NEWS) as bell:
                while not self._closing.is_set() and self.watched:
                    try:
                        self._look()
                    except Exception:
                        log.exception("watched attempts can't be looked at; trying again")
                    time.sleep(REST)  # a queue that moves fast is not looked at for every step
                    bell.wait(LOOK_EVERY)

    def _look(self) -> None:
        with self._lock:
            wanted = list(self._watchers)
        with self._database.read() as session:
            found = events_of(session, wanted, datetime.now(UTC))
        with self._lock:
            for attempt_id, event in found.items():
                if attempt_id not in self._watchers or self._told.get(attempt_id) == event:
                    continue
                self._told[attempt_id] = event
                for watcher in self._watchers[attempt_id]:
                    try:
                        watcher.loop.call_soon_threadsafe(watcher.events.put_nowait, event)
                    except RuntimeError:  # its loop has just been closed
                        continue


def events_of(session: Session, attempt_ids: Collection[int], now: datetime) -> dict[int, Event]:
    """How each attempt stands now. A score is in it once its feedback is released, never before."""
    found: dict[int, Event] = {}
    ids = list(attempt_ids)
    waiting: dict[int, int] = {}
    for start in range(0, len(ids), AT_ONCE):
        part = ids[start : start + AT_ONCE]
        newest = (
            select(func.max(Marking.id))
            .where(Marking.attempt_id.in_(part), Marking.kind == MarkingKind.MARK)
            .group_by(Marking.attempt_id)
        )
        rows = session.execute(
            select(Marking.attempt_id, Marking.id, Marking.state, Marking.phase).where(Marking.id.in_(newest))
        ).all()
        done = [attempt_id for attempt_id, _, state, _ in rows if state is MarkingState.DONE]
        feedback = released_feedback(session, done) if done else {}
        for attempt_id, marking_id, state, phase in rows:
            if state is MarkingState.QUEUED:
                waiting[attempt_id] = marking_id
            found[attempt_id] = _event(state, phase, feedback.get(attempt_id))
    if waiting:
        there = places(session, now, set(waiting.values()))
        found |= {attempt_id: _queued(there.get(marking_id)) for attempt_id, marking_id in waiting.items()}
    return found


def _event(state: MarkingState, phase: str | None, feedback: Feedback | None) -> Event:
    if state is MarkingState.RUNNING:
        return _say("running", phase=phase)
    if state is MarkingState.DONE and feedback is not None:
        return _say(
            "done",
            feedback=True,
            score=feedback.score,
            max_score=feedback.max_score,
            needs_manual=feedback.needs_manual,
        )
    return _say("done", feedback=False) if state is MarkingState.DONE else _say("failed")


def _queued(place: Place | None) -> Event:
    if place is None:
        return _say("queued", position=None, estimate_seconds=None, served=True)
    return _say("queued", position=place.position, estimate_seconds=place.estimate_seconds, served=place.served)


def _say(kind: str, **data: Any) -> Event:
    return Event(kind, json.dumps(data))
