"""Room on the disks that the campus fills: data, storage, homes, and wherever the container engine keeps its layers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from portal.checks.finding import Finding
from portal.settings import PortalSettings

GIB = 1024**3
FEW_INODES = 0.05


def examine_disks(settings: PortalSettings) -> list[Finding]:
    """A finding for each file system, named after what lies on it."""
    places = {
        "data": settings.data,
        "storage": settings.storage,
        "offerings": settings.offerings,
        "homes": settings.homes,
    }
    systems: dict[int, tuple[list[str], Path]] = {}
    for name, place in places.items():
        there = next(folder for folder in (place, *place.parents) if folder.exists())
        systems.setdefault(there.stat().st_dev, ([], there))[0].append(name)
    return [room("Disk of " + ", ".join(names), place) for names, place in systems.values()]


def room(subject: str, place: Path) -> Finding:
    """How full the file system of `place` is, by bytes and by files."""
    usage = shutil.disk_usage(place)
    files = os.statvfs(place)
    share = usage.free / usage.total if usage.total else 1.0
    what = f"{place}: {usage.free / GIB:,.1f} of {usage.total / GIB:,.1f} GiB free"
    if files.f_files and files.f_favail / files.f_files < FEW_INODES:
        return Finding(subject, "missing", f"{what}, but few files can be made ({files.f_favail})", _remedy())
    if usage.free < GIB:
        return Finding(subject, "missing", what, _remedy())
    if share < 0.1 and usage.free < 50 * GIB:
        return Finding(subject, "weak", what, _remedy())
    return Finding(subject, "ok", what)


def _remedy() -> str:
    return "make room: docker image prune, old backups, homes of former cohorts; or a larger volume"
