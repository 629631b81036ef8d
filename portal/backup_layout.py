"""What a backup holds, under which names, and where each name belongs on a campus. Reads and writes nothing.

Names are the same for every campus, wherever its settings put things: `bitgoeul.db`, `hub/jupyterhub.sqlite`,
`storage/`, `offerings/`, `homes/`, `secrets/`, and what else lies in the data folder. Databases are SQLite files in a
backup, whatever the campus keeps them in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sqlalchemy import make_url

from portal.settings import PortalSettings

MANIFEST = "manifest.json"
CAMPUS_DATABASE = "bitgoeul.db"
HUB_DATABASE = "hub/jupyterhub.sqlite"
SETTINGS_FILE = "bitgoeul.env"
#: never part of a backup: they belong to processes that run, or are backups themselves
LEFT_OUT_FOLDERS = {"logs", "backups"}
LEFT_OUT_NAMES = {".lock", "jupyterhub-proxy.pid"}
OWN_PREFIX = ".bitgoeul-"
SQLITE_SUFFIXES = (".db", ".sqlite")
SQLITE_COMPANIONS = ("-wal", "-shm", "-journal")
SECRETS = ("secrets/", "hub/cookie_secret", "tls/")
#: what may be in the data folder of a campus that is still empty: `bitgoeul init` makes it, and it wins
MAY_BE_THERE = ("secrets", "tls", SETTINGS_FILE)


@dataclass(frozen=True)
class Layout:
    """The places of one campus."""

    settings: PortalSettings

    @property
    def rooms(self) -> dict[str, Path]:
        """The folders that settings may put anywhere, by their name in a backup."""
        return {"storage": self.settings.storage, "offerings": self.settings.offerings, "homes": self.settings.homes}

    @property
    def databases(self) -> dict[str, str]:
        """URLs of the campus's and the hub's database, by their name in a backup."""
        return {CAMPUS_DATABASE: self.settings.database_url, HUB_DATABASE: self.settings.hub_database_url}

    def database_file(self, name: str) -> Path | None:
        """Where that database is a file; None where a server keeps it."""
        url = make_url(self.databases[name])
        return Path(url.database or "") if url.get_backend_name() == "sqlite" else None

    def place(self, name: str) -> Path:
        """Where the file called `name` in a backup belongs here."""
        if name in self.databases and (file := self.database_file(name)) is not None:
            return file
        first, *rest = PurePosixPath(name).parts
        return self.rooms[first].joinpath(*rest) if first in self.rooms and rest else self.settings.data / name

    def folders(self, *, homes: bool) -> Iterator[tuple[str, Path]]:
        """Every folder below the rooms, with its name in a backup."""
        for room, place in self.rooms.items():
            if (room != "homes" or homes) and place.is_dir():
                for folder, _, _ in os.walk(place):
                    yield _name(room, place, Path(folder)), Path(folder)

    def files(self, *, homes: bool, secrets: bool) -> Iterator[tuple[str, Path]]:
        """Every regular file that belongs into a backup, databases included, with its name there."""
        rooms = {place.resolve() for place in self.rooms.values()}
        for path in _walk(self.settings.data, without=rooms):
            name = path.relative_to(self.settings.data).as_posix()
            if secrets or not name.startswith(SECRETS):
                yield name, path
        for room, place in self.rooms.items():
            if room != "homes" or homes:
                for path in _walk(place, without=set()):
                    yield _name(room, place, path), path
        for path in self.settings.secret_files if secrets else ():
            if path.is_file() and self.settings.data not in path.resolve().parents:
                yield f"secrets/{path.name}", path


def is_database(name: str) -> bool:
    """Whether a file of that name is copied as a database; in homes nothing is, people's files are theirs."""
    return not name.startswith("homes/") and name.endswith(SQLITE_SUFFIXES)


def is_companion(name: str) -> bool:
    """Whether it is what SQLite keeps beside a database; the copy doesn't need it."""
    return not name.startswith("homes/") and name.endswith(SQLITE_COMPANIONS)


def in_the_way(layout: Layout) -> Path | None:
    """Something that a campus to be restored into must not hold; None where it is empty."""
    data = layout.settings.data
    rooms = [place for place in layout.rooms.values() if place.is_dir()]
    allowed = {data / name for name in (*MAY_BE_THERE, *LEFT_OUT_FOLDERS)}
    for path in _walk(data, without=set(), everything=True) if data.is_dir() else ():
        if not any(path == one or one in path.parents for one in allowed):
            return path
    return next((path for room in rooms for path in _walk(room, without=set(), everything=True)), None)


def _name(room: str, place: Path, path: Path) -> str:
    return PurePosixPath(room, path.relative_to(place).as_posix()).as_posix()


def _walk(top: Path, *, without: set[Path], everything: bool = False) -> Iterator[Path]:
    """Regular files below `top`, without links, temporaries of running processes and logs; or else all but folders."""
    for folder, folders, files in os.walk(top):
        here = Path(folder)
        folders[:] = [
            name
            for name in folders
            if not name.startswith(OWN_PREFIX)
            and not (here == top and name in LEFT_OUT_FOLDERS)
            and (here / name).resolve() not in without
        ]
        for name in files:
            path = here / name
            if everything or (name not in LEFT_OUT_NAMES and not path.is_symlink() and path.is_file()):
                yield path
