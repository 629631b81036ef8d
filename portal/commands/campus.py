"""The campus as commands see it: its settings, database, storage and catalogue, without a running portal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cohorts.errors import CampusError
from portal.settings import PortalSettings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cohorts.database import Database
    from courses.model import Catalogue
    from grader.storage import Storage


@dataclass(frozen=True)
class CommandCampus:
    """What `portal.campus` needs to act; the catalogue and the storage are opened when they are asked for."""

    settings: PortalSettings
    database: Database

    @property
    def storage(self) -> Storage:
        from grader.storage import Storage

        return Storage(self.settings.storage)

    @property
    def catalogue(self) -> Catalogue:
        from courses.catalogue import load_catalogue

        return load_catalogue(self.settings.courses)

    def administrator(self, session: Session, username: str | None) -> str:
        """Whose act this is: `username` if they are an administrator, otherwise the first one the campus has.

        Administrators by setting (BITGOEUL_ADMINS) count, even where no portal has run yet.
        """
        from datetime import UTC, datetime

        from sqlalchemy import select

        from cohorts.access import require_admin
        from cohorts.models import Person
        from cohorts.people import ensure_administrators

        ensure_administrators(session, self.settings.admins, now=datetime.now(UTC))
        if username is not None:
            return require_admin(session, username).username
        found = session.scalar(
            select(Person.username).where(Person.is_admin).order_by(Person.created_at, Person.username)
        )
        if found is None:
            raise CampusError(
                "The campus has no administrator in whose name a roster could be imported. "
                "Name one: BITGOEUL_ADMINS=USERNAME bitgoeul roster ...",
                "명단을 올릴 관리자가 없습니다. BITGOEUL_ADMINS=아이디 로 관리자를 정해 주세요.",
            )
        return found


@contextmanager
def open_campus(data: Path, *, create: bool = False) -> Iterator[CommandCampus]:
    """The campus in the folder `data`; with `create` an empty one is made where there is none."""
    import os

    from sqlalchemy.engine import make_url

    from cohorts.database import Database, migrate

    settings = PortalSettings.from_environment(os.environ, data=data)
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        if not create:
            raise CampusError(
                f"There is no campus in {settings.data}: name its folder with --data, or start one with `bitgoeul up`.",
                f"{settings.data} 폴더에 캠퍼스가 없습니다. --data로 폴더를 지정하거나 `bitgoeul up`으로 시작하세요.",
            )
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    migrate(settings.database_url)
    database = Database(settings.database_url)
    try:
        yield CommandCampus(settings, database)
    finally:
        database.close()
