"""A campus without pages: database, storage, one offering, workers as `bitgoeul up` starts them."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from bench.coursework import ASSIGNMENT, answered, source_notebook, student
from cohorts.database import Database, migrate
from cohorts.models import Cohort, Membership, Offering, Person, Role
from grader import archive
from grader.assignments import ensure_assignment
from grader.models import Assignment, Feedback, FeedbackPolicy, Marking, MarkingState
from grader.releases import release_assignment
from grader.storage import Storage
from grader.submissions import receive
from portal.settings import PortalSettings

OFFERING = "bench-2026-1-numbers"
PATIENCE = 900.0


@dataclass
class Queue:
    """The campus's data folder, and the workers that were started on it."""

    folder: Path
    database: Database
    storage: Storage
    released: dict[str, Any] = field(default_factory=dict)
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def make(cls, folder: Path, students: int) -> Queue:
        """A campus in `folder` with `students` who may hand in the assignment."""
        settings = PortalSettings.from_environment({}, data=folder)
        folder.mkdir(parents=True, exist_ok=True)
        migrate(settings.database_url)
        queue = cls(folder, Database(settings.database_url), Storage(settings.storage))
        now = datetime.now(UTC)
        with queue.database.write() as session:
            session.add(Cohort(id="bench-2026-1", track="bench", title="bench", starts_on=date.today(), created_at=now))
            session.add(Offering(id=OFFERING, cohort_id="bench-2026-1", course="numbers", starts_on=date.today()))
            for number in range(students):
                session.add(Person(username=student(number), name=student(number), created_at=now))
            session.flush()
            for number in range(students):
                session.add(
                    Membership(
                        cohort_id="bench-2026-1",
                        username=student(number),
                        role=Role.STUDENT,
                        created_at=now,
                        changed_at=now,
                    )
                )
            row = ensure_assignment(session, OFFERING, ASSIGNMENT)
            row.feedback_policy = FeedbackPolicy.AT_ONCE
        course = settings.offerings / OFFERING
        source = course / "source" / ASSIGNMENT
        source.mkdir(parents=True)
        (source / f"{ASSIGNMENT}.ipynb").write_text(json.dumps(source_notebook()), encoding="utf-8")
        release_assignment(
            queue.database, queue.storage, course, offering_id=OFFERING, assignment=ASSIGNMENT, by="bench", now=now
        )
        release = course / "release" / ASSIGNMENT
        queue.released = json.loads((release / f"{ASSIGNMENT}.ipynb").read_text())
        return queue

    def submit(self, number: int, *, marker: int = 0) -> None:
        """Hand in for a student: files stored, attempt and job written, receipt given."""
        outbox = self.folder / "outbox"
        outbox.mkdir(exist_ok=True)
        path = outbox / f"{ASSIGNMENT}.ipynb"
        path.write_text(json.dumps(answered(self.released, 10_000 * marker + number)), encoding="utf-8")
        bundle = archive.pack(outbox)
        receive(
            self.database,
            self.storage,
            course_id=OFFERING,
            assignment=ASSIGNMENT,
            username=student(number),
            key=f"bench-{marker}-{number}",
            sha256=self.storage.put_bytes(bundle),
            size=len(bundle),
            now=datetime.now(UTC),
        )

    def start_workers(self, count: int = 1) -> None:
        """Start workers and have each mark something, so that they are warm."""
        log = (self.folder / "workers.log").open("ab")
        for _ in range(count):
            command = [sys.executable, "-m", "portal.cli", "worker", "--data", str(self.folder)]
            self.workers.append(
                subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ}, start_new_session=True)
            )

    def hold_back(self, count: int, warm_up: int) -> None:
        """Start a worker, let it mark `warm_up` submissions, and stop it while `count` more come to wait."""
        self.start_workers()
        for number in range(warm_up):
            self.submit(number, marker=1)
        self.wait_for_feedback(warm_up)
        self.pause()
        for number in range(count):
            self.submit(number, marker=2)

    def pause(self) -> None:
        """Stop the workers where they stand, but none of them within a transaction: nobody else could write then."""
        while True:
            for worker in self.workers:
                worker.send_signal(signal.SIGSTOP)
            if self._can_write():
                return
            self.go_on()
            time.sleep(0.05)

    def _can_write(self) -> bool:
        with closing(sqlite3.connect(self.folder / "bitgoeul.db", timeout=0.2, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            return True

    def go_on(self) -> None:
        for worker in self.workers:
            worker.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        for worker in self.workers:
            worker.send_signal(signal.SIGCONT)
            worker.terminate()
        for worker in self.workers:
            try:
                worker.wait(30)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        self.database.close()

    def feedback(self) -> int:
        """How many attempts have feedback that their student may see."""
        return feedback_shown(self.database)

    def wait_for_feedback(self, count: int, every: float = 0.05) -> None:
        """Until `count` attempts have feedback; raises RuntimeError where marking failed or takes too long."""
        deadline = time.monotonic() + PATIENCE
        while self.feedback() < count:
            if any(worker.poll() is not None for worker in self.workers):
                raise RuntimeError(f"a worker ended; {self.folder / 'workers.log'}:\n{self.log()[-2000:]}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.feedback()} of {count} were marked in {PATIENCE:.0f} s")
            time.sleep(every)

    def log(self) -> str:
        """What the workers said."""
        return (self.folder / "workers.log").read_text(encoding="utf-8", errors="replace")

    def require_full_marks(self) -> None:
        """Every marking is done, clean, and has full marks; else the measurement measured something else."""
        with self.database.read() as session:
            for marking in session.scalars(select(Marking)):
                right = marking.score == marking.max_score and marking.integrity == "clean"
                if marking.state is not MarkingState.DONE or not right:
                    raise RuntimeError(f"marking {marking.id}: {marking.state} {marking.score} {marking.log}")

    def assignment(self) -> Assignment:
        with self.database.read() as session:
            return session.scalars(select(Assignment)).one()


def feedback_shown(database: Database) -> int:
    """How many attempts have feedback that their student may see."""
    with database.read() as session:
        found = select(func.count(Feedback.attempt_id.distinct())).where(Feedback.released_at.is_not(None))
        return session.scalar(found) or 0


@contextmanager
def opened(folder: Path, students: int) -> Iterator[Queue]:
    """A queue whose workers are stopped at the end."""
    queue = Queue.make(folder, students)
    try:
        yield queue
    finally:
        queue.stop()
