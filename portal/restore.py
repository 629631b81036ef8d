"""Restore of a backup into an empty campus: everything is verified before anything is put in its place.

What `bitgoeul init` made stays: the programs have been told those secrets already. A restore that fails leaves the
campus as empty as it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import Any

from cohorts.errors import Conflict, Invalid
from portal.backup import FORMAT, SCHEMAS, BackupReport
from portal.backup_layout import HUB_DATABASE, MANIFEST, MAY_BE_THERE, OWN_PREFIX, Layout, in_the_way
from portal.database_copy import copy_database, empty, require_empty
from portal.settings import PortalSettings

EARLIER_DUMP = "database.pg_dump"


def restore(settings: PortalSettings, source: Path) -> BackupReport:
    """Bring the backup `source` into the campus, which must be empty or missing; checks every SHA-256.

    Conflict where there is anything but what `bitgoeul init` makes; Invalid for what is no whole backup.
    """
    layout = Layout(settings)
    if (found := in_the_way(layout)) is not None:
        raise Conflict(
            f"{settings.data} is not empty: {found} is there. Restore into a new folder: --data FOLDER",
            f"{settings.data} 폴더가 비어 있지 않습니다({found}). 새 폴더에 복원하세요: --data 폴더",
        )
    servers = {name: url for name, url in layout.databases.items() if layout.database_file(name) is None}
    for url in servers.values():
        require_empty(url)
    made = not settings.data.exists()
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=settings.data, prefix=f"{OWN_PREFIX}restore-"))
    placed: list[Path] = []
    filled: list[str] = []
    try:
        report, folders = _extract(source, scratch)
        if (scratch / HUB_DATABASE).exists():
            _forget_running_servers(scratch / HUB_DATABASE)
        for name, url in servers.items():
            if (scratch / name).exists():
                filled.append(url)
                copy_database(f"sqlite:///{scratch / name}", url, SCHEMAS[name])
                (scratch / name).unlink()
        kept = _place(layout, scratch, placed)
        _set_folders(layout, folders)
    except BaseException:
        for url in filled:
            empty(url)
        _undo(layout, placed)
        shutil.rmtree(scratch, ignore_errors=True)
        if made:
            shutil.rmtree(settings.data, ignore_errors=True)
        raise
    shutil.rmtree(scratch)
    return BackupReport(report.files, report.size, kept)


def _place(layout: Layout, scratch: Path, placed: list[Path]) -> tuple[str, ...]:
    """Move what was extracted to where it belongs; the names of what was there already and stays."""
    kept = []
    for path in sorted(scratch.rglob("*")):
        if path.is_dir():
            continue
        name = path.relative_to(scratch).as_posix()
        target = layout.place(name)
        if PurePosixPath(name).parts[0] in MAY_BE_THERE and target.exists():
            kept.append(name)
            continue
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        placed.append(target)
        shutil.move(path, target)
    return tuple(kept)


def _undo(layout: Layout, placed: list[Path]) -> None:
    """Take away what was placed, and the folders that became empty by it."""
    tops = {layout.settings.data, *layout.rooms.values()}
    for path in placed:
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder in tops or any(folder in top.parents for top in tops):
                break
            try:
                folder.rmdir()
            except OSError:
                break


def _set_folders(layout: Layout, folders: dict[str, list[int]]) -> None:
    """Make the folders of the rooms as they were, empty ones too; owners as far as this account may."""
    for name, (mode, uid, gid) in sorted(folders.items()):
        folder = layout.rooms.get(name) or layout.place(name)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(folder, uid, gid)
        folder.chmod(mode)


def _extract(source: Path, folder: Path) -> tuple[BackupReport, dict[str, list[int]]]:
    try:
        with tarfile.open(source, "r:gz") as archive:
            size = 0
            for member in archive:
                _extract_file(archive, member, folder)
                size += member.size
        if (folder / EARLIER_DUMP).exists():
            raise _not_a_backup(source, "it holds a dump that an earlier version made; restore it with that version")
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        if manifest["format"] != FORMAT:
            raise _not_a_backup(source, f"its format is {manifest['format']}, this version reads {FORMAT}")
        expected: dict[str, str] = manifest["files"]
        folders: dict[str, list[int]] = manifest.get("folders", {})
        (folder / MANIFEST).unlink()
    except (tarfile.TarError, OSError, EOFError, ValueError, KeyError) as error:
        raise _not_a_backup(source, str(error)) from error
    if climbing := [name for name in folders if not _stays_inside(name)]:
        raise _not_a_backup(source, f"{climbing[0]!r} is not a folder inside the backup")
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    if unlisted := found - set(expected):
        raise _not_a_backup(source, f"{min(unlisted)} is not in its manifest")
    for name, digest in expected.items():
        path = folder / name
        if not path.is_file() or _sha256(path) != digest:
            raise _not_a_backup(source, f"{name} is missing or damaged")
    return BackupReport(len(expected), size), folders


def _extract_file(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Write one member below `folder`; a backup holds plain files with relative names and nothing else."""
    content = archive.extractfile(member) if member.isreg() else None
    if content is None or not _stays_inside(member.name):
        raise tarfile.TarError(f"{member.name!r} is not a plain file inside the backup")
    target = folder / member.name
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with content, target.open("xb") as file:
        shutil.copyfileobj(content, file)
    if os.geteuid() == 0:
        os.chown(target, member.uid, member.gid)
    target.chmod(member.mode & 0o777)
    os.utime(target, (member.mtime, member.mtime))


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and bool(path.parts)


def _forget_running_servers(path: Path) -> None:
    """Servers that ran when the backup was made do not run here, and must not be adopted where they still do.

    Tables of JupyterHub's `jupyterhub/orm.py`.
    """
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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
