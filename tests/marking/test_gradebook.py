"""What is written into nbgrader's gradebook and read out of it."""

from __future__ import annotations

import csv
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import stock
from nbgrader.api import Gradebook
from sqlalchemy import Engine, event
from sqlalchemy.pool import Pool

from courses.model import Text
from grader.gradebook import gradebook_url, marks, read_grades, write_marking
from grader.results import CellGrade, MarkingResult, NotebookResult, Outcome, TestResult

WHEN = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)


def result(square: float | None = 3.0, essay: float | None = None, *, missing: bool = False) -> MarkingResult:
    scores = {"square_test": square, "ratio_test": 1.0, "data_test": 1.0, "essay": essay}
    most = {"square_test": 3.0, "ratio_test": 2.0, "data_test": 1.0, "essay": 5.0}
    tests = tuple(TestResult("p1", key, value, most[key], Outcome.PASSED) for key, value in scores.items())
    grades = tuple(CellGrade(key, 0.0 if missing else value) for key, value in scores.items())
    return MarkingResult(
        (NotebookResult("p1", None, grades, {"square": "No response."}, tests, (), {}, missing, Text("a", "a")),)
    )


def test_before_a_release_there_are_no_marks(tmp_path: Path) -> None:
    assert marks(tmp_path) == []


def test_a_marking_is_stored_once_and_read_back(course: Path) -> None:
    for _ in range(2):
        grades = write_marking(gradebook_url(course), "ps1", "kim", WHEN, result())
    assert grades["p1"].score == 5.0
    assert grades["p1"].needs_manual
    assert grades["p1"].cells["square_test"] == (3.0, 3.0)
    assert grades["p1"].comments["square"] == "No response."
    assert read_grades(gradebook_url(course), "ps1", "kim") == grades
    assert read_grades(gradebook_url(course), "ps1", "lee") is None
    (mark,) = marks(course)
    assert (mark.username, mark.assignment, mark.score, mark.max_score) == ("kim", "ps1", 5.0, 11.0)
    assert (mark.auto, mark.manual, mark.needs_manual, mark.submitted_at) == (5.0, 0.0, True, WHEN)


def test_a_marking_takes_few_statements_and_one_that_changes_nothing_writes_none(course: Path) -> None:
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement.split()[0])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        write_marking(gradebook_url(course), "ps1", "kim", WHEN, result())
        first, said[:] = list(said), []
        write_marking(gradebook_url(course), "ps1", "kim", WHEN, result())
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert first == ["BEGIN", "SELECT", "SELECT", *["INSERT"] * 5]
    assert said == ["BEGIN", "SELECT", "SELECT", "UPDATE"]  # when it was handed in


def test_a_gradebook_is_opened_once_and_anew_when_another_file_has_its_name(course: Path) -> None:
    opened: list[str] = []

    def note(connection: Any, _record: Any) -> None:
        opened.append(connection.execute("PRAGMA database_list").fetchone()[2])

    path, before = course / "gradebook.db", course / "before.db"
    shutil.copyfile(path, before)
    event.listen(Pool, "connect", note)
    try:
        for name in ("kim", "lee"):
            write_marking(gradebook_url(course), "ps1", name, WHEN, result())
        assert opened == [str(path.resolve())]
        before.replace(path)
        assert read_grades(gradebook_url(course), "ps1", "kim") is None
        write_marking(gradebook_url(course), "ps1", "choi", WHEN, result())
    finally:
        event.remove(Pool, "connect", note)
    assert len(opened) == 2
    assert [mark.username for mark in marks(course)] == ["choi"]


def test_manual_scores_and_comments_survive_a_new_marking(course: Path) -> None:
    write_marking(gradebook_url(course), "ps1", "kim", WHEN, result())
    with Gradebook(gradebook_url(course), "x") as gradebook:
        grade = gradebook.find_grade("essay", "p1", "ps1", "kim")
        grade.manual_score, grade.needs_manual_grade = 4.0, False
        gradebook.find_comment("essay", "p1", "ps1", "kim").manual_comment = "좋습니다"
        gradebook.db.commit()
    (mark,) = marks(course)
    assert (mark.score, mark.auto, mark.manual, mark.needs_manual) == (9.0, 5.0, 4.0, False)
    grades = write_marking(gradebook_url(course), "ps1", "kim", WHEN, result(square=0.0))
    assert grades["p1"].score == 6.0
    assert grades["p1"].comments["essay"] == "좋습니다"
    assert grades["p1"].needs_manual  # nbgrader asks for another look


def test_a_notebook_that_was_not_handed_in_is_zero_without_asking_a_person(course: Path) -> None:
    grades = write_marking(gradebook_url(course), "ps1", "kim", WHEN, result(missing=True))
    assert (grades["p1"].score, grades["p1"].needs_manual) == (0.0, False)


def test_a_deleted_cell_loses_the_points_of_an_earlier_attempt(course: Path) -> None:
    write_marking(gradebook_url(course), "ps1", "kim", WHEN, result(square=3.0))
    grades = write_marking(gradebook_url(course), "ps1", "kim", WHEN, result(square=None))
    assert grades["p1"].cells["square_test"] == (0.0, 3.0)


def test_marks_are_what_nbgrader_exports(course: Path, tmp_path: Path) -> None:
    write_marking(gradebook_url(course), "ps1", "kim", WHEN, result())
    stock.run(course, "export", "--to", str(tmp_path / "stock.csv"))
    (theirs,) = csv.DictReader((tmp_path / "stock.csv").read_text(encoding="utf-8").splitlines())
    (ours,) = marks(course)
    assert (ours.assignment, ours.username) == (theirs["assignment"], theirs["student_id"])
    assert (ours.score, ours.max_score) == (float(theirs["score"]), float(theirs["max_score"]))
    assert ours.score == 5.0
