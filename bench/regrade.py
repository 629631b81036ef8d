"""Regrading a whole course: from the button to the preview, the preview alone, applying; attempts with usual mistakes.

One course is the numpy/pandas notebook of the other measurements, another a whole assignment of a course.
The peer is `nbgrader autograde` over the same submissions with the same new tests, one after the other, a sample of
them; it has no preview, and applies as it goes.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

from sqlalchemy import select

from bench import coursework
from bench.marking import ASSIGNMENT, CONTENT, timed
from bench.report import Result
from cohorts.database import Database, migrate
from cohorts.models import Cohort, Offering, Person
from grader import archive
from grader.capacity import machine_places
from grader.models import Assignment, Attempt, Marking, MarkingKind, Regrade
from grader.regrade import start_regrade
from grader.regrade_apply import apply_regrade
from grader.regrade_preview import preview
from grader.releases import publish
from grader.sandbox.base import Sandbox
from grader.sandbox.detect import best_sandbox
from grader.storage import Storage
from grader.worker import run_worker

OFFERING = "bench-python-data"
ATTEMPTS = int(os.environ.get("BITGOEUL_BENCH_ATTEMPTS", "1000"))
SAMPLE = 6
MISTAKES = Path(__file__).resolve().parents[1] / "tests" / "courses" / "mistakes" / f"{ASSIGNMENT}.py"
USUAL = ((".std()", ".std(ddof=1)"), ("ascending=False", "ascending=True"), ("values.mean()", "values[0]"))
HEADER = re.compile(r"^# %% (?P<answer>[a-z0-9-]+): .+$", re.MULTILINE)
SOLUTION_MARK = re.compile(r"^\s*### (BEGIN|END) SOLUTION.*\n?", re.MULTILINE)
HIDDEN = re.compile(r"### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS\n?", re.DOTALL)


@dataclass(frozen=True)
class Work:
    """What a course consists of: an assignment, its source folder, and usual mistakes as (answer, wrong code)."""

    title: str
    assignment: str
    source: Path
    mistakes: list[tuple[str, str]]


def measure(attempts: int = ATTEMPTS, places: int | None = None) -> list[Result]:
    """A course of `attempts` students, all marked once; then the hidden tests go, and everybody is regraded."""
    found = []
    with tempfile.TemporaryDirectory(prefix="bitgoeul-bench-") as folder:
        for work in (_numbers(Path(folder) / "numbers"), _cafe()):
            found += _measure(work, Path(folder) / f"{work.assignment}-course", attempts, places or machine_places())
    return found


def _numbers(folder: Path) -> Work:
    folder.mkdir()
    notebook = json.dumps(coursework.source_notebook())
    (folder / f"{coursework.ASSIGNMENT}.ipynb").write_text(notebook, encoding="utf-8")
    right = SOLUTION_MARK.sub("", coursework.ANSWER)
    return Work("numpy/pandas notebook", coursework.ASSIGNMENT, folder, [("answer", right.replace(*w)) for w in USUAL])


def _cafe() -> Work:
    return Work(f"{ASSIGNMENT}, 23 cells", ASSIGNMENT, CONTENT / "source" / ASSIGNMENT, _mistakes())


def _measure(work: Work, root: Path, attempts: int, places: int) -> list[Result]:
    root.mkdir()
    with Course(root, work) as course:
        course.build(attempts)
        course.mark(places)
        course.change_tests()
        stock = course.stock_seconds(min(SAMPLE, attempts)) / min(SAMPLE, attempts)
        began = time.perf_counter()
        regrade = course.start()
        course.mark(places)
        looking = time.perf_counter()
        changed = course.preview(regrade)
        ready = time.perf_counter()
        course.apply(regrade)
        applied = time.perf_counter()
        own = course.own_seconds(regrade)
    title, per_minute = work.title, 60 * attempts / (ready - began)
    return [
        Result(f"{title}: {attempts} attempts regraded, with preview ({changed} students change)", ready - began, "s"),
        Result(f"{title}: attempts regraded", per_minute, "attempts/min", "nbgrader autograde", 60 / stock),
        Result(f"{title}: preview of {attempts} attempts", ready - looking, "s"),
        Result(f"{title}: applied to {attempts} students", applied - ready, "s"),
        Result(f"{title}: our own part of an attempt (reading, scoring, storing), mean", 1000 * own, "ms"),
    ]


class Course:
    """A campus of one offering below `root`, without its portal."""

    def __init__(self, root: Path, work: Work) -> None:
        self.root, self.work = root, work
        self.folder = root / "offerings" / OFFERING
        url = f"sqlite:///{root / 'bitgoeul.db'}"
        migrate(url)
        self.database = Database(url)
        self.storage = Storage(root / "storage")
        self.sandbox: Sandbox = best_sandbox(hidden=[root])

    def __enter__(self) -> Course:
        return self

    def __exit__(self, *_: object) -> None:
        close = getattr(self.sandbox, "close", None)
        if close is not None:
            close()
        self.database.close()

    @property
    def source(self) -> Path:
        return self.folder / "source" / self.work.assignment / f"{self.work.assignment}.ipynb"

    def build(self, attempts: int) -> None:
        """The release, and `attempts` students who each handed in once, with up to two mistakes."""
        shutil.copytree(self.work.source, self.source.parent)
        timed(self.folder, ["nbgrader", "generate_assignment", self.work.assignment])
        release = self.folder / "release" / self.work.assignment
        released = json.loads((release / f"{self.work.assignment}.ipynb").read_text(encoding="utf-8"))
        solutions = _solutions(json.loads(self.source.read_text(encoding="utf-8")))
        now = datetime.now(UTC) - timedelta(hours=1)
        dice = random.Random(1)
        with self.database.write() as session:
            session.add(Cohort(id="bench", track="job-conversion", title="-", starts_on=now.date(), created_at=now))
            session.add(Offering(id=OFFERING, cohort_id="bench", course="python-data", starts_on=now.date()))
            session.flush()
            row = Assignment(offering_id=OFFERING, name=self.work.assignment, title_ko="-", title_en="-")
            session.add(row)
            session.flush()
            bundle = archive.pack(release)
            publish(session, self.storage, row, self.storage.put_bytes(bundle), len(bundle), None, "bench", now)
            for number in range(attempts):
                username = f"student{number:04}"
                wrong = dict(dice.sample(self.work.mistakes, dice.randint(0, 2)))
                work = self._submission(release, released, solutions | wrong, number)
                session.add(Person(username=username, name=username, created_at=now))
                session.flush()
                attempt = Attempt(
                    assignment_id=row.id,
                    username=username,
                    number=1,
                    key=username,
                    sha256=self.storage.put_bytes(work),
                    size=len(work),
                    received_at=now,
                    late=False,
                )
                session.add(attempt)
                session.flush()
                session.add(Marking(attempt_id=attempt.id, queued_at=now))

    def _submission(self, release: Path, released: dict[str, Any], answers: dict[str, str], number: int) -> bytes:
        nb = json.loads(json.dumps(released))
        nb["metadata"]["marker"] = number
        for cell in nb["cells"]:
            key = cell["metadata"].get("nbgrader", {}).get("grade_id")
            if key in answers:
                cell["source"] = answers[key]
        with tempfile.TemporaryDirectory(dir=self.root) as folder:
            shutil.copytree(release, folder, dirs_exist_ok=True)
            (Path(folder) / f"{self.work.assignment}.ipynb").write_text(json.dumps(nb), encoding="utf-8")
            return archive.pack(Path(folder))

    def mark(self, places: int) -> None:
        """Let a worker do all that waits."""
        run_worker(
            self.database,
            self.storage,
            self.folder.parent,
            once=True,
            stop=threading.Event(),
            sandbox=self.sandbox,
            places=places,
        )

    def change_tests(self) -> None:
        """The hidden tests go: some mistakes are not noticed any more."""
        nb = json.loads(self.source.read_text(encoding="utf-8"))
        for cell in nb["cells"]:
            cell["source"] = HIDDEN.sub("", _text(cell))
        self.source.write_text(json.dumps(nb), encoding="utf-8")

    def stock_seconds(self, sample: int) -> float:
        """How long `nbgrader autograde` takes for `sample` of the submissions, with the new tests."""
        stock = self.root / "stock"
        shutil.copytree(self.source.parent, stock / "source" / self.work.assignment)
        timed(stock, ["nbgrader", "generate_assignment", self.work.assignment])
        for number in range(sample):
            name = f"student{number:04}"
            shutil.copytree(self.folder / "submitted" / name, stock / "submitted" / name)
        return timed(stock, ["nbgrader", "autograde", self.work.assignment])

    def start(self) -> Regrade:
        return start_regrade(
            self.database,
            self.storage,
            self.folder,
            offering_id=OFFERING,
            assignment=self.work.assignment,
            by="bench",
            now=datetime.now(UTC),
            sandbox=self.sandbox,
        )

    def preview(self, regrade: Regrade) -> int:
        """How many students' marks would change."""
        with self.database.read() as session:
            found = preview(session, session.get_one(Regrade, regrade.id), self.folder)
        assert all(student.new is not None for student in found.students), "some attempt was not regraded"
        return found.up + found.down

    def apply(self, regrade: Regrade) -> None:
        apply_regrade(self.database, self.storage, lambda: datetime.now(UTC), self.folder, regrade.id, "bench")

    def own_seconds(self, regrade: Regrade) -> float:
        """Mean seconds of an attempt's phases without the running of its code."""
        with self.database.read() as session:
            told = session.scalars(
                select(Marking.phases).where(Marking.regrade_id == regrade.id, Marking.kind == MarkingKind.MARK)
            ).all()
        return fmean(
            sum(phase["seconds"] for name, phase in phases.items() if name != "running") for phases in told if phases
        )


def _solutions(source: dict[str, Any]) -> dict[str, str]:
    return {
        cell["metadata"]["nbgrader"]["grade_id"]: SOLUTION_MARK.sub("", _text(cell))
        for cell in source["cells"]
        if cell["metadata"].get("nbgrader", {}).get("solution")
    }


def _mistakes() -> list[tuple[str, str]]:
    """(answer, wrong code) of every usual mistake."""
    text = MISTAKES.read_text(encoding="utf-8")
    headers = list(HEADER.finditer(text))
    ends = [header.start() for header in headers[1:]] + [len(text)]
    return [(header["answer"], text[header.end() : end].strip()) for header, end in zip(headers, ends, strict=True)]


def _text(cell: dict[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)
