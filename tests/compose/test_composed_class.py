"""A class played on the stack of docker-compose.yml, from the roster to the marks; and moved into an empty campus."""

from __future__ import annotations

from pathlib import Path

import pytest
from answers import source_notebook
from class_play import (
    PYTHON,
    TRACK,
    Play,
    assert_nothing_was_lost,
    grade_by_hand,
    hidden_lines,
    what_must_not_be_lost,
)
from compose_campus import ComposeCampus, compose_campus
from stock_marks import stock_marks

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]


def test_marks_equal_those_of_stock_autograde(play: Play, tmp_path: Path) -> None:
    expected = stock_marks(tmp_path / "stock", TRACK, "python-data", "first-steps", play.handed_in)
    rows = play.instructor.api("GET", f"/offerings/{PYTHON}/marks").json()
    assert {row["username"]: row["score"] for row in rows if row["assignment"] == "first-steps"} == expected


def test_feedback_arrives_by_the_button_without_the_hidden_tests(play: Play) -> None:
    lab = play.labs["raon"]
    assert lab.press("fetch_feedback", PYTHON, "first-steps")["success"]
    entry = next(row for row in lab.assignments(PYTHON) if row["status"] == "submitted")
    folder = entry["submissions"][0]["local_feedback_path"]
    listing = lab.call("GET", f"/api/contents/{folder}").json()["content"]
    (page,) = [item["path"] for item in listing if item["name"].endswith(".html")]
    html = lab.call("GET", f"/api/contents/{page}", params={"content": "1"}).json()["content"]
    assert [line for line in hidden_lines(source_notebook(TRACK, "python-data", "first-steps")) if line in html] == []


def test_an_answer_is_graded_by_hand_and_its_feedback_released(play: Play) -> None:
    assert grade_by_hand(play)["score"] > 0


def test_the_campus_moves_by_backup_and_restore(
    campus: ComposeCampus, play: Play, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = what_must_not_be_lost(play)
    file = campus.data / "backups" / "campus.tar.gz"
    campus.compose("run", "--rm", "-T", "archive", "backup", str(file))
    campus.stop()  # its port and the labs' network are what the other one has
    folder = tmp_path_factory.mktemp("moved") / "campus"
    try:
        with compose_campus(campus.engine, folder, {"COMPOSE_PROJECT_NAME": "moved"}) as moved:
            (folder / "backups" / file.name).write_bytes(file.read_bytes())
            moved.compose("up", "--detach", "database")
            moved.compose("run", "--rm", "-T", "archive", "restore", str(folder / "backups" / file.name))
            moved.start()
            assert_nothing_was_lost(moved, before)
    finally:
        campus.start()
