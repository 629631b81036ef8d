"""Backup and restore of a campus's data folder: databases as of one moment, storage, offerings, settings, homes.

The archive is a gzipped tar that ends with `manifest.json`: format, time, the SHA-256 of every file; one that was cut
off has none. Databases are copied with SQLite's online backup before the storage is read: files are stored before the
rows that name them, so every row in the copy finds its file in the archive, also while the campus runs.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from sqlalchemy.engine import make_url

from cohorts.errors import Conflict, Invalid
from portal.settings import PortalSettings

FORMAT = 1
MANIFEST = "manifest.json"
HUB_DATABASE = "hub/jupyterhub.sqlite"
POSTGRES_DUMP = "database.pg_dump"
#: never part of a backup: they belong to processes that run
LEFT_OUT_FOLDERS = {"logs"}
LEFT_OUT_NAMES = {".lock", "jupyterhub-proxy.pid"}
SQLITE_SUFFIXES = (".db", ".sqlite")
SQLITE_COMPANIONS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True)
class BackupReport:
    """What a backup or a restore carried: number of files and their bytes before compression."""

    files: int
    size: int


def back_up(settings: PortalSettings, target: Path, *, homes: bool, now: datetime) -> BackupReport:
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
    with tempfile.TemporaryDirectory(dir=target.resolve().parent, prefix=".bitgoeul-backup-") as folder:
        scratch = Path(folder)
        entries = _snapshot_databases(settings, scratch)
        entries.update(_plain_files(settings.data, homes=homes))
        partial = scratch / "backup.partial"
        digests: dict[str, str] = {}
        size = 0
        with tarfile.open(partial, "w:gz", compresslevel=6) as archive:
            for name, path in sorted(entries.items()):
                if (copied := _add(archive, name, path, scratch / "copy")) is not None:
                    digests[name] = copied[0]
                    size += copied[1]
            manifest = {"format": FORMAT, "made_at": now.isoformat(), "files": digests}
            text = json.dumps(manifest, indent=1).encode()
            header = tarfile.TarInfo(MANIFEST)
            header.size = len(text)
            archive.addfile(header, io.BytesIO(text))
        partial.chmod(0o600)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.rename(target)
        return BackupReport(len(digests), size)


def restore(settings: PortalSettings, source: Path) -> BackupReport:
    """Bring the backup `source` into the data folder, which must be empty or missing; checks every SHA-256."""
    data = settings.data
    if data.exists() and any(data.iterdir()):
        raise Conflict(
            f"{data} is not empty. Restore into a new folder: --data FOLDER",
            f"{data} 폴더가 비어 있지 않습니다. 새 폴더에 복원하세요: --data 폴더",
        )
    data.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=data.parent, prefix=".bitgoeul-restore-"))
    try:
        report = _extract(source, scratch)
        dump = scratch / POSTGRES_DUMP
        if dump.exists():
            _restore_postgres(settings.database_url, dump)
            dump.unlink()
        _forget_running_servers(scratch / HUB_DATABASE)
        if data.exists():
            data.rmdir()
        scratch.chmod(0o700)
        scratch.rename(data)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return report


def _add(archive: tarfile.TarFile, name: str, path: Path, copy: Path) -> tuple[str, int] | None:
    """Add one file by way of a copy, since it may change while it is read; its SHA-256 and size, None if it is gone."""
    try:
        shutil.copy2(path, copy)
    except FileNotFoundError:
        return None
    archive.add(copy, name, recursive=False)
    return _sha256(copy), copy.stat().st_size


def _snapshot_databases(settings: PortalSettings, scratch: Path) -> dict[str, Path]:
    """Copies of every database, by the name they have in the archive."""
    entries: dict[str, Path] = {}
    for path in _walk(settings.data):
        name = path.relative_to(settings.data).as_posix()
        if name.startswith("homes/") or path.suffix not in SQLITE_SUFFIXES:
            continue
        copy = scratch / hashlib.sha256(name.encode()).hexdigest()
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as old, closing(sqlite3.connect(copy)) as new:
            old.backup(new)
        copy.chmod(0o600)
        entries[name] = copy
    if make_url(settings.database_url).get_backend_name() == "postgresql":
        copy = scratch / POSTGRES_DUMP
        _run_postgres("pg_dump", settings.database_url, "--format=custom", "--no-owner", f"--file={copy}")
        entries[POSTGRES_DUMP] = copy
    return entries


def _plain_files(data: Path, *, homes: bool) -> dict[str, Path]:
    entries: dict[str, Path] = {}
    for path in _walk(data):
        relative = path.relative_to(data)
        name = relative.as_posix()
        at_home = relative.parts[0] == "homes"
        if at_home and not homes:
            continue
        database = not at_home and (path.suffix in SQLITE_SUFFIXES or path.name.endswith(SQLITE_COMPANIONS))
        if not database:
            entries[name] = path
    return entries


def _walk(data: Path) -> Iterator[Path]:
    """Regular files below `data`, without links, temporaries of running processes and logs."""
    for folder, folders, files in os.walk(data):
        here = Path(folder)
        folders[:] = [name for name in folders if not (here == data and name in LEFT_OUT_FOLDERS)]
        for name in files:
            path = here / name
            if name not in LEFT_OUT_NAMES and not path.is_symlink() and path.is_file():
                yield path


def _extract(source: Path, folder: Path) -> BackupReport:
    try:
        with tarfile.open(source, "r:gz") as archive:
            size = 0
            for member in archive:
                _extract_file(archive, member, folder)
                size += member.size
        manifest = json.loads((folder / MANIFEST).read_text())
        if manifest["format"] != FORMAT:
            raise _not_a_backup(source, f"its format is {manifest['format']}, this version reads {FORMAT}")
        expected: dict[str, str] = manifest["files"]
        (folder / MANIFEST).unlink()
    except (tarfile.TarError, OSError, EOFError, ValueError, KeyError) as error:
        raise _not_a_backup(source, str(error)) from error
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    if unlisted := found - set(expected):
        raise _not_a_backup(source, f"{min(unlisted)} is not in its manifest")
    for name, digest in expected.items():
        path = folder / name
        if not path.is_file() or _sha256(path) != digest:
            raise _not_a_backup(source, f"{name} is missing or damaged")
    return BackupReport(len(expected), size)


def _extract_file(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Write one member below `folder`; a backup holds plain files with relative names and nothing else."""
    name = PurePosixPath(member.name)
    content = archive.extractfile(member) if member.isreg() else None
    if content is None or name.is_absolute() or ".." in name.parts:
        raise tarfile.TarError(f"{member.name!r} is not a plain file inside the backup")
    target = folder / name
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with content, target.open("xb") as file:
        shutil.copyfileobj(content, file)
    target.chmod(member.mode & 0o777)
    os.utime(target, (member.mtime, member.mtime))


