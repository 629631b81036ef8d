"""A deadline: 200 students hand in within ten seconds, over HTTP. How long until each has feedback; is anything lost?

Proxy, hub, portal and grader are those that `bitgoeul up` starts. The students' clients run on the same machine and
take their share of it. Nobody sends twice: a request that is refused counts as refused. One deadline is that of the
numpy/pandas notebook of the other measurements, another that of a whole assignment of a course.
"""

from __future__ import annotations

import io
import json
import shutil
import statistics
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import select

from bench import coursework
from bench.people import Campus, Person, bundle, free_port, headers_for, wait_for
from bench.queue import feedback_shown
from bench.report import Result
from cohorts.database import Database
from grader.models import Attempt, Feedback
from portal.settings import PortalSettings

COHORT = "burst-2026"
COURSE = f"{COHORT}-python-data"
CATALOGUE = Path(__file__).resolve().parents[1] / "courses" / "content"
NUMBERS = f"""  - key: {coursework.ASSIGNMENT}
    title: {{ko: 숫자, en: Numbers}}
    summary: {{ko: 표준화와 합계, en: Standardizing and adding up}}
    due_days: 7
    due_time: "23:59"
    points: 10
    feedback: at-once
"""
DEADLINES = {coursework.ASSIGNMENT: "numpy/pandas notebook", "first-steps": "first-steps, 24 cells"}
STUDENTS = 200
WITHIN = 10.0
SENDERS = 16
PATIENCE = 300.0


@dataclass
class Sent:
    """One student's submission: when it was sent and answered (seconds since the first), and the answer's status."""

    sent: float
    answered: float
    status: int


def measure() -> list[Result]:
    """Seconds from the first submission sent until the last one has feedback; how many were refused or lost."""
    found = []
    with tempfile.TemporaryDirectory(prefix="bitgoeul-bench-") as folder:
        environment = {"BITGOEUL_COURSES": str(build_catalogue(Path(folder) / "courses"))}
        campus = Campus(Path(folder) / "campus", free_port(), environment=environment)
        try:
            campus.start()
            instructor, students = open_class(campus)
            for assignment, title in DEADLINES.items():
                release(instructor, assignment)
                bodies = [bundle_of(student, assignment, number) for number, student in enumerate(students)]
                hand_in_warm_up(instructor, students[0], assignment, bodies[0])
                found += rush(campus, instructor, students, assignment, bodies, title)
        finally:
            campus.stop()
    return found


def build_catalogue(folder: Path) -> Path:
    """The courses that come along, with the notebook of the other measurements as one more assignment."""
    shutil.copytree(CATALOGUE, folder)
    course = folder / "job-conversion" / "python-data"
    source = course / "source" / coursework.ASSIGNMENT
    source.mkdir()
    notebook = json.dumps(coursework.source_notebook())
    (source / f"{coursework.ASSIGNMENT}.ipynb").write_text(notebook, encoding="utf-8")
    described = course / "course.yaml"
    text = described.read_text(encoding="utf-8")
    described.write_text(text.replace("assignments:\n", f"assignments:\n{NUMBERS}", 1), encoding="utf-8")
    return folder


def bundle_of(student: Person, assignment: str, number: int) -> bytes:
    """A right submission, as the exchange sends it."""
    if assignment != coursework.ASSIGNMENT:
        return bundle(student, COURSE, assignment, number)
    released = student.api("GET", f"/exchange/{COURSE}/{assignment}/release").raise_for_status().content
    name = f"{assignment}.ipynb"
    with tarfile.open(fileobj=io.BytesIO(released)) as old:
        file = old.extractfile(name)
        assert file is not None
        notebook = coursework.answered(json.load(file), number)
    target = io.BytesIO()
    content = json.dumps(notebook).encode()
    with tarfile.open(fileobj=target, mode="w:gz") as new:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        new.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def open_class(campus: Campus) -> tuple[Person, list[Person]]:
    """A cohort of STUDENTS; everybody is signed in."""
    names = [f"student{number:03}" for number in range(STUDENTS)]
    rows = ["name,username,email,role", "prof,prof-burst,prof@example.kr,instructor"]
    rows += [f"{name},{name},{name}@example.kr,student" for name in names]
    administrator = campus.sign_in("admin")
    cohort = {"id": COHORT, "track": "job-conversion", "title": "burst", "starts_on": "2099-03-02"}
    administrator.api("POST", "/cohorts", json=cohort).raise_for_status()
    file = ("roster.csv", "\n".join(rows).encode(), "text/csv")
    preview = administrator.api("POST", f"/cohorts/{COHORT}/roster", files={"file": file}).raise_for_status().json()
    administrator.api("POST", f"/roster-imports/{preview['id']}/apply", json={}).raise_for_status()

    def on_the_hub() -> bool:
        group = administrator.hub("GET", f"/groups/nbgrader-{COURSE}")
        return group.status_code == 200 and len(group.json()["users"]) == STUDENTS

    wait_for("the roster's reflection in the hub", on_the_hub, 120)
    return campus.sign_in("prof-burst"), [campus.sign_in(name) for name in names]


