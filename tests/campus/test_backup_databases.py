"""A campus that is full and in use, backed up from SQLite and PostgreSQL and restored into either."""

from __future__ import annotations

import secrets
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from portal_site import COURSE, FEEDBACK_HTML, Site, fill, hand_in, make_settings, run_site
from postgres_server import running_postgres
from sqlalchemy import create_engine, event, inspect, make_url, select, text

from cohorts.database import Base, Database, migrate
from cohorts.errors import Conflict, Invalid
from cohorts.models import Person
from grader.models import Attempt, Marking
from portal.backup import back_up
from portal.database_copy import await_server
from portal.restore import restore
from portal.settings import PortalSettings

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SOCKET = ".s.PGSQL.5432"
KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """The URL of a new, empty database of a kind."""

    def make(kind: str) -> str:
        name = f"test_{secrets.token_hex(6)}"
        if kind == "sqlite":
            return f"sqlite:///{tmp_path / name}.db"
        server: str = request.getfixturevalue("postgres_server")
        engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"create database {name}")
        engine.dispose()
        return server.replace("/postgres?", f"/{name}?")

    return make


@pytest.fixture
def on(new_database: Callable[[str], str], tmp_path: Path) -> Callable[[str, str], PortalSettings]:
    """Settings of a campus in a folder of that name, on databases of a kind."""

    def make(name: str, kind: str) -> PortalSettings:
        folder = tmp_path / name
        settings = make_settings(folder, 1)
        hub = f"sqlite:///{folder / 'hub' / 'jupyterhub.sqlite'}" if kind == "sqlite" else new_database(kind)
        url = settings.database_url if kind == "sqlite" else new_database(kind)
        return replace(settings, database_url=url, hub_database_url=hub)

    return make


def started(settings: PortalSettings) -> Any:
    """The portal on that campus, served for real."""
    return run_site(
        settings.data,
        **{name: getattr(settings, name) for name in ("database_url", "hub_database_url", "storage", "offerings")},
    )


@pytest.fixture(params=KINDS)
def full(request: pytest.FixtureRequest, on: Callable[[str, str], PortalSettings]) -> Iterator[Site]:
    """A campus with two cohorts and work in every state, its portal running."""
    settings = on("campus", request.param)
    for folder in (settings.data / "hub", settings.homes / "minji" / "empty", settings.data / "secrets"):
        folder.mkdir(parents=True)
    (settings.data / "secrets" / "portal_token").write_text("secret")
    (settings.data / "secrets" / "portal_token").chmod(0o600)
    (settings.homes / "minji" / "empty").chmod(0o750)
    make_hub(settings.hub_database_url)
    with started(settings) as site:
        fill(site)
        hand_in(site.campus, COURSE, "first-steps", "haneul.lee", score=9.5, max_score=10, feedback=FEEDBACK_HTML)
        with site.campus.database.write() as session:
            marking = session.scalars(select(Marking)).one()
            marking.tests = [{"name": "평균", "points": 0.1 + 0.2, "outcome": None}]
            marking.findings = None
        yield site


def make_hub(url: str) -> None:
    """A hub's own database as JupyterHub makes it, with a person whose server runs."""
    from jupyterhub import orm

    factory = orm.new_session_factory(url)
    with closing(factory()) as session:
        user = orm.User(name="minji")
        session.add(user)
        session.flush()
        server = orm.Server(proto="http", ip="10.0.0.1", port=8888, base_url="/user/minji/")
        session.add(orm.Spawner(name="", user=user, server=server, state={"object_id": "abc"}))
        session.commit()
        session.get_bind().dispose()


