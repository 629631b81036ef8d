"""An assignment's rules on pages and in the API: read in words, previewed, saved; lateness wherever a mark is shown."""

from __future__ import annotations

import csv
import io
import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from nbgrader.api import Gradebook
from portal_site import COURSE, FEEDBACK_HTML, Site, hand_in

from grader.assignments import find_assignment
from grader.gradebook import gradebook_url
from grader.models import Attempt, Counting, Marking, MarkingState
from grader.policies import Policy, policy_of

PAGE = f"/teach/{COURSE}/assignments/first-steps"
API = f"/api/offerings/{COURSE}/assignments/first-steps"
LEARN = f"/learn/{COURSE}/first-steps"
ZONE = ZoneInfo("Asia/Seoul")
DAY = timedelta(days=1)
FORM = {
    "attempt_limit": "5",
    "cooldown": "2.5",
    "counting": "best",
    "grace": "10",
    "late": "days",
    "days": "3",
    "percent": "10",
    "most": "100",
}


def make_late(site: Site, ago: timedelta = 1.5 * DAY, **rule: Any) -> datetime:
    """first-steps was due that long ago; late work costs 10 % a day for three days."""
    due_at = datetime.now(UTC) - ago
    with site.campus.database.write() as session:
        row = find_assignment(session, COURSE, "first-steps")
        row.due_at, row.accept_days_late, row.late_percent_per_day = due_at, 3, 10
        for name, value in rule.items():
            setattr(row, name, value)
    return due_at


def policy(site: Site) -> Policy:
    with site.campus.database.read() as session:
        return policy_of(find_assignment(session, COURSE, "first-steps"))


def typed(when: datetime) -> str:
    return when.astimezone(ZONE).strftime("%Y-%m-%dT%H:%M")


def hidden(page: str) -> dict[str, str]:
    """The form that confirms a preview, as the browser sends it."""
    form = re.search(r'<form method="post" action="[^"]+/policy" .*?</form>', page, re.DOTALL)
    assert form is not None
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form[0]))


def test_rules_are_typed_previewed_and_saved(site: Site) -> None:
    due_at = (datetime.now(UTC) + 2 * DAY).replace(second=0, microsecond=0)
    before = policy(site)
    with site.client("yuna.kim") as client:
        page = client.post(f"{PAGE}/policy/preview", data=FORM | {"due_at": typed(due_at)}).text
        assert "아직 저장되지 않았습니다" in page
        assert "마감 후 10분까지는 제시간으로 봅니다. 마감 후 하루에 10 % 감점, 3일 뒤에는 받지 않습니다." in page
        assert "30 % 감점" in page
        assert policy(site) == before
        answer = client.post(f"{PAGE}/policy", data=hidden(page))
        assert answer.status_code == 303
        assert "규칙이 지금부터 적용됩니다" in client.get(f"{PAGE}?done=policy").text
        saved = policy(site)
        assert (saved.due_at, saved.attempt_limit, saved.cooldown) == (due_at, 5, timedelta(seconds=150))
        assert (saved.late.grace, saved.late.days, saved.late.percent_per_day) == (timedelta(minutes=10), 3, 10)
        assert f'value="{typed(due_at)}"' in client.get(f"{PAGE}/policy").text


def test_a_deadline_left_alone_keeps_its_seconds(site: Site) -> None:
    due_at = make_late(site)
    with site.client("yuna.kim") as client:
        page = client.post(f"{PAGE}/policy/preview", data=FORM | {"due_at": typed(due_at)}).text
        client.post(f"{PAGE}/policy", data=hidden(page))
    assert policy(site).due_at == due_at


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("percent", "ten", "쓸 수 없습니다"),
        ("percent", "101", "0 %부터 100 %까지"),
        ("grace", "721", "0분부터 720분까지"),
        ("days", "1.5", "정수여야 합니다"),
        ("days", "366", "365일까지"),
        ("attempt_limit", "0", "1번부터"),
        ("due_at", "tomorrow", "날짜와 시각이 아닙니다"),
        ("cooldown", "1e99", "쓸 수 없습니다"),
    ],
)
def test_what_makes_no_sense_is_said_with_the_form_as_it_was_typed(
    site: Site, name: str, value: str, sentence: str
) -> None:
    before = policy(site)
    with site.client("yuna.kim") as client:
        answer = client.post(f"{PAGE}/policy/preview", data=FORM | {"due_at": ""} | {name: value})
        assert answer.status_code == 422
        assert sentence in answer.text
        assert f'value="{value}"' in answer.text
    assert policy(site) == before


