"""Deadlines, late work, extensions, changed rules, and what the catalogue gives an assignment first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from exchange_campus import COURSE, NOTEBOOK, Lab, TestCampus, days, tar_gz
from sqlalchemy import select

from cohorts.errors import CampusError, Conflict, Forbidden, Invalid, NotFound
from cohorts.models import Offering
from courses.model import Assignment as Planned
from courses.model import AttemptPolicy, Course, LatePolicy, Text
from grader.assignments import assignments_of, ensure_assignment, ensure_assignments
from grader.extensions import grant_extension
from grader.lateness import LateRule
from grader.models import Assignment, Counting, FeedbackPolicy
from grader.policies import Policy, due_for, moment, policy_of
from grader.policy_changes import apply_policy, fingerprint, preview_policy
from grader.submissions import Receipt, receive


def planned(key: str = "ps1", title: str = "표", due_days: int = 7) -> Planned:
    return Planned(
        key=key,
        title=Text(title, "Tables"),
        summary=Text("", ""),
        due_days=due_days,
        due_time=time(18, 0),
        points=20,
        attempts=AttemptPolicy(limit=5, cooldown=timedelta(minutes=10), counting="best"),
        feedback="at-once",
        hardware="cpu",
        time_limit=timedelta(seconds=90),
        path=Path("source", key),
        late=LatePolicy(grace=timedelta(minutes=5), days=3, percent_per_day=10, most_percent=25),
    )


def course(*assignments: Planned) -> Course:
    text = Text("", "")
    return Course("python-data", "job-conversion", text, text, 40, "cpu", assignments, Path("python-data"))


def test_the_catalogue_gives_deadline_and_policies_in_the_cohorts_zone(sqlite_store: TestCampus) -> None:
    with sqlite_store.database.write() as session:
        offering = session.get_one(Offering, COURSE)
        offering.starts_on = date(2026, 3, 2)
        ensure_assignments(session, offering, course(planned()), "Asia/Seoul")
        (row,) = assignments_of(session, COURSE)
        assert row.due_at == datetime(2026, 3, 9, 9, 0, tzinfo=UTC)
        assert (row.title_ko, row.title_en, row.points) == ("표", "Tables", 20)
        assert (row.attempt_limit, row.cooldown_seconds, row.counting) == (5, 600, Counting.BEST)
        assert policy_of(row).late == LateRule(timedelta(minutes=5), 3, 10, 25)
        assert (row.feedback_policy, row.time_limit_seconds, row.hardware) == (FeedbackPolicy.AT_ONCE, 90, "cpu")


def test_a_changed_catalogue_changes_titles_but_not_what_was_set_since(sqlite_store: TestCampus) -> None:
    with sqlite_store.database.write() as session:
        offering = session.get_one(Offering, COURSE)
        ensure_assignments(session, offering, course(planned()), "Asia/Seoul")
    moved = days(30)
    sqlite_store.set("ps1", due_at=moved, feedback_policy=FeedbackPolicy.MANUAL)
    with sqlite_store.database.write() as session:
        offering = session.get_one(Offering, COURSE)
        ensure_assignments(
            session, offering, course(planned("ps0"), planned(title="새 제목", due_days=1)), "Asia/Seoul"
        )
        first, second = assignments_of(session, COURSE)
        assert (first.name, second.name) == ("ps0", "ps1")
        assert (second.title_ko, second.due_at, second.feedback_policy) == ("새 제목", moved, FeedbackPolicy.MANUAL)


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a+b", ".hidden", "x" * 129, "a\nb", "-x"])
def test_a_name_that_cannot_be_a_folder_names_no_assignment(sqlite_store: TestCampus, name: str) -> None:
    with sqlite_store.database.write() as session, pytest.raises(Invalid):
        ensure_assignment(session, COURSE, name)


def test_an_extension_holds_for_one_student_and_can_be_moved(sqlite_store: TestCampus) -> None:
    due, later, latest, now = days(1), days(2), days(3), datetime.now(UTC)
    sqlite_store.add_assignment("ps1", due_at=due)
    with sqlite_store.database.write() as session:
        row = session.scalars(select(Assignment)).one()
        grant_extension(session, row, "minji", later, "seoyeon", now)
        assert (due_for(session, row, "minji"), due_for(session, row, "junho")) == (later, due)
        extension = grant_extension(session, row, "minji", latest, "seoyeon", now)
        assert (due_for(session, row, "minji"), extension.granted_by) == (latest, "seoyeon")


def test_a_deadline_moved_beyond_an_extension_holds_for_all(sqlite_store: TestCampus) -> None:
    sqlite_store.add_assignment("ps1", due_at=days(1))
    moved = days(5)
    with sqlite_store.database.write() as session:
        row = session.scalars(select(Assignment)).one()
        grant_extension(session, row, "minji", days(2), "seoyeon", datetime.now(UTC))
        row.due_at = moved
        assert due_for(session, row, "minji") == moved


@pytest.mark.parametrize(
    ("username", "due_days", "extended_days", "error"),
    [
        ("minji", 2, 1, Invalid),
        ("minji", -3, -1, Invalid),
        ("minji", None, 1, Invalid),
        ("haneul", 1, 2, NotFound),
        ("seoyeon", 1, 2, NotFound),
        ("nobody", 1, 2, NotFound),
    ],
    ids=["earlier than the deadline", "in the past", "no deadline", "another course", "staff", "unknown"],
)
def test_an_extension_that_makes_no_sense_is_refused(
    sqlite_store: TestCampus, username: str, due_days: float | None, extended_days: float, error: type[CampusError]
) -> None:
    sqlite_store.add_assignment("ps1", due_at=None if due_days is None else days(due_days))
    with sqlite_store.database.write() as session:
        row = session.scalars(select(Assignment)).one()
        with pytest.raises(error) as caught:
            grant_extension(session, row, username, days(extended_days), "seoyeon", datetime.now(UTC))
    assert caught.value.message != caught.value.korean


def test_a_moment_is_shown_in_the_zone_with_its_weekday() -> None:
    when = datetime(2026, 3, 20, 15, 30, 5, tzinfo=UTC)
    assert moment(when, "Asia/Seoul", "ko") == "2026-03-21 (토) 00:30 KST"
    assert moment(when, "Asia/Seoul", "en", seconds=True) == "2026-03-21 (Sat) 00:30:05 KST"
    assert moment(when, "UTC", "en") == "2026-03-20 (Fri) 15:30 UTC"


# Late work

DUE = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)
MOMENT, MINUTE, DAY = timedelta(microseconds=1), timedelta(minutes=1), timedelta(days=1)
LATE = {"grace_seconds": 600, "accept_days_late": 3, "late_percent_per_day": 10.0}


def send(campus: TestCampus, now: datetime, key: str = "a-late-key-1") -> Receipt:
    """What minji hands in at `now`."""
    body = tar_gz({"ps1.ipynb": NOTEBOOK})
    sha256 = campus.storage.put_bytes(body)
    return receive(
        campus.database,
        campus.storage,
        course_id=COURSE,
        assignment="ps1",
        username="minji",
        key=key,
        sha256=sha256,
        size=len(body),
        now=now,
    )


def open_late(campus: TestCampus, due_at: datetime = DUE, **values: Any) -> None:
    campus.release()
    campus.set("ps1", due_at=due_at, **(LATE | values))


def extend(campus: TestCampus, due_at: datetime, now: datetime = DUE) -> None:
    with campus.database.write() as session:
        row = session.scalars(select(Assignment)).one()
        grant_extension(session, row, "minji", due_at, "seoyeon", now)


@pytest.mark.parametrize(
    ("after", "days_late", "percent"),
    [
        (timedelta(), 0, 0),
        (10 * MINUTE, 0, 0),
        (10 * MINUTE + MOMENT, 1, 10),
        (DAY, 1, 10),
        (DAY + MOMENT, 2, 20),
        (3 * DAY, 3, 30),
    ],
    ids=["the deadline", "the end of grace", "after it", "the first day's end", "the second day", "the cut-off"],
)
def test_late_work_is_received_and_its_receipt_says_so(
    store: TestCampus, after: timedelta, days_late: int, percent: float
) -> None:
    open_late(store)
    receipt = send(store, DUE + after)
    assert (receipt.late, receipt.days_late, receipt.penalty_percent) == (days_late > 0, days_late, percent)
    again = send(store, DUE + 30 * DAY)
    assert again == replace(receipt, repeated=True)


def test_nothing_is_received_after_the_cut_off(store: TestCampus) -> None:
    open_late(store)
    before = store.counts()
    with pytest.raises(Forbidden, match=r"late work was accepted until 2026-03-23 \(Mon\) 18:00 KST") as caught:
        send(store, DUE + 3 * DAY + MOMENT)
    assert "지각 제출은 2026-03-23 (월) 18:00 KST까지" in caught.value.korean
    assert store.counts()["attempt"] == before["attempt"] == 0


def test_work_is_taken_without_end_where_the_rule_says_so(sqlite_store: TestCampus) -> None:
    open_late(sqlite_store, accept_days_late=None, late_most_percent=50.0)
    receipt = send(sqlite_store, DUE + 400 * DAY)
    assert (receipt.days_late, receipt.penalty_percent) == (400, 50)


def test_an_extension_moves_the_days_and_the_cut_off_as_much(store: TestCampus) -> None:
    open_late(store)
    extend(store, DUE + 2 * DAY)
    assert not send(store, DUE + 2 * DAY + 10 * MINUTE, "key-number-1").late
    receipt = send(store, DUE + 5 * DAY, "key-number-2")
    assert (receipt.due_at, receipt.days_late) == (DUE + 2 * DAY, 3)
    with pytest.raises(Forbidden):
        send(store, DUE + 5 * DAY + MOMENT, "key-number-3")


def test_an_extension_until_a_time_gone_by_helps_only_who_handed_in_late(sqlite_store: TestCampus) -> None:
    open_late(sqlite_store)
    with pytest.raises(Invalid):
        extend(sqlite_store, DUE + DAY, now=DUE + 5 * DAY)
    send(sqlite_store, DUE + 2 * DAY)
    extend(sqlite_store, DUE + DAY, now=DUE + 5 * DAY)
    with sqlite_store.database.read() as session:
        assert due_for(session, session.scalars(select(Assignment)).one(), "minji") == DUE + DAY


def test_the_exchange_tells_lateness_as_it_is_now_and_a_receipt_as_it_was(campus: TestCampus) -> None:
    due_at = datetime.now(UTC) - 1.5 * DAY
    open_late(campus, due_at)
    body = tar_gz({"ps1.ipynb": NOTEBOOK})
    receipt = campus.submit("minji", body).json()
    assert (receipt["late"], receipt["days_late"], receipt["penalty_percent"]) == (True, 2, 20)
    (listed,) = campus.ask("minji", "GET", "/assignments").json()["assignments"]
    assert (listed["closed"], listed["penalty_percent_now"]) == (False, 20)
    assert listed["closes_at"] == (due_at + 3 * DAY).isoformat().replace("+00:00", "Z")
    assert listed["late_rule"]["ko"].endswith("마감 후 하루에 10 % 감점, 3일 뒤에는 받지 않습니다.")
    extend(campus, datetime.now(UTC) + DAY, now=datetime.now(UTC))
    (attempt,) = campus.ask("minji", "GET", f"/{COURSE}/ps1/attempts").json()["attempts"]
    assert (attempt["late"], attempt["days_late"], attempt["penalty_percent"]) == (False, 0, 0)
    assert campus.submit("minji", body).json() == receipt


def test_the_lab_prints_how_late_work_is(campus: TestCampus, lab: Callable[..., Lab]) -> None:
    open_late(campus, datetime.now(UTC) - 1.5 * DAY)
    home = lab("minji")
    home.run("fetch_assignment", "ps1", "--course", COURSE)
    assert " · 2일 늦음, 20 % 감점" in home.run("submit", "ps1", "--course", COURSE)
    assert " (지금 내면 20 % 감점)" in home.run("list", "--course", COURSE)
    assert "1번째 제출 · 2일 늦음, 20 % 감점" in home.run("list", "--cached", "--course", COURSE)


# Changing the rules

MILD = Policy(DUE, 3, 10 * MINUTE, Counting.BEST, LateRule(days=2, percent_per_day=5, most_percent=50))


def test_a_preview_writes_nothing_and_saving_writes_all_of_it(store: TestCampus) -> None:
    open_late(store)
    with store.database.read() as session:
        row = session.scalars(select(Assignment)).one()
        before = policy_of(row)
        preview = preview_policy(session, row, MILD)
        session.commit()
    assert (preview.changes, preview.marked, preview.base) == ((), 0, fingerprint(before))
    with store.database.write() as session:
        row = session.scalars(select(Assignment)).one()
        assert policy_of(row) == before
        assert apply_policy(session, row, MILD, DUE, preview.base) == 0
    with store.database.read() as session:
        assert policy_of(session.scalars(select(Assignment)).one()) == MILD


def test_a_confirmation_of_what_has_changed_since_saves_nothing(store: TestCampus) -> None:
    open_late(store)
    with store.database.read() as session:
        base = fingerprint(policy_of(session.scalars(select(Assignment)).one()))
    store.set("ps1", attempt_limit=7)
    with pytest.raises(Conflict), store.database.write() as session:
        apply_policy(session, session.scalars(select(Assignment)).one(), MILD, DUE, base)
    with store.database.read() as session:
        assert session.scalars(select(Assignment)).one().attempt_limit == 7


@pytest.mark.parametrize(
    "policy",
    [
        replace(MILD, attempt_limit=0),
        replace(MILD, attempt_limit=1001),
        replace(MILD, cooldown=-MINUTE),
        replace(MILD, cooldown=8 * DAY),
        replace(MILD, late=LateRule(days=-1)),
    ],
    ids=["no attempt", "too many", "a wait before", "a long wait", "late before the deadline"],
)
def test_a_policy_that_makes_no_sense_is_refused_and_nothing_saved(sqlite_store: TestCampus, policy: Policy) -> None:
    open_late(sqlite_store)
    with pytest.raises(Invalid) as caught, sqlite_store.database.write() as session:
        apply_policy(session, session.scalars(select(Assignment)).one(), policy, DUE)
    assert caught.value.message != caught.value.korean
    with sqlite_store.database.read() as session:
        assert session.scalars(select(Assignment)).one().accept_days_late == 3
