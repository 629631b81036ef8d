"""Which workers there are: each says now and then that it runs, and how many jobs it takes at once.

Owns the table `worker`. A worker that was killed is counted until ALIVE_FOR is over; its row goes after a day.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from cohorts.database import Database
from grader.models import WorkerSeen

log = logging.getLogger(__name__)

SAY_EVERY = 10.0
ALIVE_FOR = timedelta(seconds=30)
FORGET_AFTER = timedelta(days=1)


def announce(database: Database, name: str, slots: int, sandbox: str, now: datetime) -> None:
    """The worker `name` runs now and takes `slots` jobs at once."""
    with database.write() as session:
        row = session.get(WorkerSeen, name)
        if row is None:
            session.execute(delete(WorkerSeen).where(WorkerSeen.seen_at < now - FORGET_AFTER))
            session.add(WorkerSeen(name=name, slots=slots, sandbox=sandbox, started_at=now, seen_at=now))
        else:
            row.slots, row.sandbox, row.seen_at = slots, sandbox, now


def leave(database: Database, name: str) -> None:
    """The worker `name` takes no more jobs."""
    with database.write() as session:
        session.execute(delete(WorkerSeen).where(WorkerSeen.name == name))


@contextmanager
def announced(database: Database, name: str, slots: int, sandbox: str, clock: Callable[[], datetime]) -> Iterator[None]:
    """Let people see that the worker `name` runs, until the block ends."""
    over = threading.Event()

    def say() -> None:
        while True:
            try:
                announce(database, name, slots, sandbox, clock())
            except Exception:
                log.exception("the database can't be told that this worker runs")
            if over.wait(SAY_EVERY):
                return

    thread = threading.Thread(target=say, name="presence", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        leave(database, name)


def alive(session: Session, now: datetime) -> list[WorkerSeen]:
    """The workers that run, by name."""
    query = select(WorkerSeen).where(WorkerSeen.seen_at > now - ALIVE_FOR)
    return list(session.scalars(query.order_by(WorkerSeen.name)))


def capacity(session: Session, now: datetime) -> int:
    """How many jobs can run at once."""
    found = session.scalar(select(func.sum(WorkerSeen.slots)).where(WorkerSeen.seen_at > now - ALIVE_FOR))
    return int(found or 0)
