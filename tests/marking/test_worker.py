"""The worker from attempt to feedback: what it stores, and what students and staff see of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from marking_campus import OFFERING, MarkingCampus
from nbgrader.api import Gradebook
from small_course import PARTLY, RIGHT, WRONG, answered, cell_of
from sqlalchemy import select, update
from workers import score, worker_for

from grader import archive, course_folder, jobs
from grader.feedback import release_feedback
from grader.gradebook import gradebook_url, marks
from grader.models import Assignment, Attempt, Counting, Feedback, FeedbackPolicy, Marking, MarkingKind, MarkingState
from grader.sandbox.base import (
    Sandbox,
)

pytestmark = pytest.mark.namespaces


def test_an_attempt_becomes_marks_feedback_and_folders(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    attempt = campus.submit(answered(released, PARTLY))
    assert worker_for(campus, remembering).run(once=True) == 1
    (marking,) = campus.markings()
    assert (marking.state, marking.score, marking.max_score) == (MarkingState.DONE, 2.0, 11.0)
    assert (marking.needs_manual, marking.integrity, marking.log) == (True, "clean", None)
    outcomes = {test["name"]: (test["points"], test["outcome"]) for test in marking.tests or []}
    assert outcomes == {
        "square_test": (0.0, "failed"),
        "ratio_test": (1.0, "partial"),
        "data_test": (1.0, "passed"),
        "essay": (None, "manual"),
    }
    (feedback,) = campus.feedback(attempt)
    assert (feedback.score, feedback.max_score, feedback.needs_manual) == (2.0, 11.0, True)
    assert feedback.released_at is not None
    assert "숨은 검사를 통과하지 못했습니다" in campus.html(feedback)
    for step in ("submitted", "autograded"):
        folder = campus.course / step / "kim" / "ps1"
        assert (folder / "timestamp.txt").read_text() == "2026-03-20 03:01:00.000000 UTC"
        assert (folder / "note.txt").read_text() == "mine"
        assert (folder / "p1.ipynb").exists()
    autograded = campus.course / "autograded" / "kim" / "ps1"
    assert (autograded / "data.csv").read_text() == "a,b\n1,2\n"
    assert (autograded / "p1.ipynb").stat().st_mode & 0o777 == 0o444
    assert not list(campus.course.glob(f"{course_folder.STAGING}*"))


def test_formgrader_lists_it_and_manual_points_reach_the_feedback(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbgrader.apps.api import NbGraderAPI
    from traitlets.config import Config

    campus.set_policy(feedback=FeedbackPolicy.MANUAL)
    attempt = campus.submit(answered(released, RIGHT))
    worker = worker_for(campus, remembering)
    worker.run(once=True)
    assert campus.feedback()[0].released_at is None
    api = NbGraderAPI(config=Config({"CourseDirectory": {"root": str(campus.course), "course_id": OFFERING}}))
    (submission,) = api.get_submissions("ps1")
    assert (submission["student"], submission["score"], submission["autograded"]) == ("kim", 6.0, True)
    assert submission["needs_manual_grade"]
    with Gradebook(gradebook_url(campus.course), OFFERING) as book:
        grade = book.find_grade("essay", "p1", "ps1", "kim")
        grade.manual_score, grade.needs_manual_grade = 4.5, False
        book.find_comment("essay", "p1", "ps1", "kim").manual_comment = "핵심을 잘 짚었습니다"
        book.db.commit()
    with campus.database.write() as session:
        assignment_id = session.get_one(Attempt, attempt).assignment_id
        assert release_feedback(session, assignment_id, datetime.now(UTC)) == 1
    assert worker.run(once=True) == 1
    newest = campus.feedback()[-1]
    assert (newest.score, newest.needs_manual) == (10.5, False)
    assert newest.released_at is not None
    html = campus.html(newest)
    assert "핵심을 잘 짚었습니다" in html
    assert "4.5 / 5.0" in html
    assert "314159" not in html


def test_a_later_attempt_counts_and_an_older_one_marked_late_does_not_overwrite_it(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    first, second = campus.submit(answered(released, WRONG)), campus.submit(answered(released, RIGHT))
    worker = worker_for(campus, remembering)
    with campus.database.write() as session:
        session.execute(update(Marking).where(Marking.attempt_id == first).values(priority=50))
    assert worker.run(once=True) == 2
    assert [marking.score for marking in campus.markings()] == [1.0, 6.0]
    assert score(campus) == 6.0
    assert course_folder.placed_attempt(campus.course, "ps1", "kim") == second
    assert len(campus.feedback(first)) == 1
    assert "1.0 / 11.0" in campus.html(campus.feedback(first)[0])


def test_with_best_counting_the_better_attempt_stays(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    campus.set_policy(counting=Counting.BEST, feedback=FeedbackPolicy.AT_ONCE)
    first, second = campus.submit(answered(released, RIGHT)), campus.submit(answered(released, PARTLY))
    worker = worker_for(campus, remembering)
    worker.run(once=True)
    assert score(campus) == 6.0
    assert course_folder.placed_attempt(campus.course, "ps1", "kim") == first
    with Gradebook(gradebook_url(campus.course), OFFERING) as book:  # the tests change: the first is worth less now
        for name in ("square_test", "ratio_test"):
            book.find_source_cell(name, "p1", "ps1").source = "assert False"
        book.db.commit()
    with campus.database.write() as session:
        jobs.enqueue_marking(session, session.get_one(Attempt, first), datetime.now(UTC))
    assert worker.run(once=True) == 2  # and the second, which counts now, is marked again
    assert course_folder.placed_attempt(campus.course, "ps1", "kim") == second
    assert score(campus) == 1.0


BAD_WORK: dict[str, Callable[[MarkingCampus], int]] = {
    "no JSON": lambda campus: campus.submit(b"hello"),
    "a future format": lambda campus: campus.submit(b'{"nbformat": 9, "cells": []}'),
    "no notebook": lambda campus: campus.attempt(_bundle_of_text(campus.root)),
}


def _bundle_of_text(root: Path) -> bytes:
    folder = root / "outbox" / "text"
    folder.mkdir(parents=True)
    (folder / "readme.txt").write_text("no notebook")
    return archive.pack(folder)


@pytest.mark.parametrize("hand_in", BAD_WORK.values(), ids=BAD_WORK)
def test_bad_work_scores_nothing_with_a_sentence_and_the_worker_goes_on(
    hand_in: Callable[[MarkingCampus], int], campus: MarkingCampus, remembering: Sandbox
) -> None:
    hand_in(campus)
    assert worker_for(campus, remembering).run(once=True) == 1
    (marking,) = campus.markings()
    assert (marking.state, marking.score, marking.max_score) == (MarkingState.DONE, 0.0, 11.0)
    assert score(campus) == 0.0
    assert all(test["message_ko"] for test in marking.tests or [])


def test_a_submission_that_sends_files_in_the_way_is_marked_all_the_same(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    folder = campus.root / "outbox" / "nasty"
    (folder / "data.csv").mkdir(parents=True)  # a folder where the assignment has a file
    (folder / "data.csv" / "x").write_text("x")
    (folder / "timestamp.txt").write_text("1999-01-01 00:00:00 UTC")
    import json

    (folder / "p1.ipynb").write_text(json.dumps(answered(released, RIGHT)))
    campus.attempt(archive.pack(folder))
    worker_for(campus, remembering).run(once=True)
    assert score(campus) == 6.0
    assert marks(campus.course)[0].submitted_at == datetime(2026, 3, 20, 3, 1, tzinfo=UTC)


def test_a_suspect_marking_is_withheld_until_a_person_releases_it(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    nb = answered(released, RIGHT)
    cell_of(nb, "square_test")["source"] = "assert True"
    attempt = campus.submit(nb)
    worker_for(campus, remembering).run(once=True)
    assert campus.markings(attempt)[0].integrity == "suspect"
    (feedback,) = campus.feedback(attempt)
    assert feedback.released_at is None
    with campus.database.write() as session:
        assert release_feedback(session, session.scalars(select(Assignment)).one().id, datetime.now(UTC)) == 1
    assert campus.feedback(attempt)[0].released_at is not None


def test_feedback_is_not_made_for_an_attempt_that_does_not_count(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    first = campus.submit(answered(released, WRONG))
    campus.submit(answered(released, RIGHT))
    worker = worker_for(campus, remembering)
    worker.run(once=True)
    with campus.database.write() as session:
        jobs.enqueue_feedback(session, session.get_one(Attempt, first), datetime.now(UTC))
    assert worker.run(once=True) == 1
    last = campus.markings(first)[-1]
    assert (last.kind, last.state) == (MarkingKind.FEEDBACK, MarkingState.DONE)
    assert "not the one in the gradebook" in (last.log or "")
    assert len(campus.feedback(first)) == 1


def test_released_feedback_stays_and_is_opened_for_one_student_when_asked(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    campus.set_policy(feedback=FeedbackPolicy.MANUAL)
    kim, lee = campus.submit(answered(released, RIGHT)), campus.submit(answered(released, WRONG), "lee")
    worker_for(campus, remembering).run(once=True)
    with campus.database.write() as session:
        assignment_id = session.get_one(Attempt, kim).assignment_id
        assert release_feedback(session, assignment_id, datetime.now(UTC), "lee") == 1
        assert release_feedback(session, assignment_id, datetime.now(UTC), "lee") == 0

    def is_open(rows: list[Feedback]) -> bool:
        return rows[0].released_at is not None

    assert is_open(campus.feedback(lee))
    assert not is_open(campus.feedback(kim))
