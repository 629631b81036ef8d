"""Files of the campus by their content: releases, submissions, feedback.

Owns the folder it is given: `ab/cdef...` is the file whose SHA-256 is `abcdef...`, `incoming/` holds what is still
arriving. Nothing is ever overwritten. A file appears under its name only when all of it is on the disk: written to a
temporary name in the same file system, fsynced, renamed, folder fsynced. Refuses names that are no SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, BinaryIO

from cohorts.errors import NotFound

INCOMING = "incoming"
ABANDONED_AFTER = timedelta(days=1)
SHA256 = re.compile(r"[0-9a-f]{64}")


class Staged:
    """A file on its way in. Gone when its `stage()` block ends, unless `keep()` was called."""

    def __init__(self, storage: Storage, path: Path) -> None:
        self._storage = storage
        self._path = path
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file: IO[bytes] = os.fdopen(descriptor, "wb", buffering=0)
        self._hash = hashlib.sha256()
        self._kept = False
        self.size = 0

    @property
    def sha256(self) -> str:
        """SHA-256 of what was written so far, in hexadecimal."""
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> int:
        view = memoryview(chunk)
        while view:
            view = view[self._file.write(view) :]
        self._hash.update(chunk)
        self.size += len(chunk)
        return len(chunk)

    def flush(self) -> None:
        """Nothing waits in a buffer."""

    def open(self) -> BinaryIO:
        """What was written so far, for a look before it is kept."""
        return self._path.open("rb")

    def seal(self) -> None:
        """Put the content on the disk, so that a later `keep()` only has to rename."""
        if not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()

    def keep(self) -> str:
        """Make the file part of the storage, durably; returns its SHA-256. Kept twice is kept once."""
        if not self._kept:
            self.seal()
            target = self._storage.path(self.sha256)
            _ensure_folder(target.parent)
            if target.exists():
                self._path.unlink()
            else:
                self._path.rename(target)
            _sync_folder(target.parent)
            self._kept = True
        return self.sha256

    def discard(self) -> None:
        """Close it and, unless it was kept, remove it."""
        self._file.close()
        if not self._kept:
            self._path.unlink(missing_ok=True)


class Storage:
    """A content-addressed store below `root`, which is made on first use; folders 0700, files 0600."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def stage(self) -> Iterator[Staged]:
        """A file to write to, look at, and then `keep()`; forgotten when the block ends without."""
        folder = self.root / INCOMING
        _ensure_folder(folder)
        staged = Staged(self, folder / secrets.token_hex(16))
        try:
            yield staged
        finally:
            staged.discard()

    @contextmanager
    def writer(self) -> Iterator[Staged]:
        """A file to write to, kept when the block ends well; `.sha256` and `.size` tell what was written."""
        with self.stage() as staged:
            yield staged
            staged.keep()

    def put_bytes(self, data: bytes) -> str:
        """Store `data`; returns its SHA-256."""
        with self.writer() as staged:
            staged.write(data)
        return staged.sha256

    def path(self, sha256: str) -> Path:
        """Where the file named `sha256` is, or would be."""
        if not SHA256.fullmatch(sha256):
            raise ValueError(f"{sha256!r} is no SHA-256; expected 64 lower-case hexadecimal digits")
        return self.root / sha256[:2] / sha256[2:]

    def has(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def open(self, sha256: str) -> BinaryIO:
        """The file named `sha256`, for reading."""
        try:
            return self.path(sha256).open("rb")
        except FileNotFoundError:
            raise NotFound(
                f"The file {sha256[:12]} is not in the storage. Restore it from the backup.",
                f"저장소에 파일 {sha256[:12]}이(가) 없습니다. 백업에서 복원하세요.",
            ) from None

    def sweep(self, now: datetime, older_than: timedelta = ABANDONED_AFTER) -> int:
        """Remove what was left half-written longer ago than `older_than`; returns how many files."""
        removed = 0
        limit = (now - older_than).timestamp()
        folder = self.root / INCOMING
        for path in folder.iterdir() if folder.is_dir() else ():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < limit:
                    path.unlink()
                    removed += 1
        return removed


def _ensure_folder(folder: Path) -> None:
    """Make `folder` and its parents, private, and the new names durable."""
    if folder.is_dir():
        return
    _ensure_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
