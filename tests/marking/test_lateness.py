"""Late work in the records: its penalty stands in nbgrader's gradebook exactly once, whatever comes after it."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stock
from marking_campus import NOON, OFFERING, MarkingCampus, opened
from nbgrader.api import Gradebook
from small_course import PARTLY, RIGHT, WRONG, answered
from sqlalchemy import select

from cohorts.models import Membership, Role
from grader import jobs
from grader.counting import rule_on
from grader.course_folder import placed_attempt
from grader.extensions import grant_extension
from grader.feedback import release_feedback
from grader.gradebook import Mark, gradebook_url, marks, settle_penalty, write_marking
from grader.lateness import (
    Lateness,
    LateRule,
)
from grader.models import Assignment, Attempt, Counting, FeedbackPolicy, MarkingKind, MarkingState
from grader.policies import deadlines, policy_of
from grader.policy_changes import apply_policy, preview_policy
from grader.results import CellGrade, MarkingResult, NotebookResult, Outcome, TestResult
from grader.sandbox.base import Sandbox
from grader.worker import Worker

SEOUL, BERLIN, NEW_YORK = "Asia/Seoul", "Europe/Berlin", "America/New_York"
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
DUE = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)
RULE = LateRule(grace=timedelta(minutes=10), days=3, percent_per_day=10)


# In the gradebook


def result(square: float = 3.0, essay: float | None = None) -> MarkingResult:
    scores = {"square_test": square, "ratio_test": 1.0, "data_test": 1.0, "essay": essay}
    most = {"square_test": 3.0, "ratio_test": 2.0, "data_test": 1.0, "essay": 5.0}
    tests = tuple(TestResult("p1", key, value, most[key], Outcome.PASSED) for key, value in scores.items())
    grades = tuple(CellGrade(key, value) for key, value in scores.items())
    return MarkingResult((NotebookResult("p1", None, grades, {}, tests, (), {}),))


def write(course: Path, percent: float, **scores: Any) -> None:
    write_marking(gradebook_url(course), "ps1", "kim", DUE, result(**scores), percent)


def grade_by_hand(course: Path, points: float) -> None:
    """What formgrader does."""
    with Gradebook(gradebook_url(course), OFFERING) as book:
        grade = book.find_grade("essay", "p1", "ps1", "kim")
        grade.manual_score, grade.needs_manual_grade = points, False
        book.db.commit()


def stored(course: Path) -> float | None:
    with Gradebook(gradebook_url(course), OFFERING) as book:
        found: float | None = book.find_submission_notebook("p1", "ps1", "kim").late_submission_penalty
        return found


def mark(course: Path) -> Mark:
    (found,) = marks(course)
    return found


def test_marking_twice_takes_off_once(course: Path) -> None:
    for _ in range(3):
        write(course, 20)
    assert stored(course) == 2.2
    assert (mark(course).score, mark(course).penalty) == (2.8, 2.2)


def test_regrading_settles_the_penalty_anew(course: Path) -> None:
    write(course, 20, essay=0.0)
    write(course, 20, square=0.0, essay=0.0)
    assert (stored(course), mark(course).score) == (2.0, 0.0)  # as nbgrader does: no more than the score
    write(course, 10, essay=0.0)
    assert stored(course) == 1.1
    write(course, 0)
    assert stored(course) is None


def test_points_by_hand_are_penalised_once_and_at_once(course: Path) -> None:
    write(course, 50)
    assert mark(course).score == 0.0
    grade_by_hand(course, 4.0)
    assert mark(course).score == 3.5
    grades = settle_penalty(gradebook_url(course), "ps1", "kim", 50)
    assert grades is not None
    assert (grades["p1"].score, grades["p1"].late_penalty) == (9.0, 5.5)
    assert mark(course).score == 3.5


def test_nbgrader_exports_the_same_mark(course: Path, tmp_path: Path) -> None:
    write(course, 20)
    grade_by_hand(course, 4.0)
    stock.run(course, "export", "--to", str(tmp_path / "stock.csv"))
    (theirs,) = csv.DictReader((tmp_path / "stock.csv").read_text(encoding="utf-8").splitlines())
    assert float(theirs["raw_score"]) == 9.0
    assert float(theirs["late_submission_penalty"]) == 2.2
    assert float(theirs["score"]) == mark(course).score == 6.8


def test_there_is_nothing_to_settle_where_nobody_handed_in(course: Path) -> None:
    assert settle_penalty(gradebook_url(course), "ps1", "lee", 20) is None


# From attempt to mark


def set_rule(campus: MarkingCampus, *, counting: Counting = Counting.LATEST, **values: Any) -> None:
    """ps1 is due at NOON; late work costs 20 % a day for five days."""
    with campus.database.write() as session:
        row = session.scalars(select(Assignment)).one()
        row.due_at, row.counting, row.feedback_policy = NOON, counting, FeedbackPolicy.AT_ONCE
        row.accept_days_late, row.late_percent_per_day = 5, 20
        for key, value in values.items():
            setattr(row, key, value)
        if session.scalar(select(Membership.id)) is None:
            session.add(
                Membership(cohort_id="jc-2026-1", username="kim", role=Role.STUDENT, created_at=NOON, changed_at=NOON)
            )


def hand_in(campus: MarkingCampus, nb: dict[str, Any], days_late: float) -> int:
    """An attempt of kim's, received that many days after the deadline."""
    attempt_id = campus.submit(nb)
    with campus.database.write() as session:
        attempt = session.get_one(Attempt, attempt_id)
        attempt.due_at, attempt.received_at = NOON, NOON + days_late * DAY
        attempt.late = days_late > 0
    return attempt_id


