"""Deadlines, extensions and what the catalogue gives an assignment first."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from exchange_campus import COURSE, TestCampus, days
from sqlalchemy import select

from cohorts.errors import CampusError, Invalid, NotFound
from cohorts.models import Offering
from courses.model import Assignment as Planned
from courses.model import AttemptPolicy, Course, Text
from grader.assignments import assignments_of, ensure_assignment, ensure_assignments
from grader.models import Assignment, Counting, FeedbackPolicy
from grader.policies import due_for, grant_extension, moment


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
