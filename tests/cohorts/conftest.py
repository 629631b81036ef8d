"""A campus database in a temporary folder, a small catalogue, an administrator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from cohorts.cohorts import create_cohort
from cohorts.database import Database, migrate
from cohorts.people import ensure_person
from courses.model import Catalogue, Course, Text, Track

NOW = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)
WORDS = Text("글", "words")


def small_catalogue() -> Catalogue:
    """Two courses on one track; nothing on disk is needed to open a cohort on it."""
    courses = tuple(
        Course(key, "job-conversion", WORDS, WORDS, 40, "cpu", (), Path("/nowhere"))
        for key in ("python-data", "machine-learning")
    )
    return Catalogue((Track("job-conversion", WORDS, WORDS, courses),))


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def catalogue() -> Catalogue:
    return small_catalogue()


@contextmanager
def furnished(url: str) -> Iterator[Database]:
    """A database with the administrator `admin` and the cohort `jc-2026-1`."""
    migrate(url)
    database = Database(url)
    try:
        with database.write() as session:
            ensure_person(session, username="admin", name="관리자", is_admin=True, now=NOW)
            create_cohort(
                session,
                small_catalogue(),
                cohort_id="jc-2026-1",
                track="job-conversion",
                starts_on=date(2026, 3, 2),
                title="직무전환 2026년 1기",
                now=NOW,
            )
        yield database
    finally:
        database.close()


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A furnished database: SQLite, or where a test asks for `database_url`, each kind in turn."""
    with_url = "database_url" in request.fixturenames
    url = request.getfixturevalue("database_url") if with_url else f"sqlite:///{tmp_path / 'bitgoeul.db'}"
    with furnished(url) as database:
        yield database


@pytest.fixture
def import_roster(database: Database) -> Callable[..., None]:
    """Preview and apply a roster given as text."""
    from cohorts.roster import apply_import, preview_roster

    def run(text: str, *, cohort_id: str = "jc-2026-1", confirm: bool = False) -> None:
        with database.write() as session:
            preview = preview_roster(
                session, cohort_id=cohort_id, filename="roster.csv", data=text.encode(), by="admin", now=NOW
            )
            apply_import(session, preview.id, by="admin", now=NOW, confirm=confirm)

    return run