def work(campus: MarkingCampus, sandbox: Sandbox) -> int:
    worker = Worker(campus.database, campus.storage, campus.offerings, sandbox, clock=lambda: datetime.now(UTC))
    return worker.run(once=True)


@pytest.fixture
def late_campus(campus: MarkingCampus) -> MarkingCampus:
    set_rule(campus)
    return campus


@pytest.mark.namespaces
def test_a_late_attempt_is_marked_with_its_penalty_everywhere(
    late_campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    attempt = hand_in(late_campus, answered(released, RIGHT), 0.5)
    assert work(late_campus, remembering) == 1
    assert (mark(late_campus.course).score, stored(late_campus.course)) == (3.8, 2.2)
    assert late_campus.markings()[0].score == 6.0
    (feedback,) = late_campus.feedback(attempt)
    assert feedback.score == 3.8
    assert "지각 감점 · Late penalty: -2.2" in late_campus.html(feedback)


@pytest.mark.namespaces
def test_marking_again_and_points_by_hand_take_off_once(
    late_campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    attempt = hand_in(late_campus, answered(released, RIGHT), 0.5)
    work(late_campus, remembering)
    grade_by_hand(late_campus.course, 5.0)
    with late_campus.database.write() as session:
        row = session.get_one(Attempt, attempt)
        jobs.enqueue_marking(session, row, datetime.now(UTC))
        release_feedback(session, row.assignment_id, datetime.now(UTC))
    assert work(late_campus, remembering) == 2
    assert (mark(late_campus.course).score, stored(late_campus.course)) == (8.8, 2.2)
    assert {round(feedback.score or 0, 6) for feedback in late_campus.feedback(attempt)[1:]} == {8.8}


@pytest.mark.namespaces
def test_an_extension_after_marking_lifts_the_penalty(
    late_campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    attempt = hand_in(late_campus, answered(released, RIGHT), 1.5)
    work(late_campus, remembering)
    assert stored(late_campus.course) == 4.4
    with late_campus.database.write() as session:
        row = session.scalars(select(Assignment)).one()
        grant_extension(session, row, "kim", NOON + DAY, "kim", datetime.now(UTC))
    (job,) = [made for made in late_campus.markings(attempt) if made.state is MarkingState.QUEUED]
    assert (job.kind, job.priority) == (MarkingKind.FEEDBACK, jobs.INTERACTIVE)
    assert work(late_campus, remembering) == 1
    assert (mark(late_campus.course).score, stored(late_campus.course)) == (3.8, 2.2)
    with late_campus.database.write() as session:
        row = session.scalars(select(Assignment)).one()
        grant_extension(session, row, "kim", datetime.now(UTC) + DAY, "kim", datetime.now(UTC))
    assert work(late_campus, remembering) == 1
    assert (mark(late_campus.course).score, stored(late_campus.course)) == (6.0, None)
    assert late_campus.feedback(attempt)[-1].score == 6.0


@pytest.mark.namespaces
@pytest.mark.parametrize(
    ("counting", "second", "days_late", "counts", "score"),
    [
        (Counting.BEST, RIGHT, 2.5, 0, 2.0),
        (Counting.BEST, RIGHT, 0.5, 1, 3.8),
        (Counting.LATEST, RIGHT, 2.5, 1, 0.0),
        (Counting.LATEST, WRONG, 0.0, 1, 1.0),
        (Counting.BEST, WRONG, 0.0, 0, 2.0),
    ],
    ids=["better but too late", "better in spite of it", "the latest, late", "the latest, worse", "the best stays"],
)
def test_what_an_attempt_is_worth_after_its_penalty_decides_and_none_is_lost(
    campus: MarkingCampus,
    released: dict[str, Any],
    remembering: Sandbox,
    counting: Counting,
    second: dict[str, str],
    days_late: float,
    counts: int,
    score: float,
) -> None:
    set_rule(campus, counting=counting)
    attempts = [hand_in(campus, answered(released, PARTLY), 0), hand_in(campus, answered(released, second), days_late)]
    work(campus, remembering)
    assert placed_attempt(campus.course, "ps1", "kim") == attempts[counts]
    assert mark(campus.course).score == score
    for attempt in attempts:
        assert len(campus.feedback(attempt)) == 1
        assert campus.markings(attempt)[0].tests
    with campus.database.read() as session:
        assert all(campus.storage.has(session.get_one(Attempt, attempt).sha256) for attempt in attempts)


@pytest.mark.namespaces
def test_an_extension_can_make_another_attempt_the_best(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    set_rule(campus, counting=Counting.BEST)
    first, second = hand_in(campus, answered(released, PARTLY), 0), hand_in(campus, answered(released, RIGHT), 2.5)
    work(campus, remembering)
    assert placed_attempt(campus.course, "ps1", "kim") == first
    with campus.database.write() as session:
        row = session.scalars(select(Assignment)).one()
        grant_extension(session, row, "kim", datetime.now(UTC) + DAY, "kim", datetime.now(UTC))
    work(campus, remembering)
    assert placed_attempt(campus.course, "ps1", "kim") == second
    assert mark(campus.course).score == 6.0
    assert campus.feedback(second)[-1].score == 6.0


@pytest.mark.namespaces
def test_a_policy_is_previewed_without_a_trace_then_holds(
    database_url: str, course: Path, tmp_path: Path, released: dict[str, Any], remembering: Sandbox
) -> None:
    with opened(tmp_path, database_url) as campus:
        set_rule(campus)
        hand_in(campus, answered(released, RIGHT), 0.5)
        work(campus, remembering)
        grade_by_hand(campus.course, 5.0)
        with campus.database.read() as session:
            row = session.scalars(select(Assignment)).one()
            milder = replace(policy_of(row), late=LateRule(days=5, percent_per_day=10))
            preview = preview_policy(session, row, milder, {"kim": mark(campus.course)})
            assert not session.dirty
            assert not session.new
        (change,) = preview.changes
        assert (change.username, change.before.score, change.after.score) == ("kim", 8.8, 9.9)
        assert (change.difference, preview.marked) == (1.1, 1)
        assert [step.lateness.percent for step in preview.steps] == [0, 10, 20, 30, 40, 50, 0]
        assert work(campus, remembering) == 0
        assert mark(campus.course).score == 8.8
        with campus.database.write() as session:
            row = session.scalars(select(Assignment)).one()
            assert apply_policy(session, row, milder, datetime.now(UTC), preview.base) == 1
        assert work(campus, remembering) == 1
        assert mark(campus.course).score == 9.9


@pytest.mark.namespaces
def test_counting_the_best_instead_puts_it_into_the_gradebook(
    late_campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    best = hand_in(late_campus, answered(released, RIGHT), 0)
    hand_in(late_campus, answered(released, WRONG), 0)
    work(late_campus, remembering)
    assert mark(late_campus.course).score == 1.0
    with late_campus.database.write() as session:
        row = session.scalars(select(Assignment)).one()
        wanted = replace(policy_of(row), counting=Counting.BEST)
        (change,) = preview_policy(session, row, wanted).changes
        assert (change.before.number, change.after.number, change.difference) == (2, 1, 5.0)
        apply_policy(session, row, wanted, datetime.now(UTC))
    work(late_campus, remembering)
    assert placed_attempt(late_campus.course, "ps1", "kim") == best
    assert mark(late_campus.course).score == 6.0


@pytest.mark.namespaces
def test_an_extension_that_comes_while_work_is_being_marked_is_not_forgotten(
    late_campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from grader import recording

    attempt = hand_in(late_campus, answered(released, RIGHT), 0.5)
    build = recording.build_bundle

    def extend_meanwhile(pages: Any) -> bytes:
        monkeypatch.setattr(recording, "build_bundle", build)
        with late_campus.database.write() as session:
            row = session.scalars(select(Assignment)).one()
            grant_extension(session, row, "kim", datetime.now(UTC) + DAY, "kim", datetime.now(UTC))
        return build(pages)

    monkeypatch.setattr(recording, "build_bundle", extend_meanwhile)
    assert work(late_campus, remembering) == 2
    assert (mark(late_campus.course).score, stored(late_campus.course)) == (6.0, None)
    assert late_campus.feedback(attempt)[-1].score == 6.0


def test_a_deadline_moved_forward_makes_nobody_late_who_was_in_time(campus: MarkingCampus) -> None:
    set_rule(campus)
    attempt = campus.submit(b"{}")
    with campus.database.write() as session:
        row = session.get_one(Attempt, attempt)
        row.due_at, row.received_at = NOON, NOON - SECOND
        row.assignment.due_at = NOON - 3 * DAY
        session.flush()
        assert not deadlines(session, row.assignment).of(row).late
        assert rule_on(session, attempt, 1.0, 2.0).percent == 0
        row.received_at = NOON + SECOND
        session.flush()
        assert deadlines(session, row.assignment).of(row) == Lateness(1, 20)
