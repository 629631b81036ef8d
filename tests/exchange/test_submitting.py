"""Handing work in over HTTP: receipts, keys, and every refusal; a refusal stores nothing."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from exchange_campus import COURSE, NOTEBOOK, OTHER_COURSE, TestCampus, days, tar_gz
from sqlalchemy import select
from starlette.requests import Request
from starlette.types import Message
from waiting import wait_for

from cohorts.models import Membership, MembershipState
from grader.models import Attempt, Extension, Marking, MarkingKind, MarkingState
from portal.api.uploads import TooSlow, take_in

MEBIBYTE = 1024 * 1024


def special(kind: bytes, name: str = "evil", target: str = "/etc/passwd") -> bytes:
    """An archive whose second entry is of `kind`."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        good = tarfile.TarInfo("ps1.ipynb")
        good.size = len(NOTEBOOK)
        tar.addfile(good, io.BytesIO(NOTEBOOK.encode()))
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        tar.addfile(info)
    return out.getvalue()


def zeros(files: int, size: int) -> bytes:
    """An archive of a few hundred KiB that unpacks to so many files of `size` zeros."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as zipped:
        for number in range(files):
            header = tarfile.TarInfo(f"zeros-{number}")
            header.size = size
            zipped.write(header.tobuf())
            for _ in range(size // MEBIBYTE):
                zipped.write(bytes(MEBIBYTE))
        zipped.write(bytes(1024))
    return out.getvalue()


def work() -> bytes:
    return tar_gz({"ps1.ipynb": NOTEBOOK, "helper.py": "x = 1\n", "그림/표.csv": "가,나\n"})


BAD_ARCHIVES: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "a name that climbs": (lambda: tar_gz({"ps1.ipynb": NOTEBOOK, "../../evil": "x"}), 422, "../../evil"),
    "a name that climbs in the middle": (lambda: tar_gz({"ps1.ipynb": NOTEBOOK, "a/../../b": "x"}), 422, "a/../../b"),
    "an absolute name": (lambda: tar_gz({"ps1.ipynb": NOTEBOOK, "/etc/cron.d/x": "x"}), 422, "/etc/cron.d/x"),
    "a backslash": (lambda: tar_gz({"ps1.ipynb": NOTEBOOK, "..\\evil": "x"}), 422, "not allowed"),
    "a control character": (lambda: tar_gz({"ps1.ipynb": NOTEBOOK, "a\x1b[2Jb": "x"}), 422, "a?[2Jb"),
    "a name that reads backwards": (lambda: tar_gz({"ps1.ipynb": NOTEBOOK, "a\u202ebpyni": "x"}), 422, "not allowed"),
    "a name of 300 bytes": (lambda: tar_gz({"ps1.ipynb": NOTEBOOK, "가" * 100: "x"}), 422, "too long"),
    "a symbolic link": (lambda: special(tarfile.SYMTYPE), 422, "symbolic link"),
    "a hard link": (lambda: special(tarfile.LNKTYPE), 422, "hard link"),
    "a character device": (lambda: special(tarfile.CHRTYPE), 422, "device"),
    "a block device": (lambda: special(tarfile.BLKTYPE), 422, "device"),
    "a pipe": (lambda: special(tarfile.FIFOTYPE), 422, "pipe"),
    "a name that comes twice": (lambda: special(tarfile.REGTYPE, "ps1.ipynb"), 422, "twice"),
    "a folder in the place of a file": (lambda: special(tarfile.REGTYPE, "ps1.ipynb/x"), 422, "twice"),
    "more than 1,000 files": (
        lambda: tar_gz({"ps1.ipynb": NOTEBOOK} | {f"f{number}": "" for number in range(1000)}),
        413,
        "1,000",
    ),
    "a file above 50 MiB": (lambda: zeros(1, 51 * MEBIBYTE), 413, "51.0 MiB"),
    "more than 200 MiB in all": (
        lambda: zeros(5, 49 * MEBIBYTE),
        413,
        "200 MiB",
    ),
    "a bomb behind the end of the tar": (
        lambda: gzip.compress(gzip.decompress(tar_gz({"ps1.ipynb": NOTEBOOK})) + bytes(230 * MEBIBYTE), 1),
        413,
        "200 MiB",
    ),
    "a gzip that is cut off": (lambda: work()[:-20], 422, "gzip"),
    "a gzip with a flipped bit": (lambda: work()[:-6] + bytes([work()[-6] ^ 1]) + work()[-5:], 422, "gzip"),
    "no gzip at all": (lambda: b"PK\x03\x04 this is a zip", 422, "gzip"),
    "a gzip of no tar": (lambda: gzip.compress(b"notebook " * 200), 422, "tar"),
    "a tar that is cut off": (lambda: gzip.compress(gzip.decompress(work())[:700]), 422, "tar"),
    "nothing": (lambda: b"", 422, "tar"),
    "none of the notebooks": (lambda: tar_gz({"other.ipynb": NOTEBOOK}), 422, "ps1.ipynb is missing"),
    "the notebook in a folder": (lambda: tar_gz({"ps1/ps1.ipynb": NOTEBOOK}), 422, "ps1.ipynb is missing"),
}


@pytest.fixture
def open_campus(campus: TestCampus) -> TestCampus:
    campus.release()
    return campus


@pytest.fixture(scope="module")
def refusing_campus(lasting_campus: TestCampus) -> TestCampus:
    """One campus for all refusals: each test shows that it is left as it was."""
    lasting_campus.release()
    lasting_campus.release(course=OTHER_COURSE)
    lasting_campus.add_assignment("unreleased")
    return lasting_campus


def test_a_receipt_tells_attempt_hash_time_and_deadline(open_campus: TestCampus) -> None:
    due_at = days(1)
    open_campus.set("ps1", due_at=due_at)
    body = work()
    answer = open_campus.submit("minji", body)
    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    assert receipt["attempt"] == 1
    assert receipt["sha256"] == hashlib.sha256(body).hexdigest()
    assert receipt["size"] == len(body)
    assert datetime.fromisoformat(receipt["due_at"]) == due_at
    assert receipt["late"] is False
    assert receipt["received_text"]["ko"].endswith("KST")
    assert abs((datetime.now(UTC) - datetime.fromisoformat(receipt["received_at"])).total_seconds()) < 60
    assert datetime.strptime(receipt["timestamp"], "%Y-%m-%d %H:%M:%S.%f UTC").replace(
        tzinfo=UTC
    ) == datetime.fromisoformat(receipt["received_at"])


def test_an_attempt_is_stored_and_queued_for_marking(open_campus: TestCampus) -> None:
    body = work()
    receipt = open_campus.submit("minji", body).json()
    with open_campus.storage.open(receipt["sha256"]) as stored:
        assert stored.read() == body
    with open_campus.database.read() as session:
        marking = session.scalars(select(Marking)).one()
        assert (marking.attempt_id, marking.kind, marking.state) == (
            receipt["id"],
            MarkingKind.MARK,
            MarkingState.QUEUED,
        )


def test_a_second_attempt_leaves_the_first_as_it_is(open_campus: TestCampus) -> None:
    first, second = work(), tar_gz({"ps1.ipynb": NOTEBOOK + " "})
    assert open_campus.submit("minji", first, key="first-key").json()["attempt"] == 1
    assert open_campus.submit("minji", second, key="second-key").json()["attempt"] == 2
    listed = open_campus.ask("minji", "GET", f"/{COURSE}/ps1/attempts").json()["attempts"]
    assert [attempt["attempt"] for attempt in listed] == [1, 2]
    for attempt, body in zip(listed, (first, second), strict=True):
        files = open_campus.ask("minji", "GET", f"/{COURSE}/ps1/attempts/{attempt['id']}/files")
        assert files.content == body
        assert files.headers["X-Content-SHA256"] == hashlib.sha256(body).hexdigest()


def test_the_same_key_and_files_get_the_same_receipt(open_campus: TestCampus) -> None:
    body = work()
    first = open_campus.submit("minji", body)
    before = open_campus.counts()
    again = open_campus.submit("minji", body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert open_campus.counts() == before


def test_a_lost_receipt_is_given_again_after_the_deadline(open_campus: TestCampus) -> None:
    body = work()
    first = open_campus.submit("minji", body)
    open_campus.set("ps1", due_at=days(-1))
    again = open_campus.submit("minji", body)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])


def test_the_same_key_with_other_files_is_refused(open_campus: TestCampus) -> None:
    open_campus.submit("minji", work())
    before = open_campus.counts()
    answer = open_campus.submit("minji", tar_gz({"ps1.ipynb": NOTEBOOK + " "}))
    assert answer.status_code == 409
    assert "already used" in answer.json()["error"]
    assert open_campus.counts() == before


def test_the_key_of_somebody_else_is_refused(open_campus: TestCampus) -> None:
    open_campus.submit("minji", work())
    before = open_campus.counts()
    assert open_campus.submit("junho", work()).status_code == 409
    assert open_campus.counts() == before


def test_the_same_key_for_another_assignment_is_refused(open_campus: TestCampus) -> None:
    open_campus.release("ps2")
    open_campus.submit("minji", work())
    before = open_campus.counts()
    assert open_campus.submit("minji", work(), assignment="ps2").status_code == 409
    assert open_campus.counts() == before


@pytest.mark.parametrize("case", BAD_ARCHIVES, ids=list(BAD_ARCHIVES))
def test_a_bad_archive_is_refused_with_a_sentence_and_nothing_is_stored(refusing_campus: TestCampus, case: str) -> None:
    make, status, word = BAD_ARCHIVES[case]
    before = refusing_campus.counts()
    answer = refusing_campus.submit("minji", make())
    assert answer.status_code == status, answer.text
    assert word in answer.json()["error"]
    assert any("가" <= letter <= "힣" for letter in answer.json()["error_ko"])
    assert refusing_campus.counts() == before


def test_other_files_than_announced_are_refused(refusing_campus: TestCampus) -> None:
    before = refusing_campus.counts()
    answer = refusing_campus.submit("minji", work(), sha256="0" * 64)
    assert answer.status_code == 422
    assert "damaged" in answer.json()["error"]
    assert refusing_campus.counts() == before


@pytest.mark.parametrize(
    ("key", "sha256", "word"),
    [
        ("", None, "Idempotency-Key"),
        ("short", None, "Idempotency-Key"),
        ("x" * 65, None, "Idempotency-Key"),
        ("key with blanks", None, "Idempotency-Key"),
        ("key-00000001", "not a hash", "X-Content-SHA256"),
        ("key-00000001", "A" * 64, "X-Content-SHA256"),
    ],
    ids=["no key", "short key", "long key", "odd key", "odd hash", "upper-case hash"],
)
def test_a_malformed_header_is_refused(refusing_campus: TestCampus, key: str, sha256: str | None, word: str) -> None:
    before = refusing_campus.counts()
    answer = refusing_campus.submit("minji", work(), key=key, sha256=sha256)
    assert answer.status_code == 422
    assert word in answer.json()["error"]
    assert refusing_campus.counts() == before


def test_after_the_deadline_work_is_refused_with_the_deadline_in_the_cohorts_zone(open_campus: TestCampus) -> None:
    open_campus.set("ps1", due_at=datetime(2026, 3, 20, 9, 0, tzinfo=UTC))
    before = open_campus.counts()
    answer = open_campus.submit("minji", work())
    assert answer.status_code == 403
    assert "2026-03-20 (Fri) 18:00 KST" in answer.json()["error"]
    assert "2026-03-20 (금) 18:00 KST" in answer.json()["error_ko"]
    assert open_campus.counts() == before


def test_an_extension_moves_the_deadline_of_one_student(open_campus: TestCampus) -> None:
    open_campus.set("ps1", due_at=days(-1))
    with open_campus.database.write() as session:
        session.add(
            Extension(assignment_id=1, username="minji", due_at=days(1), granted_by="seoyeon", granted_at=days(0))
        )
    assert open_campus.submit("minji", work(), key="minjis-key").status_code == 201
    assert open_campus.submit("junho", work(), key="junhos-key").status_code == 403


def test_the_last_attempt_allowed_is_the_last(open_campus: TestCampus) -> None:
    open_campus.set("ps1", attempt_limit=2)
    assert [open_campus.submit("minji", work(), key=f"number-{n}").status_code for n in range(2)] == [201, 201]
    before = open_campus.counts()
    answer = open_campus.submit("minji", work(), key="number-3")
    assert answer.status_code == 409
    assert "All 2 attempts" in answer.json()["error"]
    assert open_campus.counts() == before


def test_an_attempt_within_the_cool_down_is_refused_with_the_time_of_the_next(open_campus: TestCampus) -> None:
    open_campus.set("ps1", cooldown_seconds=3600)
    open_campus.submit("minji", work(), key="first-key")
    before = open_campus.counts()
    answer = open_campus.submit("minji", work(), key="second-key")
    assert answer.status_code == 429
    assert "KST" in answer.json()["error"]
    assert open_campus.counts() == before


@pytest.mark.parametrize(
    ("username", "course", "assignment", "status"),
    [
        ("haneul", COURSE, "ps1", 404),
        ("minji", OTHER_COURSE, "ps1", 404),
        ("minji", "no-such-course", "ps1", 404),
        ("boram", COURSE, "ps1", 404),
        ("minji", COURSE, "ps9", 404),
        ("minji", COURSE, "unreleased", 404),
        ("seoyeon", COURSE, "ps1", 403),
        ("nobody-here", COURSE, "ps1", 403),
        (None, COURSE, "ps1", 401),
    ],
    ids=[
        "student of another course",
        "wrong course",
        "no such course",
        "administrator",
        "no such assignment",
        "not released",
        "staff",
        "unknown person",
        "no token",
    ],
)
def test_whoever_may_not_hand_in_is_refused_before_the_body_is_read(
    refusing_campus: TestCampus, username: str | None, course: str, assignment: str, status: int
) -> None:
    before = refusing_campus.counts()
    assert refusing_campus.submit(username, work(), course=course, assignment=assignment).status_code == status
    assert refusing_campus.counts() == before
    assert first_line_without_body(refusing_campus, username, course, assignment).split()[1] == str(status)


def first_line_without_body(
    campus: TestCampus, username: str | None, course: str, assignment: str, length: int = 1000
) -> str:
    """What the portal answers to the head of a submission whose body never comes."""
    parts = urlsplit(campus.url)
    head = [
        f"POST {parts.path}/api/exchange/{course}/{assignment}/attempts HTTP/1.1",
        "Host: portal",
        f"Content-Length: {length}",
        f"X-Content-SHA256: {'0' * 64}",
        "Idempotency-Key: key-00000002",
    ]
    if username:
        head.append(f"Authorization: token {campus.token(username)}")
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        return connection.makefile("r", encoding="utf-8").readline()


def test_a_withdrawn_student_is_refused(open_campus: TestCampus) -> None:
    with open_campus.database.write() as session:
        row = session.scalars(select(Membership).where(Membership.username == "minji")).one()
        row.state = MembershipState.WITHDRAWN
    before = open_campus.counts()
    answer = open_campus.submit("minji", work())
    assert answer.status_code == 403
    assert "roster" in answer.json()["error"]
    assert open_campus.counts() == before


def test_a_withdrawn_assignment_takes_nothing_in(open_campus: TestCampus) -> None:
    assert open_campus.ask("seoyeon", "DELETE", f"/{COURSE}/ps1/release").json() == {"withdrawn": 1}
    before = open_campus.counts()
    assert open_campus.submit("minji", work()).status_code == 404
    assert open_campus.counts() == before


def test_an_upload_announced_as_too_large_is_refused_at_once(refusing_campus: TestCampus) -> None:
    before = refusing_campus.counts()
    answer = first_line_without_body(refusing_campus, "minji", COURSE, "ps1", length=101 * MEBIBYTE)
    assert answer.split()[1] == "413"
    assert refusing_campus.counts() == before


def test_an_upload_that_turns_out_too_large_is_refused_on_the_way(refusing_campus: TestCampus) -> None:
    before = refusing_campus.counts()

    def endless() -> Iterator[bytes]:
        for _ in range(101):
            yield bytes(MEBIBYTE)

    answer = refusing_campus.ask(
        "minji",
        "POST",
        f"/{COURSE}/ps1/attempts",
        content=endless(),
        headers={"Idempotency-Key": "key-00000003", "X-Content-SHA256": "0" * 64},
    )
    assert answer.status_code == 413
    assert refusing_campus.counts() == before


def test_an_upload_that_breaks_off_leaves_nothing_behind(refusing_campus: TestCampus) -> None:
    before = refusing_campus.counts()
    parts = urlsplit(refusing_campus.url)
    body = work()
    head = (
        f"POST {parts.path}/api/exchange/{COURSE}/ps1/attempts HTTP/1.1\r\nHost: portal\r\n"
        f"Authorization: token {refusing_campus.token('minji')}\r\nContent-Length: {len(body)}\r\n"
        f"X-Content-SHA256: {hashlib.sha256(body).hexdigest()}\r\nIdempotency-Key: key-00000004\r\n\r\n"
    )
    incoming = refusing_campus.storage.root / "incoming"
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20) as connection:
        connection.sendall(head.encode() + body[:100])
        wait_for("the beginning of the upload", lambda: incoming.is_dir() and len(list(incoming.iterdir())) == 1)
    wait_for("the end of what was left", lambda: not list(incoming.iterdir()))
    assert refusing_campus.counts() == before


def test_an_upload_that_never_ends_is_given_up(campus: TestCampus) -> None:
    async def silence() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    before = campus.counts()
    request = Request({"type": "http", "method": "POST", "headers": []}, silence)
    with campus.storage.stage() as staged, pytest.raises(TooSlow):
        asyncio.run(take_in(request, staged, "0" * 64, seconds=0.05))
    assert campus.counts() == before


def test_two_submissions_at_once_get_numbers_of_their_own(open_campus: TestCampus) -> None:
    bodies = [tar_gz({"ps1.ipynb": NOTEBOOK, "n.txt": str(number)}) for number in range(8)]
    start = threading.Barrier(len(bodies))
    answers: list[tuple[int, int]] = []

    def send(number: int) -> None:
        start.wait(20)
        answer = open_campus.submit("minji", bodies[number], key=f"at-once-{number}")
        answers.append((answer.status_code, answer.json().get("attempt", answer.text)))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [(201, number) for number in range(1, 9)]
    with open_campus.database.read() as session:
        attempts = session.scalars(select(Attempt).order_by(Attempt.number)).all()
        assert {attempt.sha256 for attempt in attempts} == {hashlib.sha256(body).hexdigest() for body in bodies}
