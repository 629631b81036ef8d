"""Backup of a campus: databases as of one moment, storage, offerings, settings, secrets, homes; one file.

The archive is a gzipped tar that ends with `manifest.json`: format, version, time, the SHA-256 of every file, mode and
owner of every folder; one that was cut off has none. Databases are copied before the storage is read: files are stored
before the rows that name them, so every row in the copy finds its file in the archive, also while the campus runs.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cohorts.errors import Conflict, Invalid
from portal.backup_layout import CAMPUS_DATABASE, HUB_DATABASE, MANIFEST, OWN_PREFIX, Layout, is_companion, is_database
from portal.database_copy import copy_database
from portal.database_schemas import make_campus_schema, make_hub_schema
from portal.settings import PortalSettings

FORMAT = 1
SCHEMAS = {CAMPUS_DATABASE: make_campus_schema, HUB_DATABASE: make_hub_schema}


@dataclass(frozen=True)
class BackupReport:
    """What a backup or a restore carried: number of files and their bytes before compression."""

    files: int
    size: int
    kept: tuple[str, ...] = ()


def back_up(
    settings: PortalSettings, target: Path, *, homes: bool, now: datetime, secrets: bool = True
) -> BackupReport:
    """Write the campus's data to `target`, which must not exist; it appears there whole or not at all."""
    if target.exists():
        raise Conflict(
            f"{target} exists already. Name another file, so that no backup is overwritten.",
            f"{target} 파일이 이미 있습니다. 백업을 덮어쓰지 않도록 다른 이름을 쓰세요.",
        )
    if not settings.data.is_dir():
        raise Invalid(
            f"{settings.data} holds no campus. Name its data folder with --data.",
            f"{settings.data} 에는 캠퍼스가 없습니다. --data 로 데이터 폴더를 알려 주세요.",
        )
    layout = Layout(settings)
    with tempfile.TemporaryDirectory(dir=_parent(target), prefix=f"{OWN_PREFIX}backup-") as folder:
        scratch = Path(folder)
        entries = _copied_databases(layout, scratch, secrets=secrets)
        for name, path in layout.files(homes=homes, secrets=secrets):
            if not is_database(name) and not is_companion(name):
                entries[name] = path
        partial = scratch / "backup.partial"
        with tarfile.open(partial, "w:gz", compresslevel=6) as archive:
            report = _write(archive, entries, layout, scratch / "copy", homes=homes, now=now)
        partial.chmod(0o600)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.rename(target)
        return report


def _parent(target: Path) -> Path:
    parent = target.resolve().parent
    if not parent.is_dir():
        raise Invalid(
            f"The folder {parent} is not there. Make it, or name a file elsewhere.",
            f"{parent} 폴더가 없습니다. 폴더를 만들거나 다른 곳을 지정하세요.",
        )
    return parent


def _write(
    archive: tarfile.TarFile, entries: dict[str, Path], layout: Layout, copy: Path, *, homes: bool, now: datetime
) -> BackupReport:
    folders = {
        name: [status.st_mode & 0o777, status.st_uid, status.st_gid]
        for name, path in layout.folders(homes=homes)
        if (status := _status(path)) is not None
    }
    digests: dict[str, str] = {}
    size = 0
    for name, path in sorted(entries.items()):
        if (copied := _add(archive, name, path, copy)) is not None:
            digests[name] = copied[0]
            size += copied[1]
    manifest = {
        "format": FORMAT,
        "version": importlib.metadata.version("bitgoeul"),
        "made_at": now.isoformat(),
        "folders": folders,
        "files": digests,
    }
    text = json.dumps(manifest, indent=1).encode()
    header = tarfile.TarInfo(MANIFEST)
    header.size = len(text)
    archive.addfile(header, io.BytesIO(text))
    return BackupReport(len(digests), size)


def _add(archive: tarfile.TarFile, name: str, path: Path, copy: Path) -> tuple[str, int] | None:
    """Add one file by way of a copy, since it may change while it is read; its SHA-256 and size, None if it is gone."""
    try:
        status = path.stat()
        shutil.copy2(path, copy)
    except FileNotFoundError:
        return None
    header = archive.gettarinfo(copy, name)
    header.uid, header.gid, header.uname, header.gname = status.st_uid, status.st_gid, "", ""
    with copy.open("rb") as content:
        archive.addfile(header, content)
    with copy.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest(), header.size


def _copied_databases(layout: Layout, scratch: Path, *, secrets: bool) -> dict[str, Path]:
    """Copies of every database, by the name they have in the archive."""
    entries: dict[str, Path] = {}
    for name, path in layout.files(homes=False, secrets=secrets):
        if is_database(name) and path not in (
            layout.database_file(CAMPUS_DATABASE),
            layout.database_file(HUB_DATABASE),
        ):
            entries[name] = _copy_file(path, scratch / hashlib.sha256(name.encode()).hexdigest())
    for number, (name, url) in enumerate(layout.databases.items()):
        file, copy = layout.database_file(name), scratch / f"database-{number}"
        if file is None:
            copy_database(url, f"sqlite:///{copy}", SCHEMAS[name])
            copy.chmod(0o600)
            entries[name] = copy
        elif file.is_file():
            entries[name] = _copy_file(file, copy)
    return entries


def _copy_file(path: Path, copy: Path) -> Path:
    """A SQLite database as of now, by its own online backup."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as old, closing(sqlite3.connect(copy)) as new:
        old.backup(new)
    copy.chmod(path.stat().st_mode & 0o777)
    return copy


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
