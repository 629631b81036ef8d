"""Which workers there are: each says now and then that it runs, and how many jobs it takes at once.

Owns the table `worker`. A worker that was killed is counted until ALIVE_FOR is over; its row goes after a day.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import JSON, String, delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, Session, mapped_column

from cohorts.database import Base, Database, UtcDateTime, reason_of

log = logging.getLogger(__name__)

SAY_EVERY = 10.0
ALIVE_FOR = timedelta(seconds=30)
FORGET_AFTER = timedelta(days=1)


class WorkerSeen(Base):
    """A worker that runs, or ran until `seen_at`, and the sandbox it forks jobs in.

    `serves` are the lanes it takes jobs from (`grader.needs`), with how many of each at once.
    """

    __tablename__ = "worker"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    sandbox: Mapped[str] = mapped_column(String(32))
    serves: Mapped[dict[str, int]] = mapped_column(JSON)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


def announce(database: Database, name: str, sandbox: str, serves: dict[str, int], now: datetime) -> None:
    """The worker `name` runs now, and serves these lanes with so many jobs at once."""
    with database.write() as session:
        row = session.get(WorkerSeen, name)
        if row is None:
            session.execute(delete(WorkerSeen).where(WorkerSeen.seen_at < now - FORGET_AFTER))
            session.add(WorkerSeen(name=name, sandbox=sandbox, serves=serves, started_at=now, seen_at=now))
        else:
            row.sandbox, row.serves, row.seen_at = sandbox, serves, now


def leave(database: Database, name: str) -> None:
    """The worker `name` takes no more jobs."""
    with database.write() as session:
        session.execute(delete(WorkerSeen).where(WorkerSeen.name == name))


@contextmanager
def announced(
    database: Database,
    name: str,
    sandbox: str,
    serves: dict[str, int],
    clock: Callable[[], datetime],
) -> Iterator[None]:
    """Let people see that the worker `name` runs, until the block ends."""
    over = threading.Event()

    def say() -> None:
        while True:
            try:
                announce(database, name, sandbox, serves, clock())
            except SQLAlchemyError as error:
                log.warning("the database can't be told that this worker runs, trying again: %s", reason_of(error))
            except Exception:
                log.exception("nobody could be told that this worker runs; trying again")
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


def capacity(session: Session, now: datetime) -> Counter[str]:
    """How many jobs of each lane can run at once; 0 for a lane that nobody serves."""
    found: Counter[str] = Counter()
    for worker in alive(session, now):
        found.update(worker.serves)
    return found
