"""One writer: whoever decides about leases does it alone, in one transaction, whichever process of the campus it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cohorts.database import Database

LOCK = 0x6269_7467  # any number that nothing else of the campus locks


@contextmanager
def deciding(database: Database) -> Iterator[Session]:
    """A session in which nobody else decides; what it decided is durable when the block ends, undone if it raises.

    SQLite lets one transaction write at a time by itself; PostgreSQL is asked for an advisory lock until the end of it.
    """
    with database.write() as session:
        if database.engine.dialect.name == "postgresql":
            session.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        yield session


class Leadership:
    """Which of several portals looks after the leases: the one whose connection holds a lock, until it breaks.

    On SQLite there is one portal, and it leads.
    """

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.invalidate()  # ends the database's session, and with it the lock
            self._connection.close()
            self._connection = None

    def held(self) -> bool:
        """Whether this process leads at this moment; takes the lead where nobody has it."""
        if self._engine.dialect.name != "postgresql":
            return True
        try:
            if self._connection is not None:
                self._connection.execute(text("select 1"))
                self._connection.commit()
                return True
            connection = self._engine.connect()
            led = bool(connection.scalar(text("select pg_try_advisory_lock(:lock)"), {"lock": LOCK + 1}))
            connection.commit()
        except SQLAlchemyError:
            self._connection = None
            raise
        if led:
            self._connection = connection
        else:
            connection.close()
        return led
