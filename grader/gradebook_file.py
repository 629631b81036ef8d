"""An offering's gradebook as the database file that nbgrader made: who opens it, and how a transaction begins.

Owns the connections. One that was used is kept for the next time, since opening the file takes longer than most
statements on it; it is dropped where another file has the gradebook's name by then. Nothing of a transaction is kept.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import NullPool

BUSY_SECONDS = 30
KEPT = 2  # connections a gradebook; as many more are opened as are asked for
MOST_GRADEBOOKS = 64
BEGIN = "gradebook_begin"


def to_look(db_url: str) -> Engine:
    """For single statements that read."""
    return _engine(db_url, None)


def to_read(db_url: str) -> Engine:
    """For transactions that read, all of them the same state."""
    return _engine(db_url, "BEGIN")


def to_write(db_url: str) -> Engine:
    """For transactions that write: they take SQLite's write lock at the start."""
    return _engine(db_url, "BEGIN IMMEDIATE")


@lru_cache(maxsize=3 * MOST_GRADEBOOKS)
def _engine(db_url: str, begin: str | None) -> Engine:
    return _opened(db_url).execution_options(**{BEGIN: begin})


@lru_cache(maxsize=MOST_GRADEBOOKS)
def _opened(db_url: str) -> Engine:
    """The gradebook's connections, and the statements that were compiled for it."""
    if not db_url.startswith("sqlite"):
        return create_engine(db_url, poolclass=NullPool)
    engine = create_engine(db_url, pool_size=KEPT, max_overflow=-1, connect_args={"timeout": BUSY_SECONDS})
    path = make_url(db_url).database or ""

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, record: Any) -> None:
        record.info["file"] = _identity(path)
        connection.isolation_level = None
        if connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete":
            connection.execute("PRAGMA journal_mode=TRUNCATE")  # as durable, without a file made and removed each time

    @event.listens_for(engine, "checkout")
    def _check(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info["file"] != _identity(path):
            raise DisconnectionError("another file has the gradebook's name")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if (begin := connection.get_execution_options().get(BEGIN)) is not None:
            connection.exec_driver_sql(begin)

    return engine


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
