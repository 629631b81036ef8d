"""What staff does and sees: releasing, extensions, feedback, retrying, marks, the grading server, live progress."""

from __future__ import annotations

import csv
import html
import io
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from nbgrader.api import Gradebook
from portal_site import COURSE, Site, hand_in
from waiting import wait_for

from grader.assignments import find_assignment
from grader.gradebook import gradebook_url
from grader.models import Extension, MarkingState
from grader.releases import current_release
from portal.marks import harmless

PAGE = f"/teach/{COURSE}/assignments/first-steps"
API = f"/api/offerings/{COURSE}/assignments/first-steps"
ZONE = ZoneInfo("Asia/Seoul")


def later(days: float) -> str:
    """A time in the cohort's zone as a form sends it."""
    return (datetime.now(ZONE) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")


def test_releasing_makes_the_student_version_with_nbgrader_and_hands_it_out(site: Site) -> None:
    with site.client("yuna.kim") as client:
        answer = client.post(f"/teach/{COURSE}/assignments/first-steps/release")
        assert answer.status_code == 303, answer.text
        page = client.get(answer.headers["location"].removeprefix("/services/portal")).text
        assert "배포했습니다" in page
        assert "2차 배포 · yuna.kim" in page
    with site.campus.database.read() as session:
        release = current_release(session, find_assignment(session, COURSE, "first-steps"))
        assert release is not None
        assert (release.version, release.released_by) == (2, "yuna.kim")
        assert release.source_sha256 is not None
    with site.program("haneul.lee") as lab:
        assert lab.get(f"/api/exchange/{COURSE}/first-steps/release").headers["x-content-sha256"] == release.sha256


def test_a_source_that_nbgrader_refuses_is_told_on_the_page_and_releases_nothing(site: Site) -> None:
    source = site.settings.offerings / COURSE / "source" / "first-steps" / "first-steps.ipynb"
    notebook = json.loads(source.read_text())
    graded = [cell for cell in notebook["cells"] if "nbgrader" in cell["metadata"]]
    graded[-1]["metadata"]["nbgrader"]["grade_id"] = graded[0]["metadata"]["nbgrader"]["grade_id"]
    source.write_text(json.dumps(notebook))
    with site.client("yuna.kim") as client:
        answer = client.post(f"{PAGE}/release")
        assert answer.status_code == 422
        assert "학생용 파일을 만들지 못했습니다" in answer.text
    with site.campus.database.read() as session:
        release = current_release(session, find_assignment(session, COURSE, "first-steps"))
        assert release is not None
        assert release.version == 1


def test_an_extension_is_typed_in_the_cohorts_zone_and_holds(site: Site) -> None:
    with site.client("yuna.kim") as client:
        answer = client.post(f"{PAGE}/extensions", data={"username": "jiho.jung", "due_at": later(9)})
        assert answer.status_code == 303
        assert "연장한 마감이 지금부터 적용됩니다" in client.get(f"{PAGE}?done=extended").text
    with site.campus.database.read() as session:
        extension = session.query(Extension).one()
        assert extension.due_at.astimezone(ZONE).strftime("%Y-%m-%dT%H:%M") == later(9)
        assert (extension.username, extension.granted_by) == ("jiho.jung", "yuna.kim")


@pytest.mark.parametrize(
    ("username", "due_at", "sentence"),
    [
        ("jiho.jung", later(-1), "늦어야 합니다"),
        ("jiho.jung", "tomorrow", "날짜와 시각이 아닙니다"),
        ("jiho.jung", "9999-12-31T23:59+00:00", "날짜와 시각이 아닙니다"),
        ("jun.park", later(9), "학생이 아닙니다"),
        ("other.student", later(9), "학생이 아닙니다"),
    ],
)
def test_a_refused_extension_says_why_and_keeps_what_was_typed(
    site: Site, username: str, due_at: str, sentence: str
) -> None:
    with site.client("yuna.kim") as client:
        answer = client.post(f"{PAGE}/extensions", data={"username": username, "due_at": due_at})
        assert answer.status_code in (404, 422)
        assert sentence in answer.text
        assert f'value="{html.escape(due_at)}"' in answer.text
    with site.campus.database.read() as session:
        assert session.query(Extension).count() == 0


def test_releasing_feedback_shows_it_to_the_students(site: Site) -> None:
    for who in ("haneul.lee", "minseo.kim"):
        hand_in(
            site.campus, COURSE, "first-steps", who, score=8, max_score=10, feedback="<p>잘했어요</p>", released=False
        )
    with site.client("haneul.lee") as student, site.client("yuna.kim") as client:
        path = f"/api/me/offerings/{COURSE}/assignments/first-steps"
        assert student.get(path).json()["state"] == "marked"
        assert "공개를 기다리는 피드백: 2명" in client.get(PAGE).text
        answer = client.post(f"{PAGE}/feedback")
        assert "done=feedback&n=2" in answer.headers["location"]
        assert "제출 2건의 피드백을 공개했습니다" in client.get(f"{PAGE}?done=feedback&n=2").text
        assert student.get(path).json()["attempts"][0]["score"] == 8


def test_failed_markings_are_tried_again(site: Site) -> None:
    hand_in(site.campus, COURSE, "first-steps", "haneul.lee", state=MarkingState.FAILED)
    with site.client("yuna.kim") as client:
        assert "실패한 제출 다시 채점" in client.get(PAGE).text
        assert "done=retried&n=1" in client.post(f"{PAGE}/retry").headers["location"]
        assert "실패한 제출 다시 채점" not in client.get(PAGE).text
        assert client.post(f"{API}/marking/retry").json() == {"queued": 0}
        [line] = [row for row in client.get(f"{API}/submissions").json() if row["username"] == "haneul.lee"]
        assert line["state"] == "queued"


def test_who_has_handed_in_lists_every_student_once(busy_site: Site) -> None:
    with busy_site.client("yuna.kim") as client:
        rows = {row["username"]: row for row in client.get(f"{API}/submissions").json()}
        assert len(rows) == 6
        assert (rows["haneul.lee"]["attempts"], rows["haneul.lee"]["score"]) == (2, 9.5)
        assert rows["yerin.yun"]["attempts"] == 0
        assert rows["jiho.jung"]["integrity"] == "suspect"
        page = client.get(PAGE).text
        assert "확인 필요" in page
        assert "미제출" in page


def test_somebody_who_left_stays_visible_with_their_work(site: Site) -> None:
    from cohorts.people import withdraw

    hand_in(site.campus, COURSE, "first-steps", "haneul.lee", score=8, max_score=10)
    with site.campus.database.write() as session:
        withdraw(session, "jc-2026-1", "haneul.lee", datetime.now(UTC))
        withdraw(session, "jc-2026-1", "yerin.yun", datetime.now(UTC))
    with site.client("yuna.kim") as client:
        rows = {row["username"]: row for row in client.get(f"{API}/submissions").json()}
        assert rows["haneul.lee"]["active"] is False
        assert "yerin.yun" not in rows
        overview = client.get(f"/api/offerings/{COURSE}/assignments").json()[0]
        assert (overview["students"], overview["submitted"]) == (4, 1)


def test_progress_is_told_as_it_happens(site: Site) -> None:
    hand_in(site.campus, COURSE, "first-steps", "haneul.lee", state=MarkingState.QUEUED)
    with site.client("yuna.kim") as client, client.stream("GET", f"{API}/progress") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert next(lines) == "event: progress"
        assert json.loads(next(lines).removeprefix("data: ")) == {
            "queued": 1,
            "running": 0,
            "done": 0,
            "failed": 0,
            "total": 1,
        }
        hand_in(site.campus, COURSE, "first-steps", "minseo.kim", score=1, max_score=1)
        told = next(line for line in lines if line.startswith("data:"))
        assert json.loads(told.removeprefix("data: "))["done"] == 1


def test_a_progress_stream_ends_when_its_reader_leaves_the_staff(site: Site) -> None:
    from cohorts.people import withdraw

    with site.client("jun.park") as client, client.stream("GET", f"{API}/progress") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: progress"
        with site.campus.database.write() as session:
            withdraw(session, "jc-2026-1", "jun.park", datetime.now(UTC))
        assert all(not line.startswith("event") for line in lines)


@pytest.fixture
def nbgraders_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """nbgrader calls `alembic` by its bare name to make a gradebook."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def write_marks(folder: Path) -> None:
    """A real gradebook with two students' marks; one answer waits to be marked by hand."""
    with Gradebook(gradebook_url(folder), COURSE) as book:
        book.add_assignment("first-steps")
        book.add_notebook("first-steps", "first-steps")
        book.add_grade_cell("q1", "first-steps", "first-steps", max_score=6, cell_type="code")
        book.add_grade_cell("q2", "first-steps", "first-steps", max_score=4, cell_type="markdown")
        for who, first, second in (("haneul.lee", 5.5, 3.25), ("minseo.kim", 6.0, None)):
            book.add_student(who)
            book.add_submission("first-steps", who)
            grade = book.find_grade("q1", "first-steps", "first-steps", who)
            grade.auto_score = first
            essay = book.find_grade("q2", "first-steps", "first-steps", who)
            essay.manual_score = second
            essay.needs_manual_grade = second is None
        book.db.commit()


@pytest.mark.usefixtures("nbgraders_tools")
@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own
def test_marks_come_from_nbgraders_gradebook(site: Site) -> None:
    write_marks(site.settings.offerings / COURSE)
    with site.client("yuna.kim") as client:
        marks = {row["username"]: row for row in client.get(f"/api/offerings/{COURSE}/marks").json()}
        assert (marks["haneul.lee"]["score"], marks["haneul.lee"]["max_score"]) == (8.75, 10)
        assert marks["minseo.kim"]["needs_manual"] is True
        page = client.get(f"/teach/{COURSE}/marks").text
        assert "8.75" in page
        assert "직접 채점 남음" in page


@pytest.mark.usefixtures("nbgraders_tools")
@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own
def test_the_spreadsheet_opens_in_korean_and_runs_nothing(site: Site) -> None:
    from cohorts.models import Person

    write_marks(site.settings.offerings / COURSE)
    with site.campus.database.write() as session:
        session.get_one(Person, "minseo.kim").name = '=HYPERLINK("http://evil.example")'
    for path in (f"/teach/{COURSE}/marks.csv", f"/api/offerings/{COURSE}/marks.csv"):
        with site.client("yuna.kim") as client:
            answer = client.get(path)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert "attachment" in answer.headers["content-disposition"]
        assert answer.content.startswith(b"\xef\xbb\xbf")
        rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert rows[0][:2] == ["아이디", "이름"]
        assert rows[0][2].startswith("파이썬 첫걸음")
        found = {row[0]: row for row in rows[1:]}
        assert len(found) == 6
        assert (found["haneul.lee"][2], found["haneul.lee"][-1]) == ("8.75", "8.75")
        assert found["minseo.kim"][1] == '\'=HYPERLINK("http://evil.example")'
        assert found["yerin.yun"][2] == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_begins_like_a_formula(text: str) -> None:
    assert harmless(text) == "'" + text
    assert harmless("이하늘") == "이하늘"


def test_opening_the_grading_server_starts_it_shares_it_and_goes_there(site: Site) -> None:
    owner = f"grading-{COURSE}"
    wait_for("the hub is in sync", lambda: owner in site.hub.users and f"formgrade-{COURSE}" in site.hub.groups)
    with site.client("yuna.kim") as client:
        answer = client.post(f"/teach/{COURSE}/grading-server")
        assert answer.headers["location"] == f"/user/{owner}/formgrader"
    shared = {given["user"]: given["scopes"] for name, given in site.hub.shares if name == owner}
    assert shared.keys() == {"yuna.kim", "jun.park"}
    assert f"access:servers!server={owner}/" in shared["yuna.kim"]


def test_an_administrator_is_nobodys_instructor(busy_site: Site) -> None:
    with busy_site.client("sera.oh") as client:
        assert client.get(PAGE).status_code == 404
        assert client.get(f"/api/offerings/{COURSE}/marks").status_code == 404