def test_a_preview_that_is_out_of_date_is_not_saved(site: Site) -> None:
    with site.client("yuna.kim") as client:
        page = client.post(f"{PAGE}/policy/preview", data=FORM | {"due_at": ""}).text
        assert client.put(f"{API}/policy", json={"attempt_limit": 9}).status_code == 200
        answer = client.post(f"{PAGE}/policy", data=hidden(page))
        assert answer.status_code == 409
        assert "다른 사람이 규칙을 바꿨습니다" in answer.text
    assert policy(site).attempt_limit == 9


def test_the_preview_names_whose_mark_would_change_and_by_how_much(site: Site) -> None:
    make_late(site, 2.5 * DAY)
    hand_in(site.campus, COURSE, "first-steps", "haneul.lee", ago=DAY, score=9, max_score=10)
    hand_in(site.campus, COURSE, "first-steps", "minseo.kim", ago=3 * DAY, score=8, max_score=10)
    with site.client("yuna.kim") as client:
        found = client.post(f"{API}/policy/preview", json={"late_percent_per_day": 20}).json()
        (change,) = found["changes"]
        assert (change["username"], change["before"]["score"], change["after"]["score"]) == ("haneul.lee", 7, 5)
        assert (change["before"]["penalty_percent"], change["after"]["penalty_percent"]) == (20, 40)
        assert (change["difference"], found["marked"]) == (-2, 2)
        data = FORM | {"due_at": typed(policy(site).due_at or datetime.now(UTC)), "grace": "0", "percent": "20"}
        page = client.post(f"{PAGE}/policy/preview", data=data).text
        assert "점수가 바뀌는 학생 1명" in page
        assert "−2" in page
        assert client.get(f"{API}/policy").json()["late_percent_per_day"] == 10
        with site.campus.database.read() as session:
            assert session.query(Marking).filter(Marking.state == MarkingState.QUEUED).count() == 0
        saved = client.put(f"{API}/policy", json={"late_percent_per_day": 20, "base": found["base"]}).json()
        assert saved["queued"] == 1


def test_the_api_says_what_a_submission_at_a_time_would_lose(site: Site) -> None:
    due_at = make_late(site)
    with site.client("yuna.kim") as client:
        cases = ((timedelta(), True, 0), (DAY, True, 10), (2.5 * DAY, True, 30), (4 * DAY, False, 40))
        for after, accepted, percent in cases:
            question = {"at": (due_at + after).isoformat()}
            answer = client.post(f"{API}/policy/preview", json=question).json()["answer"]
            assert (answer["accepted"], answer["penalty_percent"]) == (accepted, percent)


def test_what_the_api_is_not_told_stays(site: Site) -> None:
    due_at = make_late(site)
    with site.client("yuna.kim") as client:
        changed = client.put(f"{API}/policy", json={"grace_seconds": 60, "accept_days_late": None}).json()["policy"]
        assert (changed["grace_seconds"], changed["accept_days_late"], changed["late_percent_per_day"]) == (
            60,
            None,
            10,
        )
        assert client.put(f"{API}/policy", json={"due_at": None}).json()["policy"]["due_at"] is None
        assert client.put(f"{API}/policy", json={"grace_seconds": -5}).status_code == 422
        assert client.put(f"{API}/policy", json={"due_at": "someday"}).status_code == 422
    assert policy(site).due_at != due_at


def test_a_student_reads_the_rule_in_words_and_can_still_hand_in(site: Site) -> None:
    due_at = make_late(site)
    with site.client("haneul.lee") as client:
        page = client.get(LEARN).text
        assert "마감 후 하루에 10 % 감점, 3일 뒤에는 받지 않습니다." in page
        assert "마감이 지났지만 아직 제출할 수 있습니다: 20 % 감점." in page
        work = client.get(f"/api/me/offerings/{COURSE}/assignments/first-steps").json()
        assert (work["state"], work["may_submit"], work["penalty_percent_now"]) == ("open", True, 20)
        assert datetime.fromisoformat(work["closes_at"]) == due_at + 3 * DAY
    with site.client("haneul.lee", locale="en") as client:
        assert "10 % off for each day or part of a day after the deadline" in client.get(LEARN).text