def rows_of(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the campus, as the program reads it."""
    database = Database(url)
    try:
        with database.read() as session:
            return {
                table.name: sorted(tuple(map(repr, row)) for row in session.execute(select(table)))
                for table in Base.metadata.sorted_tables
            }
    finally:
        database.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_campus_is_restored_row_for_row_and_goes_on(
    full: Site, kind: str, on: Callable[[str, str], PortalSettings], tmp_path: Path
) -> None:
    back_up(full.settings, tmp_path / "b.tar.gz", homes=True, now=NOW)
    fresh = on("fresh", kind)
    restore(fresh, tmp_path / "b.tar.gz")
    before = rows_of(full.settings.database_url)
    assert sum(map(len, before.values())) > 40
    assert rows_of(fresh.database_url) == before
    stored = {path.name: path.read_bytes() for path in full.settings.storage.rglob("*") if path.is_file()}
    assert {path.name: path.read_bytes() for path in fresh.storage.rglob("*") if path.is_file()} == stored
    assert (fresh.data / "secrets" / "portal_token").stat().st_mode & 0o777 == 0o600
    assert (fresh.homes / "minji" / "empty").stat().st_mode & 0o777 == 0o750
    with started(fresh) as site:
        hand_in(site.campus, COURSE, "first-steps", "minseo.kim")  # keys go on where they were
        with site.client("haneul.lee", locale="ko") as client:
            assert "9.5" in client.get(f"/learn/{COURSE}/first-steps").text


@pytest.mark.parametrize("kind", KINDS)
def test_the_hubs_people_are_restored_and_their_servers_forgotten(
    full: Site, kind: str, on: Callable[[str, str], PortalSettings], tmp_path: Path
) -> None:
    from jupyterhub import orm

    back_up(full.settings, tmp_path / "b.tar.gz", homes=False, now=NOW)
    fresh = on("fresh", kind)
    restore(fresh, tmp_path / "b.tar.gz")
    factory = orm.new_session_factory(fresh.hub_database_url)  # refuses a schema that isn't its own
    with closing(factory()) as session:
        assert [user.name for user in session.scalars(select(orm.User))] == ["minji"]
        spawner = session.scalars(select(orm.Spawner)).one()
        assert (spawner.server, spawner.state) == (None, None)
        session.add(orm.User(name="dohyun"))
        session.commit()
        session.get_bind().dispose()


def test_a_backup_while_people_hand_in_is_of_one_moment(
    full: Site, on: Callable[[str, str], PortalSettings], tmp_path: Path
) -> None:
    stop, written = threading.Event(), []

    def keep_handing_in() -> None:
        while not stop.is_set():
            number = len(written) + 1
            written.append(hand_in(full.campus, COURSE, "cafe-sales", "doyun.han", number=number))

    writer = threading.Thread(target=keep_handing_in)
    writer.start()
    try:
        back_up(full.settings, tmp_path / "b.tar.gz", homes=False, now=NOW)
    finally:
        stop.set()
        writer.join()
    fresh = on("fresh", "sqlite")
    restore(fresh, tmp_path / "b.tar.gz")
    with closing(Database(fresh.database_url)) as database, database.read() as session:
        attempts = session.scalars(select(Attempt)).all()
        marked = set(session.scalars(select(Marking.attempt_id)))
    kept = {path.name for path in fresh.storage.rglob("*") if path.is_file()}
    assert {attempt.id for attempt in attempts} == marked  # both are written in one transaction
    assert [attempt.id for attempt in attempts if not any(name in attempt.sha256 for name in kept)] == []


@pytest.mark.postgres
def test_a_database_that_holds_anything_is_never_restored_over(
    full: Site, on: Callable[[str, str], PortalSettings], tmp_path: Path
) -> None:
    back_up(full.settings, tmp_path / "b.tar.gz", homes=False, now=NOW)
    used = on("used", "postgres")
    migrate(used.database_url)
    with closing(Database(used.database_url)) as database, database.write() as session:
        session.add(Person(username="mine", name="나", created_at=NOW))
    with pytest.raises(Conflict, match=r"is not empty \(\d+ tables\)"):
        restore(used, tmp_path / "b.tar.gz")
    assert not used.data.exists()
    with closing(Database(used.database_url)) as database, database.read() as session:
        assert session.scalars(select(Person.username)).all() == ["mine"]


@pytest.mark.postgres
def test_a_restore_that_fails_halfway_leaves_nothing(
    full: Site, on: Callable[[str, str], PortalSettings], tmp_path: Path
) -> None:
    """The campus's database is restored, the hub's is gone before its turn comes."""
    back_up(full.settings, tmp_path / "b.tar.gz", homes=False, now=NOW)
    broken = on("broken", "postgres")
    hub = broken.hub_database_url

    def cut(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "INSERT INTO spawners" in statement:
            raise Invalid("the cable was cut", "선이 끊겼습니다")

    from sqlalchemy.engine import Engine

    event.listen(Engine, "before_cursor_execute", cut)
    try:
        with pytest.raises(Invalid, match="cable"):
            restore(broken, tmp_path / "b.tar.gz")
    finally:
        event.remove(Engine, "before_cursor_execute", cut)
    for url in (broken.database_url, hub):
        engine = create_engine(url)
        assert inspect(engine).get_table_names() == []
        engine.dispose()
    assert not broken.data.exists()


@pytest.mark.postgres
def test_a_schema_that_this_version_does_not_know_is_one_sentence(
    full: Site, on: Callable[[str, str], PortalSettings], tmp_path: Path
) -> None:
    engine = create_engine(full.settings.database_url)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    engine.dispose()
    if full.settings.database_url.startswith("sqlite"):
        back_up(full.settings, tmp_path / "b.tar.gz", homes=False, now=NOW)
        with pytest.raises(Invalid, match="schema 9999, which this version"):
            restore(on("fresh", "postgres"), tmp_path / "b.tar.gz")
    else:
        with pytest.raises(Invalid, match="schema 9999, which this version"):
            back_up(full.settings, tmp_path / "b.tar.gz", homes=False, now=NOW)
        assert not (tmp_path / "b.tar.gz").exists()


def test_rooms_that_lie_elsewhere_come_along(on: Callable[[str, str], PortalSettings], tmp_path: Path) -> None:
    here = replace(on("campus", "sqlite"), storage=tmp_path / "nas/storage", homes=tmp_path / "nas/homes")
    for path in (here.data / "hub/x", here.storage / "ab/cdef", here.homes / "minji/notes.txt"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    migrate(here.database_url)
    back_up(here, tmp_path / "b.tar.gz", homes=True, now=NOW)
    there = replace(on("fresh", "sqlite"), storage=tmp_path / "other/storage")
    restore(there, tmp_path / "b.tar.gz")
    assert (tmp_path / "other/storage/ab/cdef").read_text() == "cdef"
    assert (there.data / "homes/minji/notes.txt").read_text() == "notes.txt"


def test_a_backup_can_leave_the_secrets_out(on: Callable[[str, str], PortalSettings], tmp_path: Path) -> None:
    (tmp_path / "run-secrets").mkdir()
    (tmp_path / "run-secrets/session_secret").write_text("mounted")
    here = replace(on("campus", "sqlite"), secret_files=(tmp_path / "run-secrets/session_secret",))
    for name in ("secrets/portal_token", "hub/cookie_secret", "bitgoeul.env"):
        (here.data / name).parent.mkdir(parents=True, exist_ok=True)
        (here.data / name).write_text("value")
    back_up(here, tmp_path / "with.tar.gz", homes=False, now=NOW)
    back_up(here, tmp_path / "without.tar.gz", homes=False, secrets=False, now=NOW)

    def names(file: str) -> set[str]:
        with tarfile.open(tmp_path / file) as archive:
            return set(archive.getnames())

    assert names("with.tar.gz") - names("without.tar.gz") == {
        "secrets/portal_token",
        "secrets/session_secret",
        "hub/cookie_secret",
    }
    assert "bitgoeul.env" in names("without.tar.gz")


def test_what_init_made_stays_and_the_rest_is_restored(
    on: Callable[[str, str], PortalSettings], tmp_path: Path
) -> None:
    here = on("campus", "sqlite")
    (here.data / "secrets").mkdir(parents=True)
    (here.data / "secrets/portal_token").write_text("old")
    (here.data / "secrets/of_the_site").write_text("old")
    migrate(here.database_url)
    back_up(here, tmp_path / "b.tar.gz", homes=False, now=NOW)
    fresh = tmp_path / "fresh"
    for command in (["init"], ["restore", str(tmp_path / "b.tar.gz")]):
        done = subprocess.run(
            [sys.executable, "-m", "portal.cli", *command, "--data", str(fresh)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert "kept as they were: secrets/portal_token" in done.stdout
    assert (fresh / "secrets/portal_token").read_text() != "old"
    assert (fresh / "secrets/of_the_site").read_text() == "old"
    assert (fresh / "bitgoeul.db").is_file()


def test_backups_that_lie_in_the_data_folder_are_not_backed_up(
    on: Callable[[str, str], PortalSettings], tmp_path: Path
) -> None:
    here = on("campus", "sqlite")
    (here.data / "backups").mkdir(parents=True)
    migrate(here.database_url)
    back_up(here, here.data / "backups/1.tar.gz", homes=True, now=NOW)
    report = back_up(here, here.data / "backups/2.tar.gz", homes=True, now=NOW)
    assert report.files == 1


@pytest.mark.postgres
def test_a_server_that_only_starts_is_waited_for_and_one_that_refuses_isn_t(tmp_path: Path) -> None:
    said: list[str] = []
    with running_postgres() as url:
        place = Path(make_url(url).query["host"])
        later = threading.Timer(1, lambda: (tmp_path / SOCKET).symlink_to(place / SOCKET))
        later.start()
        began = time.monotonic()
        await_server(url.replace(str(place), str(tmp_path)), said.append)
        assert (tmp_path / SOCKET).exists()
        assert time.monotonic() - began >= 1
        assert len(said) == 1
        assert "Waiting for the database" in said[0]
        await_server(url, said.append)
        await_server(url.replace("/postgres?", "/no-such-database?"), said.append)
        assert len(said) == 1
