"""The campus database: schema, transactions, times. On SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, StatementError

import grader.models
import grader.presence  # noqa: F401  (the tables of all of them belong to the schema that is compared)
from cohorts.database import MIGRATIONS, Base, Database, migrate
from cohorts.models import Membership, Person, Role
from gpus.models import Lease, LeaseState, Node, Slice, Source

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=timezone(timedelta(hours=9)))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    migrate(database_url)
    database = Database(database_url)
    yield database
    database.close()


def person(username: str) -> Person:
    return Person(username=username, name="김민지", created_at=NOW)


def member_of_no_cohort(username: str) -> Membership:
    return Membership(cohort_id="none", username=username, role=Role.STUDENT, created_at=NOW, changed_at=NOW)


def test_the_migrations_make_exactly_the_tables_of_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_migrating_twice_changes_nothing(database: Database) -> None:
    with database.write() as session:
        session.add(person("minji"))
    migrate(database.url)
    with database.read() as session:
        assert session.get(Person, "minji") is not None


def test_slices_that_are_lent_at_an_upgrade_stay_lent(database: Database) -> None:
    with database.write() as session:
        session.add(Node(name="node1", source=Source.DECLARED, seen_at=NOW))
        session.flush()
        session.add_all(Slice(id=number, node="node1", device=f"GPU-{number}", kind="gpu") for number in (1, 2, 3))
        session.flush()
        kept = {"profile": "gpu", "kind": "gpu", "share": 1.0, "track": "", "granted_at": NOW}
        session.add(Lease(slice_id=1, holder="minji", state=LeaseState.RUNNING, **kept))
        session.add(Lease(slice_id=2, holder="minji", state=LeaseState.ENDED, ended_at=NOW, **kept))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0003")
        connection.commit()
    migrate(database.url)
    with database.read() as session:
        assert session.scalars(select(Slice.id).where(Slice.lent)).all() == [1]


def test_times_come_back_in_utc(database: Database) -> None:
    with database.write() as session:
        session.add(person("minji"))
    with database.read() as session:
        found = session.scalars(select(Person)).one()
    assert found.created_at == NOW
    assert found.created_at.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="times need a timezone"), database.write() as session:
        session.add(Person(username="minji", name="김민지", created_at=datetime(2026, 3, 2)))


def test_a_block_that_raises_changes_nothing(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        session.add_all(
            [
                person("minji"),
                Membership(cohort_id="none", username="minji", role=Role.STUDENT, created_at=NOW, changed_at=NOW),
            ]
        )
    with database.read() as session:
        assert session.get(Person, "minji") is None


def test_many_writers_at_once_all_succeed(database: Database) -> None:
    def write(name: str) -> None:
        with database.write() as session:
            session.scalars(select(Person)).all()
            session.add(person(name))

    threads = [threading.Thread(target=write, args=(f"p{number}",)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert len(session.scalars(select(Person)).all()) == 12


def test_a_writer_goes_on_as_soon_as_the_one_before_it_has_ended(database: Database) -> None:
    waits, order = threading.Event(), []

    def write_next() -> None:
        waits.set()
        with database.write() as session:
            order.append("second")
            session.add(person("second"))

    with database.write() as session:
        session.add(person("first"))
        session.flush()
        thread = threading.Thread(target=write_next)
        thread.start()
        waits.wait()
        thread.join(0.3)
        order.append("first")
        in_turn = database.engine.dialect.name == "sqlite"
        assert order == (["first"] if in_turn else ["second", "first"])
    thread.join()
    with database.read() as session:
        assert len(session.scalars(select(Person)).all()) == 2


def test_a_block_that_raises_lets_the_next_writer_in(database: Database) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), database.write():
            raise ZeroDivisionError
    with database.write() as session:
        session.add(person("minji"))
