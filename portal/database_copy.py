"""A database's rows in another database, of the other kind if need be: SQLite, PostgreSQL. Knows no table.

Reads one snapshot, while others write; a batch of rows at a time. The tables of the target are made by whoever owns
them (`portal.database_schemas`), so keys, partial indexes and defaults are the real ones. Refuses a target that holds
anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    JSON,
    Connection,
    Engine,
    MetaData,
    Table,
    Text,
    cast,
    create_engine,
    event,
    func,
    insert,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import AddConstraint, DropConstraint
from sqlalchemy.types import TypeDecorator

from cohorts.database import reason_of
from cohorts.errors import Conflict, Invalid
from portal.database_schemas import MakeSchema

VERSION = "alembic_version"
BATCH = 1000
#: seconds in which a server begins to answer; Compose 2 doesn't wait for its health before it runs a command
STARTS_WITHIN = 60
#: what libpq and the server say meanwhile
STARTING = ("Is the server running", "the database system is starting up")


class _AsWritten(TypeDecorator[str]):
    """JSON as its text: `null` and nothing stay two things, and numbers keep their digits."""

    impl = Text
    cache_ok = True

    def column_expression(self, column: Any) -> Any:
        return cast(column, Text)

    def bind_expression(self, bindvalue: Any) -> Any:
        return cast(bindvalue, JSON)


def is_postgres(url: str) -> bool:
    return make_url(url).get_backend_name() == "postgresql"


def await_server(url: str, tell: Callable[[str], None]) -> None:
    """Return when the PostgreSQL server at `url` answers, after STARTS_WITHIN seconds at the latest.

    `tell` hears once, in both languages, that it is waited for. Whatever else is wrong is left to who uses the server.
    """
    deadline = time.monotonic() + STARTS_WITHIN
    told = False
    with _engine(url) as engine:
        while True:
            try:
                engine.connect().close()
            except SQLAlchemyError as error:
                said = str(getattr(error, "orig", None) or error)
                if not any(words in said for words in STARTING) or time.monotonic() > deadline:
                    return
            else:
                return
            if not told:
                told = True
                where = make_url(url).render_as_string(hide_password=True)
                tell(
                    f"{where} 데이터베이스가 시작하기를 {STARTS_WITHIN}초까지 기다립니다.\n"
                    f"Waiting for the database {where} to start, {STARTS_WITHIN} s at most."
                )
            time.sleep(0.5)


def require_empty(url: str) -> None:
    """Conflict unless the PostgreSQL database at `url` has no table."""
    with _engine(url) as engine, _told(url):
        tables = inspect(engine).get_table_names()
    if tables:
        where = make_url(url).render_as_string(hide_password=True)
        raise Conflict(
            f"The database {where} is not empty ({len(tables)} tables). Stop the campus and make a new, empty one.",
            f"{where} 데이터베이스에 표가 {len(tables)}개 있습니다. 캠퍼스를 멈추고 빈 데이터베이스를 만드세요.",
        )


def empty(url: str) -> None:
    """Drop every table at `url`: for what a restore that failed has filled."""
    with _engine(url) as engine:
        found = MetaData()
        found.reflect(engine)
        found.drop_all(engine)


def copy_database(source: str, target: str, make_schema: MakeSchema) -> int:
    """Copy every row of the database at `source` to the empty one at `target`; the number of rows.

    Invalid where the two have not the same tables and columns, or the target can't hold a value.
    """
    with _engine(source) as old, _engine(target) as new, _told(source), _snapshot(old) as reading:
        revision = reading.scalar(text(f"select version_num from {VERSION}"))  # a constant
        make_schema(new, str(revision))
        ours, theirs = _tables(reading), _tables(new)
        if {name: set(table.c.keys()) for name, table in ours.items()} != {
            name: set(table.c.keys()) for name, table in theirs.items()
        }:
            raise Invalid(
                f"The tables of the database don't fit its schema {revision}; it was changed by hand.",
                f"데이터베이스의 표가 스키마 {revision} 과(와) 맞지 않습니다. 직접 고친 것 같습니다.",
            )
        with new.begin() as writing, _told(target), _unbound(writing, theirs):
            return sum(_copy(reading, table, writing, theirs[name]) for name, table in sorted(ours.items()))


def _copy(reading: Connection, source: Table, writing: Connection, target: Table) -> int:
    names = list(target.columns.keys())
    rows = reading.execute(select(*(source.c[name] for name in names)).execution_options(yield_per=BATCH))
    number = 0
    for batch in rows.mappings().partitions():
        writing.execute(insert(target), [dict(row) for row in batch])
        number += len(batch)
    if writing.scalar(select(func.count()).select_from(target)) != number:
        raise Invalid(
            f"Not every row of the table {target.name} arrived; nothing was kept.",
            f"{target.name} 표의 행이 모두 옮겨지지 않아 되돌렸습니다.",
        )
    return number


@contextmanager
def _unbound(writing: Connection, tables: dict[str, Table]) -> Iterator[None]:
    """Without foreign keys meanwhile, so that the order of rows doesn't matter; they are all checked at the end."""
    if writing.dialect.name != "postgresql":
        yield
        if broken := writing.exec_driver_sql("PRAGMA foreign_key_check").fetchall():
            raise Invalid(
                f"A row of {broken[0][0]} refers to one that is missing from {broken[0][2]}.",
                f"{broken[0][0]} 표의 행이 {broken[0][2]} 표에 없는 행을 가리킵니다.",
            )
        return
    keys = [key for table in tables.values() for key in table.foreign_key_constraints]
    for key in keys:
        writing.execute(DropConstraint(key))
    yield
    for key in keys:
        writing.execute(AddConstraint(key))
    for table in tables.values():
        for column in table.primary_key:
            quoted = writing.dialect.identifier_preparer.quote(table.name)
            sequence = writing.scalar(select(func.pg_get_serial_sequence(quoted, column.name)))
            if sequence is not None:
                last = select(func.max(column)).scalar_subquery()
                writing.execute(select(func.setval(sequence, func.coalesce(last, 1), last.is_not(None))))


def _tables(source: Connection | Engine) -> dict[str, Table]:
    """Tables by name, as the database has them, without Alembic's own."""
    found = MetaData()

    @event.listens_for(found, "column_reflect")
    def keep_as_written(_inspector: Any, _table: Any, column: dict[str, Any]) -> None:
        if isinstance(column["type"], JSON):
            postgres = _dialect(source) == "postgresql"
            column["type"] = _AsWritten() if postgres else Text()

    found.reflect(source)
    return {name: table for name, table in found.tables.items() if name != VERSION}


def _dialect(source: Connection | Engine) -> str:
    return source.dialect.name


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    options = {"connect_args": {"options": "-c timezone=utc"}} if is_postgres(url) else {}
    engine = create_engine(url, **options)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one moment."""
    options: dict[str, Any] = {}
    if engine.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


@contextmanager
def _told(url: str) -> Iterator[None]:
    """A database's errors as a sentence, without the values that it was given."""
    try:
        yield
    except SQLAlchemyError as error:
        where = make_url(url).render_as_string(hide_password=True)
        why = reason_of(error)
        raise Invalid(f"The database {where} failed: {why}", f"{where} 데이터베이스 오류: {why}") from error
