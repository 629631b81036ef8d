"""Releasing on the portal: the check's report in both languages, for staff alone, and over the API."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from portal_site import COURSE, Site

from grader.assignments import find_assignment
from grader.models import ReleaseCheck
from grader.release_report import Level, ReleaseReport
from grader.releases import current_release

PAGE = f"/teach/{COURSE}/assignments/first-steps"
API = f"/api/offerings/{COURSE}/assignments/first-steps"


def source_of(site: Site) -> Path:
    return site.settings.offerings / COURSE / "source" / "first-steps" / "first-steps.ipynb"


def is_called(cell: Any, key: str) -> bool:
    return bool(cell["metadata"].get("nbgrader", {}).get("grade_id") == key)


def spoil(site: Site) -> None:
    """Give the assignment a test that asks nothing of students, and show a hidden test in a file beside it."""
    path = source_of(site)
    notebook = json.loads(path.read_text(encoding="utf-8"))
    test = next(c for c in notebook["cells"] if is_called(c, "q2-total-test"))
    test["source"] = ["assert 1 + 1 == 2, '<b>all is well</b>'"]
    hidden = "".join(next(c for c in notebook["cells"] if is_called(c, "q2-total-hidden"))["source"])
    line = next(row for row in hidden.split("BEGIN HIDDEN TESTS")[1].split("\n") if "assert" in row)
    (path.parent / "hints.txt").write_text(line, encoding="utf-8")
    path.write_text(json.dumps(notebook), encoding="utf-8")


def version(site: Site) -> int:
    with site.campus.database.read() as session:
        release = current_release(session, find_assignment(session, COURSE, "first-steps"))
        assert release is not None
        return release.version


def test_a_refused_release_shows_which_cell_and_why_in_both_languages_and_changes_nothing(site: Site) -> None:
    spoil(site)
    with site.client("yuna.kim") as client:
        answer = client.post(f"{PAGE}/release")
        assert answer.status_code == 422
        assert "배포하지 않았습니다" in answer.text
        assert "아무것도 쓰지 않은 노트북이 이 셀에서 1점을 받습니다" in answer.text
        assert "q2-total-test" in answer.text
        assert "hints.txt" in answer.text
        assert 'name="accept"' not in answer.text  # nobody may accept that
        refused = client.post(f"{API}/release", json={"accept": "it is only a hint"})
        assert refused.status_code == 422
        assert {problem["rule"] for problem in refused.json()["report"]["problems"]} >= {
            "free-points",
            "hidden-test-shows",
        }
        assert "배포하지 않았습니다" in refused.json()["error_ko"]
        assert "refused" in client.get(f"{API}/release-check").json()["verdict"]
    with site.client("yuna.kim", locale="en") as client:
        client.post("/locale", data={"locale": "en", "next": "/"})
        page = client.get(f"{PAGE}/release-check").text
        assert "Can&#39;t be released like this" in page
        assert "The empty notebook earns 1 of 1 points here" in page
    assert version(site) == 1


def test_a_check_without_a_release_reports_every_test_cell(site: Site) -> None:
    with site.client("yuna.kim") as client:
        assert client.get(f"{API}/release-check").status_code == 404
        assert "아직 점검하지 않았습니다" in client.get(f"{PAGE}/release-check").text
        answer = client.post(f"{PAGE}/release-check")
        assert answer.status_code == 303
        page = client.get(f"{PAGE}/release-check").text
        assert "배포할 수 있습니다" in page
        told = client.post(f"{API}/release-check").json()  # not run again
        assert (told["verdict"], told["checked_by"], told["report"]["points"]) == ("passed", "yuna.kim", 23)
        cells = [cell["cell"] for cell in told["report"]["cells"]]
        assert len(cells) == len(set(re.findall(r'<th scope="row"><code>([^<]+)</code>', page))) == 14
    with site.campus.database.read() as session:
        assert session.query(ReleaseCheck).count() == 1
    assert version(site) == 1


def make_unsteady(site: Site) -> None:
    """As if one of the checked cells had come out differently."""
    with site.campus.database.write() as session:
        row = session.query(ReleaseCheck).one()
        report = ReleaseReport.from_dict(row.report).to_dict()
        report["problems"] = [
            {
                "rule": "not-deterministic",
                "level": Level.UNSTEADY.value,
                "notebook": "first-steps",
                "cell": "q2-total-test",
                "message": "It differs <script>.",
                "message_ko": "다릅니다 <script>.",
                "detail": "<script>alert(1)</script>",
            }
        ]
        report["verdict"] = row.verdict = "unsteady"
        row.report = report


def test_marks_that_waver_ask_for_a_reason_on_the_page(site: Site) -> None:
    with site.client("yuna.kim") as client:
        client.post(f"{PAGE}/release-check")
        make_unsteady(site)
        answer = client.post(f"{PAGE}/release")
        assert answer.status_code == 422
        assert 'name="accept"' in answer.text
        assert "<script>alert(1)" not in answer.text
        short = client.post(f"{PAGE}/release", data={"accept": "음"})
        assert short.status_code == 422
        assert "사유가 1자입니다" in short.text
        assert version(site) == 1
        assert client.post(f"{PAGE}/release", data={"accept": "몬테카를로 과제, 허용 오차 5%"}).status_code == 303
        assert "몬테카를로 과제" in client.get(f"{PAGE}/release-check").text
    assert version(site) == 2


@pytest.mark.parametrize("username", ["haneul.lee", "other.teacher"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_only_the_offerings_staff_sees_a_report(busy_site: Site, username: str, method: str) -> None:
    with busy_site.client(username) as client:
        assert client.request(method, f"{API}/release-check").status_code in (403, 404)
        assert client.request(method, f"{PAGE}/release-check").status_code in (403, 404)
