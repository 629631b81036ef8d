"""kill -9 at the worst moments: nothing that was acknowledged is lost, and nothing is marked twice."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from campus_process import Campus, Person
from handing_in import bundle, hand_in
from ports import free_port
from sqlalchemy import select
from waiting import wait_for

from cohorts.database import Database
from grader.models import Attempt, Marking, MarkingKind, MarkingState

ASSIGNMENT = "first-steps"


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campus]:
    """A campus for these tests alone, since they hurt it; each uses students of its own."""
    campus = Campus(tmp_path_factory.mktemp("hurt"), free_port(), environment={"BITGOEUL_CLAIM_SECONDS": "4"})
    try:
        campus.start()
        yield campus
    finally:
        campus.stop()


@pytest.fixture(scope="module")
def course(campus: Campus) -> str:
    instructor = campus.sign_in("prof-lee")
    offerings = [row["id"] for row in instructor.api("GET", "/me/offerings").json()]
    (offering,) = [offering for offering in offerings if offering.endswith("python-data")]
    assert instructor.api("POST", f"/offerings/{offering}/assignments/{ASSIGNMENT}/release").status_code == 201
    return offering


def solved(student: Person, course: str, marker: int) -> bytes:
    return bundle(student, course, ASSIGNMENT, marker)


def send(student: Person, course: str, body: bytes) -> dict[str, Any]:
    return hand_in(student, course, ASSIGNMENT, body)


def markings(campus: Campus, *usernames: str) -> list[Marking]:
    database = Database(f"sqlite:///{campus.data / 'bitgoeul.db'}")
    with closing(database), database.read() as session:
        theirs = select(Marking).join(Marking.attempt).where(Attempt.username.in_(usernames))
        return list(session.scalars(theirs.where(Marking.kind == MarkingKind.MARK)))


def attempts(campus: Campus, *usernames: str) -> list[Attempt]:
    database = Database(f"sqlite:///{campus.data / 'bitgoeul.db'}")
    with closing(database), database.read() as session:
        return list(session.scalars(select(Attempt).where(Attempt.username.in_(usernames))))


def all_marked(campus: Campus, *usernames: str) -> bool:
    rows = markings(campus, *usernames)
    assert not [row.log for row in rows if row.state is MarkingState.FAILED]
    return bool(rows) and all(row.state is MarkingState.DONE for row in rows)


def assert_each_was_marked_once(campus: Campus, course: str, receipts: list[dict[str, Any]]) -> None:
    """Every receipt has its attempt and its bytes; every attempt one marking; the gradebook one mark a student."""
    usernames = sorted({receipt["username"] for receipt in receipts})
    found = attempts(campus, *usernames)
    assert sorted(attempt.sha256 for attempt in found) == sorted(receipt["sha256"] for receipt in receipts)
    stored = {digest(path): path.stat().st_size for path in (campus.data / "storage").rglob("*") if path.is_file()}
    assert {attempt.sha256: attempt.size for attempt in found}.items() <= stored.items()
    rows = markings(campus, *usernames)
    assert sorted(row.attempt_id for row in rows) == sorted(attempt.id for attempt in found)
    assert {row.score for row in rows} == {rows[0].max_score}
    marks = campus.sign_in("prof-lee").api("GET", f"/offerings/{course}/marks").json()
    theirs = [mark for mark in marks if mark["assignment"] == ASSIGNMENT and mark["username"] in usernames]
    assert sorted(mark["username"] for mark in theirs) == usernames
    assert {mark["score"] for mark in theirs} == {rows[0].max_score}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("moment", "username"),
    [(0.0, "minji"), (0.4, "dohyun"), (1.2, "seoyeon"), (2.5, "jihoon")],
    ids=["at the claim", "0.4 s later", "1.2 s later", "2.5 s later"],
)
def test_a_grader_killed_while_it_marks_leaves_its_work_to_another(
    campus: Campus, course: str, moment: float, username: str
) -> None:
    student = campus.sign_in(username)
    receipts = [send(student, course, solved(student, course, number)) for number in range(2)]
    running = MarkingState.RUNNING
    wait_for("a claim", lambda: any(row.state is running for row in markings(campus, username)), 30, every=0.02)
    time.sleep(moment)
    campus.kill("grader")
    wait_for("the marking", lambda: all_marked(campus, username), 90)
    assert_each_was_marked_once(campus, course, receipts)


def test_a_portal_killed_again_and_again_loses_no_submission(campus: Campus, course: str) -> None:
    before = {name: len(attempts(campus, name)) for name in ("yuna", "haneul", "jihoon", "seoyeon")}
    students = [campus.sign_in(name) for name in before]
    bodies = {student.username: [solved(student, course, number) for number in (10, 11, 12)] for student in students}

    def hand_in_all(student: Person) -> list[dict[str, Any]]:
        return [send(student, course, body) for body in bodies[student.username]]

    with ThreadPoolExecutor(len(students)) as pool:
        sending = [pool.submit(hand_in_all, student) for student in students]
        for _ in range(3):
            time.sleep(0.15)
            victim = campus.kill("portal")
            wait_for("the portal's return", lambda old=victim: returned(campus, "portal", old), 30)
        receipts = [receipt for future in sending for receipt in future.result()]
    for name, earlier in before.items():
        numbers = sorted(receipt["attempt"] for receipt in receipts if receipt["username"] == name)
        assert numbers == [earlier + 1, earlier + 2, earlier + 3]
    wait_for("the marking", lambda: all_marked(campus, *before), 180)
    new = [attempt.sha256 for attempt in attempts(campus, *before) if attempt.number > before[attempt.username]]
    assert sorted(new) == sorted(receipt["sha256"] for receipt in receipts)
    assert len(markings(campus, *before)) == len(attempts(campus, *before))


def returned(campus: Campus, name: str, old: int) -> bool:
    """Whether another process called `name` runs and answers."""
    url = f"{campus.portal}/api/health" if name == "portal" else f"{campus.url}/hub/api/"
    try:
        return campus.pid_of(name) != old and httpx.get(url).status_code == 200
    except (AssertionError, httpx.TransportError):
        return False


def test_a_portal_killed_in_the_middle_of_an_upload_keeps_nothing_of_it(campus: Campus, course: str) -> None:
    student = campus.sign_in("minji")
    before = len(attempts(campus, "minji"))
    body = solved(student, course, 20)

    def slowly() -> Iterator[bytes]:
        yield body[:200]
        time.sleep(0.5)
        campus.kill("portal")
        time.sleep(0.5)
        yield body[200:]

    headers = {"Idempotency-Key": uuid.uuid4().hex, "X-Content-SHA256": hashlib.sha256(body).hexdigest()}
    path = f"/exchange/{course}/{ASSIGNMENT}/attempts"
    with suppress(httpx.TransportError):
        assert student.api("POST", path, content=slowly(), headers=headers).status_code >= 500
    assert len(attempts(campus, "minji")) == before
    receipt = send(student, course, body)
    assert receipt["attempt"] == before + 1
    wait_for("the marking", lambda: all_marked(campus, "minji"), 90)


def test_a_killed_hub_comes_back_and_people_go_on_as_they_were(campus: Campus, course: str) -> None:
    student = campus.sign_in("dohyun")
    body = solved(student, course, 30)
    old = campus.kill("hub")
    receipt = send(student, course, body)
    assert receipt["attempt"] == len(attempts(campus, "dohyun"))
    wait_for("the hub's return", lambda: returned(campus, "hub", old), 60)
    assert student.http.get("/services/portal/").status_code == 200
    wait_for("the marking", lambda: all_marked(campus, "dohyun"), 90)
