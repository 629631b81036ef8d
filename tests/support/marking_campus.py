"""A campus as the worker sees it: a database, a storage, and an offering's course folder with a release."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from small_course import write
from sqlalchemy import select

from cohorts.database import Database, migrate
from cohorts.models import Cohort, Offering, Person
from grader import archive
from grader.models import Assignment, Attempt, Counting, Feedback, FeedbackPolicy, Marking
from grader.storage import Storage

OFFERING = "jc-2026-1-python-data"
NOON = datetime(2026, 3, 20, 3, 0, tzinfo=UTC)
STUDENTS = ("kim", "lee")


@dataclass
class MarkingCampus:
    """Everything a worker needs, and shorthands for what tests look at."""

    root: Path
    database: Database
    storage: Storage

    @property
    def offerings(self) -> Path:
        return self.root / "offerings"

    @property
    def course(self) -> Path:
        return self.offerings / OFFERING

    def submit(self, nb: dict[str, Any] | bytes, username: str = "kim", *, key: str | None = None) -> int:
        """Hand in a notebook (or raw bytes in its place); the attempt's id."""
        folder = self.root / "outbox" / f"{username}-{datetime.now(UTC).timestamp()}"
        if isinstance(nb, bytes):
            folder.mkdir(parents=True)
            (folder / "p1.ipynb").write_bytes(nb)
        else:
            write(nb, folder / "p1.ipynb")
        (folder / "note.txt").write_text("mine", encoding="utf-8")
        return self.attempt(archive.pack(folder), username)

    def attempt(self, bundle: bytes, username: str = "kim") -> int:
        sha256 = self.storage.put_bytes(bundle)
        with self.database.write() as session:
            assignment = session.scalars(select(Assignment)).one()
            number = 1 + len(session.scalars(select(Attempt).where(Attempt.username == username)).all())
            attempt = Attempt(
                assignment_id=assignment.id,
                username=username,
                number=number,
                key=f"{username}-{number}",
                sha256=sha256,
                size=len(bundle),
                received_at=NOON + timedelta(minutes=number),
                late=False,
            )
            session.add(attempt)
            session.flush()
            session.add(Marking(attempt_id=attempt.id, queued_at=NOON))
            return attempt.id

    def markings(self, attempt_id: int | None = None) -> list[Marking]:
        with self.database.read() as session:
            rows = session.scalars(select(Marking).order_by(Marking.id)).all()
            return [row for row in rows if attempt_id in (None, row.attempt_id)]

    def feedback(self, attempt_id: int | None = None) -> list[Feedback]:
        with self.database.read() as session:
            rows = session.scalars(select(Feedback).order_by(Feedback.id)).all()
            return [row for row in rows if attempt_id in (None, row.attempt_id)]

    def html(self, feedback: Feedback) -> str:
        with tarfile.open(fileobj=BytesIO(self.storage.path(feedback.sha256).read_bytes())) as bundle:
            content = bundle.extractfile("p1.html")
            assert content is not None
            return content.read().decode()

    def set_policy(self, *, counting: Counting = Counting.LATEST, feedback: FeedbackPolicy) -> None:
        with self.database.write() as session:
            assignment = session.scalars(select(Assignment)).one()
            assignment.counting, assignment.feedback_policy = counting, feedback

    def run_on(self, hardware: str, image: str | None) -> None:
        """Let the assignment be marked there from now on."""
        with self.database.write() as session:
            assignment = session.scalars(select(Assignment)).one()
            assignment.hardware, assignment.image = hardware, image


def populate(database: Database) -> None:
    """One cohort, one offering with the assignment ps1, two students."""
    with database.write() as session:
        session.add(
            Cohort(id="jc-2026-1", track="job-conversion", title="1기", starts_on=date(2026, 3, 2), created_at=NOON)
        )
        session.add(Offering(id=OFFERING, cohort_id="jc-2026-1", course="python-data", starts_on=date(2026, 3, 2)))
        session.add_all(Person(username=name, name=name, created_at=NOON) for name in STUDENTS)
        session.flush()
        session.add(
            Assignment(
                offering_id=OFFERING,
                name="ps1",
                title_ko="과제 1",
                title_en="Problem set 1",
                points=11,
                time_limit_seconds=60,
                feedback_policy=FeedbackPolicy.AT_ONCE,
            )
        )


@contextmanager
def opened(root: Path, url: str) -> Iterator[MarkingCampus]:
    """A migrated, populated campus below `root`."""
    migrate(url)
    database = Database(url)
    populate(database)
    yield MarkingCampus(root, database, Storage(root / "storage"))
    database.close()