def _forget_running_servers(path: Path) -> None:
    """Servers that ran when the backup was made do not run here, and must not be adopted where they still do.

    Tables of JupyterHub's `jupyterhub/orm.py`.
    """
    if not path.exists():
        return
    with closing(sqlite3.connect(path)) as hub, hub:
        hub.execute("UPDATE spawners SET server_id = NULL, state = NULL")
        hub.execute(
            "DELETE FROM servers WHERE id NOT IN (SELECT _server_id FROM services WHERE _server_id IS NOT NULL)"
        )


def _not_a_backup(source: Path, why: str = "") -> Invalid:
    reason = f" ({why})" if why else ""
    return Invalid(
        f"{source} is not a whole backup of a campus{reason}. Use a file that `bitgoeul backup` wrote.",
        f"{source} 는 온전한 백업 파일이 아닙니다{reason}. `bitgoeul backup` 이 만든 파일을 쓰세요.",
    )


def _restore_postgres(url: str, dump: Path) -> None:
    if make_url(url).get_backend_name() != "postgresql":
        raise Invalid(
            "This backup holds a PostgreSQL database. Set BITGOEUL_DATABASE_URL to an empty PostgreSQL database.",
            "이 백업은 PostgreSQL 데이터를 담고 있습니다. BITGOEUL_DATABASE_URL 에 빈 데이터베이스를 지정하세요.",
        )
    _run_postgres("pg_restore", url, "--no-owner", "--exit-on-error", "--single-transaction", str(dump))


def _run_postgres(program: str, url: str, *options: str) -> None:
    parsed = make_url(url)
    environment = {**os.environ, "PGPASSWORD": str(parsed.password or "")}
    target = parsed.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    try:
        result = subprocess.run(
            [program, f"--dbname={target}", *options], env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise Invalid(
            f"{program} is not on this machine. Install PostgreSQL's client programs.",
            f"{program} 프로그램이 없습니다. PostgreSQL 클라이언트를 설치하세요.",
        ) from error
    if result.returncode:
        raise Invalid(f"{program} failed: {result.stderr.strip()}", f"{program} 실패: {result.stderr.strip()}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
