"""The content-addressed storage: whole files or none, private, never overwritten."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cohorts.errors import NotFound
from grader.storage import Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "storage")


def files(storage: Storage) -> list[Path]:
    return [path for path in storage.root.rglob("*") if path.is_file()]


def test_a_file_lies_under_its_sha256(storage: Storage) -> None:
    sha256 = storage.put_bytes(b"notebook")
    assert sha256 == hashlib.sha256(b"notebook").hexdigest()
    assert storage.path(sha256) == storage.root / sha256[:2] / sha256[2:]
    with storage.open(sha256) as file:
        assert file.read() == b"notebook"


def test_a_writer_tells_hash_and_size_of_all_chunks(storage: Storage) -> None:
    with storage.writer() as writer:
        for chunk in (b"note", b"", b"book"):
            writer.write(chunk)
    assert (writer.sha256, writer.size) == (hashlib.sha256(b"notebook").hexdigest(), 8)


def test_files_and_folders_are_private(storage: Storage) -> None:
    path = storage.path(storage.put_bytes(b"notebook"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, storage.root, storage.root / "incoming"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_same_content_is_stored_once_and_left_as_it_is(storage: Storage) -> None:
    path = storage.path(storage.put_bytes(b"notebook"))
    before = path.stat()
    storage.put_bytes(b"notebook")
    assert files(storage) == [path]
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_writer_that_fails_leaves_nothing(storage: Storage) -> None:
    def fail() -> None:
        with storage.writer() as writer:
            writer.write(b"half a note")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert files(storage) == []


def test_a_staged_file_that_is_not_kept_leaves_nothing(storage: Storage) -> None:
    with storage.stage() as staged:
        staged.write(b"notebook")
        with staged.open() as file:
            assert file.read() == b"notebook"
        assert not storage.has(staged.sha256)
    assert files(storage) == []


def test_many_writers_of_the_same_content_agree(storage: Storage) -> None:
    content = os.urandom(100_000)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(storage.put_bytes(content))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert set(found) == {hashlib.sha256(content).hexdigest()}
    assert len(found) == 8
    assert files(storage) == [storage.path(found[0])]


def test_what_was_abandoned_a_day_ago_is_swept(storage: Storage) -> None:
    kept = storage.path(storage.put_bytes(b"notebook"))
    old, new = storage.root / "incoming" / "old", storage.root / "incoming" / "new"
    for path in (old, new):
        path.write_bytes(b"half")
    now = datetime.now(UTC)
    os.utime(old, times=((now - timedelta(days=2)).timestamp(),) * 2)
    os.utime(kept, times=((now - timedelta(days=2)).timestamp(),) * 2)
    assert storage.sweep(now) == 1
    assert sorted(files(storage)) == sorted([kept, new])


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n"])
def test_a_name_that_is_no_hash_is_refused(storage: Storage, name: str) -> None:
    with pytest.raises(ValueError, match="no SHA-256"):
        storage.path(name)


def test_a_missing_file_is_said_to_be_missing(storage: Storage) -> None:
    with pytest.raises(NotFound) as caught:
        storage.open("0" * 64)
    assert "backup" in caught.value.message
