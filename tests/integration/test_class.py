"""A class, played through on a real campus: from the roster to the marks in a spreadsheet."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest
from answers import source_notebook
from campus_process import Campus, Lab
from class_play import PYTHON, TRACK, Play, grade_by_hand, hidden_lines, notebooks_of, play_class
from ports import free_port
from stock_marks import stock_marks


@pytest.fixture(scope="module")
def play(campus: Campus) -> Play:
    return play_class(campus)


def test_marks_equal_those_of_stock_autograde(play: Play, tmp_path: Path) -> None:
    expected = stock_marks(tmp_path / "stock", TRACK, "python-data", "first-steps", play.handed_in)
    rows = play.instructor.api("GET", f"/offerings/{PYTHON}/marks").json()
    assert {row["username"]: row["score"] for row in rows if row["assignment"] == "first-steps"} == expected
    assert expected["narae"] == next(row["max_score"] for row in rows if row["assignment"] == "first-steps")
    assert 0 < expected["daon"] < expected["narae"]
    assert expected["raon"] < expected["daon"]


def test_every_attempt_has_a_receipt_of_its_own(play: Play) -> None:
    standing = play.students["daon"].api("GET", f"/me/offerings/{PYTHON}/assignments/first-steps").json()
    assert sorted(attempt["number"] for attempt in standing["attempts"]) == [1, 2]
    assert len({attempt["received_at"] for attempt in standing["attempts"]}) == 2
    assert all(len(attempt["sha256"]) == 64 for attempt in standing["attempts"])


def test_feedback_arrives_by_the_button_without_the_hidden_tests(play: Play) -> None:
    lab = play.labs["raon"]
    pressed = lab.press("fetch_feedback", PYTHON, "first-steps")
    assert pressed["success"], pressed
    entry = next(row for row in lab.assignments(PYTHON) if row["status"] == "submitted")
    (submission,) = entry["submissions"]
    assert submission["has_local_feedback"]
    folder = submission["local_feedback_path"]
    listing = lab.call("GET", f"/api/contents/{folder}").json()["content"]
    (page,) = [item["path"] for item in listing if item["name"].endswith(".html")]
    html = lab.call("GET", f"/api/contents/{page}", params={"content": "1"}).json()["content"]
    source = source_notebook(TRACK, "python-data", "first-steps")
    for line in hidden_lines(source):
        assert line not in html


def test_a_person_sees_only_their_own(play: Play) -> None:
    narae, raon = play.students["narae"], play.students["raon"]
    theirs = raon.api("GET", f"/me/offerings/{PYTHON}/assignments/first-steps").json()["attempts"][0]["id"]
    path = f"/exchange/{PYTHON}/first-steps"
    assert narae.api("GET", f"{path}/attempts/{theirs}/files").status_code in (403, 404)
    assert narae.api("GET", f"{path}/feedback/{theirs}").status_code in (403, 404)
    assert narae.api("GET", f"/offerings/{PYTHON}/marks").status_code in (403, 404)
    assert narae.hub("GET", "/users/raon").status_code in (403, 404)
    assert play.campus.sign_in("prof-lee").api("GET", f"/offerings/{PYTHON}/marks").status_code in (403, 404)


def test_the_marks_file_is_what_the_marks_are(play: Play) -> None:
    answer = play.instructor.api("GET", f"/offerings/{PYTHON}/marks.csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    marks = {
        row["username"]: row["score"]
        for row in play.instructor.api("GET", f"/offerings/{PYTHON}/marks").json()
        if row["assignment"] == "first-steps"
    }
    for username, score in marks.items():
        (line,) = [row for row in rows if username in row]
        assert any(cell and number(cell) == score for cell in line), line


def number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def test_an_answer_is_graded_by_hand_in_formgrader_and_its_feedback_released(play: Play) -> None:
    assert grade_by_hand(play)["score"] > 0


def test_the_campus_moves_by_backup_and_restore_while_it_runs(campus: Campus, play: Play, tmp_path: Path) -> None:
    before = play.instructor.api("GET", f"/offerings/{PYTHON}/marks").json()
    receipts = play.students["daon"].api("GET", f"/me/offerings/{PYTHON}/assignments/first-steps").json()
    file, moved = tmp_path / "campus.tar.gz", Campus(tmp_path / "moved", free_port())
    bitgoeul("backup", str(file), "--data", str(campus.data))
    bitgoeul("restore", str(file), "--data", str(moved.data))
    try:
        moved.start()
        assert moved.sign_in("garam").api("GET", f"/offerings/{PYTHON}/marks").json() == before
        student = moved.sign_in("daon")
        assert student.api("GET", f"/me/offerings/{PYTHON}/assignments/first-steps").json() == receipts
        (path,) = notebooks_of(Lab(student).start(), PYTHON, "first-steps")
        assert path
    finally:
        moved.stop()


def bitgoeul(*arguments: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "portal.cli", *arguments], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