def release(instructor: Person, assignment: str) -> None:
    instructor.api("POST", f"/offerings/{COURSE}/assignments/{assignment}/release").raise_for_status()


def hand_in_warm_up(instructor: Person, student: Person, assignment: str, body: bytes) -> None:
    with httpx.Client(timeout=60) as http:
        assert send(http, student, assignment, body, "warm-up", time.perf_counter()).status == 201
    wait_for("the first feedback", lambda: with_feedback(instructor, assignment) == 1, 120, every=0.1)


def rush(
    campus: Campus, instructor: Person, students: list[Person], assignment: str, bodies: list[bytes], title: str
) -> list[Result]:
    before = len(waits_for_feedback(campus))
    with httpx.Client(timeout=60) as http, ThreadPoolExecutor(SENDERS) as senders:
        began = time.perf_counter()

        def hand_in(number: int) -> Sent:
            time.sleep(max(0.0, began + number * WITHIN / STUDENTS - time.perf_counter()))
            return send(http, students[number], assignment, bodies[number], f"burst-{number}", began)

        sent = list(senders.map(hand_in, range(STUDENTS)))
        wait_for_feedback(campus, before + STUDENTS, began + PATIENCE)
        seconds = time.perf_counter() - began
    done = with_feedback(instructor, assignment)
    waits = waits_for_feedback(campus)[before:]
    answers = [one.answered - one.sent for one in sent]
    return [
        Result(f"{title}: {STUDENTS} students, first sent to last receipt", max(one.answered for one in sent), "s"),
        Result(f"{title}: {STUDENTS} students, first sent to last feedback", seconds, "s"),
        Result(f"{title}: receipt to feedback, median", statistics.median(waits), "s"),
        Result(f"{title}: receipt to feedback, worst", max(waits), "s"),
        Result(f"{title}: answer to a submission, worst", max(answers), "s"),
        Result(f"{title}: refused", sum(one.status != 201 for one in sent), "submissions"),
        Result(f"{title}: without feedback", STUDENTS - done, "submissions"),
    ]


def send(http: httpx.Client, student: Person, assignment: str, body: bytes, key: str, began: float) -> Sent:
    headers = {"Authorization": f"token {student.token}", **headers_for(body, f"{student.username}-{assignment}-{key}")}
    url = f"{student.campus.portal}/api/exchange/{COURSE}/{assignment}/attempts"
    before = time.perf_counter() - began
    answer = http.post(url, content=body, headers=headers)
    return Sent(before, time.perf_counter() - began, answer.status_code)


def with_feedback(instructor: Person, assignment: str) -> int:
    """How many students' newest attempt is marked."""
    rows = instructor.api("GET", f"/offerings/{COURSE}/assignments/{assignment}/submissions").json()
    return sum(row["state"] == "done" for row in rows if row["attempts"])


def wait_for_feedback(campus: Campus, attempts: int, deadline: float) -> None:
    """Until so many attempts have feedback that their students may see; asked of the database, to take little time."""
    with closing(open_database(campus)) as database:
        while feedback_shown(database) < attempts and time.perf_counter() < deadline:
            time.sleep(0.1)


def waits_for_feedback(campus: Campus) -> list[float]:
    """Seconds from receipt to feedback, of every attempt in the order they came in, as the campus noted them."""
    with closing(open_database(campus)) as database, database.read() as session:
        rows = session.execute(
            select(Attempt.received_at, Feedback.released_at)
            .join(Feedback, Feedback.attempt_id == Attempt.id)
            .order_by(Attempt.id)
        ).all()
    return [(released - received).total_seconds() for received, released in rows if released is not None]


def open_database(campus: Campus) -> Database:
    return Database(PortalSettings.from_environment({}, data=campus.data).database_url)
