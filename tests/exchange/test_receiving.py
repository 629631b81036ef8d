"""Attempts in the database, on SQLite and PostgreSQL: numbered once, queued once, whatever happens at the same time."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from exchange_campus import COURSE, NOTEBOOK, TestCampus, days, tar_gz
from sqlalchemy import select

from cohorts.errors import Conflict, Forbidden
from grader.models import Attempt, Marking
from grader.submissions import Receipt, receive


def send(campus: TestCampus, username: str, key: str, content: str = "", **more: Any) -> Receipt:
    body = tar_gz({"ps1.ipynb": NOTEBOOK, "content.txt": content})
    with campus.storage.stage() as staged:
        staged.write(body)
        return receive(
            campus.database,
            campus.storage,
            course_id=COURSE,
            assignment="ps1",
            username=username,
            key=key,
            sha256=staged.sha256,
            size=len(body),
            now=more.get("now", datetime.now(UTC)),
            staged=staged,
        )


def at_once(*calls: Any) -> list[Any]:
    """What the calls return or raise when they begin together."""
    start = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(number: int) -> None:
        start.wait(20)
        try:
            results[number] = calls[number]()
        except Exception as problem:
            results[number] = problem

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_attempts_made_at_once_are_numbered_without_gap_or_twin(store: TestCampus) -> None:
    store.release()
    people = ("minji", "junho")
    results = at_once(
        *(
            lambda person=person, n=n: send(store, person, f"{person}-{n}-key", str(n))
            for person in people
            for n in range(4)
        )
    )
    assert [result for result in results if not isinstance(result, Receipt)] == []
    for person in people:
        numbers = sorted(receipt.attempt for receipt in results if receipt.username == person)
        assert numbers == [1, 2, 3, 4]
    with store.database.read() as session:
        assert len(session.scalars(select(Marking)).all()) == 8


def test_the_same_submission_sent_twice_at_once_makes_one_attempt(store: TestCampus) -> None:
    store.release()
    results = at_once(*(lambda: send(store, "minji", "the-same-key") for _ in range(4)))
    assert {result.id for result in results} == {results[0].id}
    assert sorted(result.repeated for result in results) == [False, True, True, True]
    assert store.counts()["attempt"] == store.counts()["marking"] == 1


def test_one_key_of_two_people_at_once_makes_one_attempt(store: TestCampus) -> None:
    store.release()
    results = at_once(lambda: send(store, "minji", "stolen-key"), lambda: send(store, "junho", "stolen-key", "other"))
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Receipt"]
    assert store.counts()["attempt"] == store.counts()["marking"] == 1


def test_the_last_place_is_given_once(store: TestCampus) -> None:
    store.release()
    store.set("ps1", attempt_limit=1)
    results = at_once(*(lambda n=n: send(store, "minji", f"key-number-{n}", str(n)) for n in range(4)))
    assert [isinstance(result, Receipt) for result in results].count(True) == 1
    assert [isinstance(result, Conflict) for result in results].count(True) == 3


def test_a_refusal_inside_the_transaction_keeps_no_file(store: TestCampus) -> None:
    store.release()
    store.set("ps1", due_at=days(-1))
    before = store.counts()
    with pytest.raises(Forbidden):
        send(store, "minji", "too-late-key")
    assert store.counts() == before


def test_the_deadline_itself_is_still_in_time(store: TestCampus) -> None:
    due_at = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)
    store.release()
    store.set("ps1", due_at=due_at)
    receipt = send(store, "minji", "in-time-key", now=due_at)
    assert (receipt.late, receipt.due_at) == (False, due_at)
    with pytest.raises(Forbidden):
        send(store, "minji", "a-moment-late", now=due_at.replace(microsecond=1))


def test_an_attempt_without_its_files_is_never_written(store: TestCampus) -> None:
    store.release()
    with pytest.raises(ValueError, match="must be in the storage"):
        receive(
            store.database,
            store.storage,
            course_id=COURSE,
            assignment="ps1",
            username="minji",
            key="no-files-key",
            sha256="0" * 64,
            size=1,
            now=datetime.now(UTC),
        )
    with store.database.read() as session:
        assert session.scalars(select(Attempt)).all() == []
