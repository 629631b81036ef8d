"""Backup and restore of a data folder."""

from __future__ import annotations

import sqlite3
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cohorts.database import Database, migrate
from cohorts.errors import Conflict, Invalid
from cohorts.models import Person
from portal.backup import back_up
from portal.restore import restore
from portal.settings import PortalSettings

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def settings_of(folder: Path) -> PortalSettings:
    return PortalSettings.from_environment({}, data=folder)


@pytest.fixture
def campus(tmp_path: Path) -> PortalSettings:
    """A data folder with a person in the database, a stored file, a gradebook in use, and a home."""
    settings = settings_of(tmp_path / "campus")
    for name in ("storage/ab", "offerings/jc-1-data", "homes/minji", "logs", "secrets"):
        (settings.data / name).mkdir(parents=True)
    migrate(settings.database_url)
    database = Database(settings.database_url)
    with database.write() as session:
        session.add(Person(username="minji", name="김민지", created_at=NOW))
    database.close()
    (settings.data / "storage/ab/cdef").write_bytes(b"submission")
    (settings.data / "homes/minji/notes.txt").write_text("내 노트")
    (settings.data / "logs/hub.log").write_text("noise")
    with closing(sqlite3.connect(settings.data / "offerings/jc-1-data/gradebook.db")) as gradebook, gradebook:
        gradebook.execute("create table grade (score real)")
        gradebook.execute("insert into grade values (7.5)")
    return settings


def test_what_was_backed_up_is_there_after_a_restore(campus: PortalSettings, tmp_path: Path) -> None:
    report = back_up(campus, tmp_path / "b.tar.gz", homes=True, now=NOW)
    fresh = settings_of(tmp_path / "fresh")
    assert restore(fresh, tmp_path / "b.tar.gz").files == report.files
    with Database(fresh.database_url).read() as session:
        person = session.get(Person, "minji")
        assert person is not None
        assert person.name == "김민지"
    assert (fresh.data / "storage/ab/cdef").read_bytes() == b"submission"
    assert (fresh.data / "homes/minji/notes.txt").read_text() == "내 노트"
    with closing(sqlite3.connect(fresh.data / "offerings/jc-1-data/gradebook.db")) as gradebook:
        assert gradebook.execute("select score from grade").fetchall() == [(7.5,)]
    assert not (fresh.data / "logs").exists()


def test_rows_still_in_the_write_ahead_log_are_backed_up(campus: PortalSettings, tmp_path: Path) -> None:
    database = Database(campus.database_url)
    with database.write() as session:
        session.add(Person(username="dohyun", name="정도현", created_at=NOW))
    assert campus.data.joinpath("bitgoeul.db-wal").stat().st_size > 0
    back_up(campus, tmp_path / "b.tar.gz", homes=False, now=NOW)
    database.close()
    fresh = settings_of(tmp_path / "fresh")
    restore(fresh, tmp_path / "b.tar.gz")
    with Database(fresh.database_url).read() as session:
        assert session.get(Person, "dohyun") is not None
    assert not (fresh.data / "homes").exists()


def test_a_backup_is_never_overwritten(campus: PortalSettings, tmp_path: Path) -> None:
    target = tmp_path / "b.tar.gz"
    target.write_text("precious")
    with pytest.raises(Conflict, match="exists already"):
        back_up(campus, target, homes=True, now=NOW)
    assert target.read_text() == "precious"


def test_a_folder_in_use_is_never_restored_over(campus: PortalSettings, tmp_path: Path) -> None:
    back_up(campus, tmp_path / "b.tar.gz", homes=True, now=NOW)
    with pytest.raises(Conflict, match="not empty"):
        restore(campus, tmp_path / "b.tar.gz")


def test_only_its_owner_can_read_a_backup(campus: PortalSettings, tmp_path: Path) -> None:
    back_up(campus, tmp_path / "b.tar.gz", homes=True, now=NOW)
    assert (tmp_path / "b.tar.gz").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", ["cut", "text", "foreign", "flipped"])
def test_a_damaged_or_foreign_file_restores_nothing(campus: PortalSettings, tmp_path: Path, damage: str) -> None:
    source = tmp_path / "b.tar.gz"
    back_up(campus, source, homes=True, now=NOW)
    if damage == "cut":
        source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    elif damage == "text":
        source.write_text("not an archive")
    elif damage == "foreign":
        with tarfile.open(source, "w:gz") as archive:
            archive.add(campus.data / "storage/ab/cdef", "cdef")
    else:
        whole = restored_with_one_byte_changed(source, tmp_path)
        source.write_bytes(whole)
    with pytest.raises(Invalid, match="not a whole backup"):
        restore(settings_of(tmp_path / "fresh"), source)
    assert not (tmp_path / "fresh").exists()
    assert list(tmp_path.glob(".bitgoeul-*")) == []


@pytest.mark.parametrize("name", ["../outside", "/tmp/bitgoeul-outside"])
def test_a_backup_that_climbs_is_refused(tmp_path: Path, name: str) -> None:
    source = tmp_path / "b.tar.gz"
    with tarfile.open(source, "w:gz") as archive:
        header = tarfile.TarInfo(name)
        archive.addfile(header)
    with pytest.raises(Invalid, match="not a plain file inside"):
        restore(settings_of(tmp_path / "below" / "fresh"), source)
    assert not (tmp_path / "below" / "outside").exists()
    assert not Path("/tmp/bitgoeul-outside").exists()


def restored_with_one_byte_changed(source: Path, tmp_path: Path) -> bytes:
    """The same archive, packed anew with one stored file changed and the manifest as it was."""
    folder = tmp_path / "unpacked"
    with tarfile.open(source) as archive:
        names = archive.getnames()
        for name in names:
            member = archive.extractfile(name)
            assert member is not None
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(member.read())
    (folder / "storage/ab/cdef").write_bytes(b"submissioM")
    with tarfile.open(tmp_path / "changed.tar.gz", "w:gz") as archive:
        for name in names:
            archive.add(folder / name, name)
    return (tmp_path / "changed.tar.gz").read_bytes()
