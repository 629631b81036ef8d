"""The campus database: engine, transactions, column types, migrations. Owns no table.

SQLite (WAL, synchronous=FULL) on one machine without set-up; PostgreSQL in production. `write()` takes SQLite's write
lock when the transaction begins, so a reader is never asked to upgrade and fail (https://sqlite.org/lang_transaction.html).
Threads of one process take turns at it before they ask: SQLite would have each sleep for a while and try again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import DateTime, Dialect, Enum, MetaData, Table, create_engine, event
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import TypeDecorator

BUSY_TIMEOUT_MS = 30_000
#: how PostgreSQL and its client (libpq's names) watch whether the other end is still there. A machine that lost its
#: power or its cable says no farewell: without this the server would keep its locks for two hours, all others waiting.
WATCHED = {
    **{"connect_timeout": 10, "keepalives_idle": 5, "keepalives_interval": 5, "keepalives_count": 3},
    "tcp_user_timeout": 20_000,
    "options": "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 "
    "-c tcp_user_timeout=20000",
}
MIGRATIONS = Path(__file__).parent / "migrations"


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time, timezone-aware in Python, UTC in the database. Refuses naive values."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"times need a timezone, got {value!r}; use datetime.now(UTC)")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def words(kind: type[StrEnum]) -> Enum:
    """A column type that stores the words of `kind` as text, and gives its members back."""
    return Enum(
        kind, native_enum=False, length=16, values_callable=lambda members: [member.value for member in members]
    )


class Base(DeclarativeBase):
    """Root of every table of the campus."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def table_of(model: type[Base]) -> Table:
    """The table behind `model`. A statement on it doesn't pass the ORM, which takes longer than most statements do."""
    return model.metadata.tables[model.__tablename__]


def reason_of(error: SQLAlchemyError) -> str:
    """Why the database didn't do it, in its own words: the first line, without the statement."""
    told = str(getattr(error, "orig", None) or error)
    return next(iter(told.splitlines()), error.__class__.__name__)


class Database:
    """An engine with the campus's transaction habits.

    `url` is an SQLAlchemy URL, `sqlite:////path/bitgoeul.db` or `postgresql+psycopg://...`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = build_engine(url)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._turn = Lock() if self.engine.dialect.name == "sqlite" else None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for looking; what it changed is not kept. Its objects stay readable afterwards."""
        with self._sessions() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose changes are committed, durably, when the block ends, and undone if it raises."""
        with self._in_turn(), self._sessions() as session:
            session.connection(execution_options={"bitgoeul_write": True})
            yield session
            session.commit()

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """After BUSY_TIMEOUT_MS it is SQLite that is asked, and that says who is to blame."""
        if self._turn is None:
            yield
            return
        ours = self._turn.acquire(timeout=BUSY_TIMEOUT_MS / 1000)
        try:
            yield
        finally:
            if ours:
                self._turn.release()

    def close(self) -> None:
        self.engine.dispose()


def build_engine(url: str) -> Engine:
    """An engine for `url`; on SQLite with WAL, foreign keys, full sync and explicit BEGIN.

    Elsewhere, on PostgreSQL, with connections that either end gives up when it has not heard of the other for 20 s.
    """
    sqlite = make_url(url).get_backend_name() == "sqlite"
    if not sqlite:
        return create_engine(url, pool_pre_ping=True, connect_args=WATCHED)
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def _prepare(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None  # the driver must not begin transactions of its own
        cursor = dbapi_connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("bitgoeul_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def migrate(url: str) -> None:
    """Bring the database at `url` to the newest schema; creates it where there is none."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = build_engine(url)
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    finally:
        engine.dispose()
