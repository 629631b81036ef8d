"""One writer: whoever decides about leases does it alone, in one transaction, whichever process of the campus it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
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