def test_lateness_stands_with_the_attempt_its_feedback_and_in_the_class(site: Site) -> None:
    make_late(site)
    attempt = hand_in(
        site.campus, COURSE, "first-steps", "haneul.lee", ago=DAY / 4, score=7, max_score=10, feedback=FEEDBACK_HTML
    )
    with site.client("haneul.lee") as client:
        assert "2일 늦음, 20 % 감점" in client.get(LEARN).text
        assert "2일 늦음, 20 % 감점" in client.get(f"/feedback/{attempt}").text
    with site.client("yuna.kim") as client:
        assert "2일 늦음, 20 % 감점" in client.get(PAGE).text
        (line,) = [row for row in client.get(f"{API}/submissions").json() if row["username"] == "haneul.lee"]
        assert (line["late"], line["days_late"], line["penalty_percent"]) == (True, 2, 20)


def test_no_attempt_is_out_of_reach_when_a_later_one_is_worse(site: Site) -> None:
    attempts = [
        hand_in(
            site.campus,
            COURSE,
            "first-steps",
            "haneul.lee",
            number=number,
            ago=timedelta(hours=9 - number),
            score=score,
            max_score=10,
            feedback=FEEDBACK_HTML,
        )
        for number, score in ((1, 9), (2, 4))
    ]
    with site.client("yuna.kim") as client:
        page = client.get(PAGE).text
        (line,) = [row for row in client.get(f"{API}/submissions").json() if row["username"] == "haneul.lee"]
        told = [(old["number"], old["score"], old["counts"]) for old in line["all_attempts"]]
        assert told == [(2, 4, True), (1, 9, False)]
        for attempt in attempts:
            assert f"/feedback/{attempt}" in page
            assert client.get(f"/feedback/{attempt}").status_code == 200
            path = f"/api/exchange/{COURSE}/first-steps/attempts/{attempt}/files"
            assert path in page
            assert client.get(path).status_code == 200
    with site.client("haneul.lee") as client:
        page = client.get(LEARN).text
        assert all(f"/feedback/{attempt}" in page for attempt in attempts)


def test_the_best_is_chosen_by_what_remains_after_lateness(site: Site) -> None:
    with site.campus.database.write() as session:
        find_assignment(session, COURSE, "first-steps").counting = Counting.BEST
    make_late(site)
    scores = {"max_score": 10, "feedback": FEEDBACK_HTML}
    hand_in(site.campus, COURSE, "first-steps", "haneul.lee", number=1, ago=2 * DAY, score=8, **scores)
    hand_in(site.campus, COURSE, "first-steps", "haneul.lee", number=2, ago=DAY / 4, score=9, **scores)
    with site.client("haneul.lee") as client:
        assert client.get(f"/api/me/offerings/{COURSE}/assignments/first-steps").json()["counted_attempt"] == 1


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own
def test_the_spreadsheet_tells_days_and_penalty(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    make_late(site)
    attempt = hand_in(site.campus, COURSE, "first-steps", "haneul.lee", ago=DAY / 4, score=9, max_score=10)
    with site.campus.database.read() as session:
        received_at = session.get_one(Attempt, attempt).received_at
    with Gradebook(gradebook_url(site.settings.offerings / COURSE), COURSE) as book:
        book.update_or_create_assignment("first-steps")
        book.update_or_create_notebook("first-steps", "first-steps")
        book.update_or_create_grade_cell("q1", "first-steps", "first-steps", max_score=10, cell_type="code")
        book.add_student("haneul.lee")
        submission = book.add_submission("first-steps", "haneul.lee")
        submission.timestamp = received_at.replace(tzinfo=None)
        grade = book.find_grade("q1", "first-steps", "first-steps", "haneul.lee")
        grade.auto_score, grade.needs_manual_grade = 9, False
        book.find_submission_notebook("first-steps", "first-steps", "haneul.lee").late_submission_penalty = 2.0
        book.db.commit()
    with site.client("yuna.kim") as client:
        content = client.get(f"/teach/{COURSE}/marks.csv").content.decode("utf-8-sig")
        rows = {row[0]: row for row in csv.reader(io.StringIO(content))}
        assert [head.rpartition(": ")[2] for head in rows["아이디"][3:5]] == ["지각 일수", "지각 감점"]
        assert rows["haneul.lee"][2:5] == ["7", "2", "2"]
        assert rows["yerin.yun"][2:5] == ["", "", ""]
        assert len({len(row) for row in rows.values()}) == 1
        assert "2일 늦음, −2" in client.get(f"/teach/{COURSE}/marks").text
        (mark,) = client.get(f"/api/offerings/{COURSE}/marks").json()
        assert (mark["score"], mark["days_late"], mark["penalty"]) == (7, 2, 2)
