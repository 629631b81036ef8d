"""The doorbell: whoever waits for work, or for news of it, is woken at once instead of asking again and again.

Owns the bells, never the work: a ring that is lost costs half a second, since everybody who waits also looks now and
then. PostgreSQL carries it itself (LISTEN, NOTIFY, at commit). Beside an SQLite database lies a folder of FIFOs, one
for each who waits; a FIFO that nobody reads belonged to a process that was killed, and goes.
"""

from __future__ import annotations

import logging
import os
import secrets
import select
import time
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Protocol

import psycopg
from sqlalchemy import event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cohorts.database import Database

log = logging.getLogger(__name__)


class Bell(StrEnum):
    """WORK rings when a job waits, NEWS when one has come further."""

    WORK = "work"
    NEWS = "news"


class Waiting(Protocol):
    """Somebody who waits at a bell."""

    def wait(self, seconds: float) -> bool:
        """Return when it rings (True), or after `seconds` (False)."""
        ...

    def close(self) -> None: ...


def ring(session: Session, bell: Bell) -> None:
    """Ring once the session's transaction is committed; a transaction that fails rings nothing."""
    engine = session.get_bind()
    if engine.dialect.name == "postgresql":
        session.execute(text("select pg_notify(:channel, '')"), {"channel": _channel(bell)})
    elif isinstance(engine, Engine) and (folder := _folder(engine, bell)) is not None:
        session.info.setdefault("bells", set()).add(folder)


# On the class: a listener on each session would be remembered beyond the session's life.
@event.listens_for(Session, "after_commit")
def _ring_fifos(session: Session) -> None:
    for folder in session.info.pop("bells", ()):
        _knock(folder)


@event.listens_for(Session, "after_rollback")
def _ring_nothing(session: Session) -> None:
    session.info.pop("bells", None)


class Doorbell:
    """Waits at one bell of a database; to be used by one thread at a time."""

    def __init__(self, database: Database, bell: Bell) -> None:
        self._engine = database.engine
        self._bell = bell
        self._waiting: Waiting | None = None
        self._missed = False

    def __enter__(self) -> Doorbell:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def wait(self, seconds: float) -> bool:
        """Return when it rings (True), or after `seconds` (False). A bell that broke is hung up anew."""
        if self._waiting is None:
            self._open()
        try:
            if self._waiting is not None:
                return self._waiting.wait(seconds)
        except (OSError, psycopg.Error):
            self._close()
        time.sleep(seconds)
        return False

    def _open(self) -> None:
        try:
            if self._engine.dialect.name == "postgresql":
                self._waiting = _Listening(self._engine, self._bell)
            elif (folder := _folder(self._engine, self._bell)) is not None:
                self._waiting = _Fifo(folder)
        except (OSError, psycopg.Error, SQLAlchemyError) as problem:
            if not self._missed:
                log.warning("no doorbell here, so looking now and then: %s", problem)
            self._missed = True

    def _close(self) -> None:
        if self._waiting is not None:
            with suppress(OSError, psycopg.Error):
                self._waiting.close()
        self._waiting = None


class _Fifo:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        arriving = folder / f".{secrets.token_hex(8)}"
        os.mkfifo(arriving, 0o600)
        # read and write: it never reports its end when a ringer closes it
        self._descriptor = os.open(arriving, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._path = arriving.with_name(arriving.name[1:])
        arriving.rename(self._path)  # from here on it has a reader, or its reader is dead

    def wait(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if ready:
            os.read(self._descriptor, 65536)
        return bool(ready)

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


class _Listening:
    def __init__(self, engine: Engine, bell: Bell) -> None:
        pooled = engine.raw_connection()
        connection = pooled.driver_connection
        pooled.detach()  # ours for as long as we wait, and then closed
        assert isinstance(connection, psycopg.Connection)
        self._connection = connection
        connection.rollback()
        connection.autocommit = True
        connection.execute(f"listen {_channel(bell)}".encode())

    def wait(self, seconds: float) -> bool:
        rung = False
        for _ in self._connection.notifies(timeout=seconds, stop_after=1):
            rung = True
        return rung

    def close(self) -> None:
        self._connection.close()


def _channel(bell: Bell) -> str:
    return f"bitgoeul_{bell.value}"


def _folder(engine: Engine, bell: Bell) -> Path | None:
    """Where the FIFOs of an SQLite database's bell are; None for one in memory."""
    path = engine.url.database
    return Path(f"{path}-bells") / bell.value if path and path != ":memory:" else None


def _knock(folder: Path) -> None:
    try:
        names = os.listdir(folder)
    except OSError:  # nobody has waited here yet
        return
    for name in names:
        if name.startswith("."):
            continue
        path = f"{folder}/{name}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            with suppress(FileNotFoundError):
                os.unlink(path)
            continue
        with suppress(BlockingIOError):  # full: it has been rung often enough
            os.write(descriptor, b"!")
        os.close(descriptor)
