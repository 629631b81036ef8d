"""A cohort's timetable as people keep it: page, file, API, commands; and the next class on a learner's page."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fake_hub import PREFIX
from lending_site import COHORT, TOKENS, declare, plan
from portal_site import COURSE, Site, run_site

from cohorts.timetable import class_sessions
from portal.cli import bitgoeul

PAGE = f"/cohorts/{COHORT}/timetable"
API = f"/api/cohorts/{COHORT}/timetable"
CLASS = {
    "title": "딥러닝 실습",
    "day": "2031-03-10",
    "starts": "14:00",
    "ends": "17:00",
    "profile": "gpu-slice",
    "seats": "",
}
TIMETABLE = "date,start,end,title,hardware,seats\n2031-03-10,14:00,17:00,Deep learning,gpu-slice,4\n"


@pytest.fixture
def site(tmp_path: Path, filled_data: Path) -> Iterator[Site]:
    """A campus of one's own with eight slices."""
    shutil.copytree(filled_data, tmp_path / "data")
    declare(tmp_path / "data", 8, nodes=2)
    with run_site(tmp_path / "data", **TOKENS) as site:
        yield site


def titles(site: Site) -> list[str]:
    with site.campus.database.read() as session:
        return [entry.title for entry in class_sessions(session, COHORT)]


def words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


@pytest.mark.parametrize("who", ["sera.oh", "yuna.kim", "jun.park"])
def test_administrators_and_the_cohorts_staff_put_classes_in(site: Site, who: str) -> None:
    with site.client(who, locale="ko") as client:
        answer = client.post(PAGE, data=CLASS)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{PREFIX}{PAGE}?done=class-added&n=1")
        text = words(client.get(PAGE).text)
    assert "3월 10일 (월) 14:00 – 17:00 딥러닝 실습 GPU 조각 × 6 (모든 학생) 13:45부터 준비" in text
    with site.campus.database.read() as session:
        entry = class_sessions(session, COHORT)[0]
        assert (entry.starts_at, entry.seats, entry.created_by) == (datetime(2031, 3, 10, 5, tzinfo=UTC), None, who)


@pytest.mark.parametrize("who", ["haneul.lee", "other.teacher"])
def test_nobody_else_sees_it_or_puts_anything_in(site: Site, who: str) -> None:
    with site.client(who) as client:
        assert [client.get(PAGE).status_code, client.post(PAGE, data=CLASS).status_code] == [404, 404]
    assert titles(site) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"title": " "}, "수업 이름은 1자에서 255자까지여야 합니다."),
        ({"day": "soon"}, "날짜와 시각이 아닙니다."),
        ({"ends": "13:00"}, "시작한 뒤에"),
        ({"profile": "cpu"}, "&#39;cpu&#39; 장비는 수업에 확보할 수 없습니다."),
        ({"profile": "tpu"}, "쓸 수 있는 장비: gpu-slice, gpu-full."),
        ({"seats": "many"}, "자리 수가 아닙니다."),
        ({"seats": "0"}, "0자리는 확보할 수 없습니다."),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(site: Site, change: dict[str, str], sentence: str) -> None:
    with site.client("yuna.kim", locale="ko") as client:
        answer = client.post(PAGE, data={**CLASS, **change, "starts": "14:05"})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="14:05"' in answer.text
    assert titles(site) == []


def test_classes_of_one_cohort_dont_overlap_and_too_few_slices_are_told(site: Site) -> None:
    with site.client("sera.oh", locale="en") as client:
        client.post(PAGE, data={**CLASS, "seats": "5"})
        assert client.post(PAGE, data={**CLASS, "starts": "16:00"}).status_code == 409
        client.post("/cohorts/jc-2026-2/timetable", data={**CLASS, "starts": "16:00", "seats": "7"})
        text = words(client.get(PAGE).text)
    assert "GPU slice × 5 ready from 13:45 4 too few at that time" in text


def test_a_file_is_taken_whole_or_not_at_all(site: Site) -> None:
    wrong = TIMETABLE + "2031-03-11,14:00,12:00,Backwards,,\nsoon,1:00,2:00,Never,,\n"
    with site.client("yuna.kim", locale="en") as client:
        answer = client.post(PAGE, files={"file": ("timetable.csv", wrong.encode(), "text/csv")})
        assert answer.status_code == 422
        assert "Line 3 The class &#39;Backwards&#39; must end after it starts" in words(answer.text)
        assert "Line 4 &#39;soon&#39; is no date" in words(answer.text)
        assert titles(site) == []
        answer = client.post(PAGE, files={"file": ("timetable.csv", TIMETABLE.encode(), "text/csv")})
        assert answer.headers["location"].endswith("?done=classes-imported&n=1")
        answer = client.post(PAGE, files={"file": ("timetable.csv", TIMETABLE.encode(), "text/csv")})
        page = client.get(answer.headers["location"].removeprefix(PREFIX))
    assert "All of these classes were in the timetable already." in page.text
    assert titles(site) == ["Deep learning"]


def test_a_class_is_taken_out_and_another_cohorts_is_not(site: Site) -> None:
    own, others = plan(site, begins=timedelta(days=1)), plan(site, begins=timedelta(days=1), cohort="jc-2026-2")
    with site.client("yuna.kim") as client:
        assert client.post(f"{PAGE}/{others}/remove").status_code == 404
        assert client.post(f"{PAGE}/{own}/remove").status_code == 303
    assert titles(site) == []


def test_past_classes_are_folded_away(site: Site) -> None:
    plan(site, "옛 수업", begins=-timedelta(days=2))
    plan(site, "올 수업", begins=timedelta(days=2))
    with site.client("yuna.kim", locale="ko") as client:
        page = client.get(PAGE).text
    table, _, folded = page.partition("<details")
    assert "올 수업" in table
    assert "옛 수업" not in table
    assert "옛 수업" in folded
    assert "지난 수업 1개" in folded


def test_the_timetable_is_found_from_the_cohorts_and_the_courses_page(site: Site) -> None:
    with site.client("sera.oh") as client:
        assert f'href="{PREFIX}{PAGE}"' in client.get(f"/cohorts/{COHORT}").text
    with site.client("yuna.kim") as client:
        assert f'href="{PREFIX}{PAGE}"' in client.get(f"/teach/{COURSE}").text


def test_programs_put_classes_in_read_them_and_take_them_out(site: Site) -> None:
    wanted = {"title": "딥러닝", "starts_at": "2031-03-10T14:00", "ends_at": "2031-03-10T17:00", "profile": "gpu-slice"}
    with site.program("yuna.kim") as client:
        made = client.post(API, json=wanted)
        assert made.status_code == 201
        assert made.json()["starts_at"] == "2031-03-10T05:00:00Z"
        assert made.json()["ready_from"] == "2031-03-10T04:45:00Z"
        assert client.post(API, json=wanted).status_code == 409
        assert client.post(API, json={**wanted, "profile": "cpu"}).status_code == 422
        assert client.post(API, json={**wanted, "starts_at": "0001-01-01T00:00:00+23:00"}).status_code == 422
        plan(site, "지난 수업", begins=-timedelta(days=2))
        assert [entry["title"] for entry in client.get(API).json()] == ["딥러닝"]
        assert [entry["title"] for entry in client.get(f"{API}?past=true").json()] == ["지난 수업", "딥러닝"]
        assert client.delete(f"{API}/{made.json()['id']}").status_code == 204
        assert client.delete(f"{API}/{made.json()['id']}").status_code == 404
    with site.program("haneul.lee") as client:
        assert client.get(API).status_code == 404


def test_a_learners_page_tells_the_next_class_with_its_hardware(site: Site) -> None:
    plan(site, "모델 튜닝", begins=timedelta(days=4))
    plan(site, "파이썬 복습", begins=timedelta(days=9), profile=None)
    with site.client("haneul.lee", locale="ko") as client:
        text = words(client.get("/").text)
    assert re.search(r"다음 수업: \d+월 \d+일 \(.\) \d\d:\d\d 모델 튜닝 · GPU 조각 준비 \d\d:\d\d부터", text), text
    plan(site, "지금 수업", begins=-timedelta(minutes=30), profile=None)
    with site.client("haneul.lee", locale="ko") as client:
        assert "지금 수업 중: 지금 수업" in words(client.get("/").text)
    with site.client("other.student", locale="ko") as client:
        assert "수업:" not in words(client.get("/").text)


@pytest.fixture
def folder(tmp_path: Path, filled_data: Path) -> Path:
    shutil.copytree(filled_data, tmp_path / "data")
    declare(tmp_path / "data", 3)
    return tmp_path / "data"


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(bitgoeul, words, env={"BITGOEUL_DATA": str(folder), "BITGOEUL_ADMINS": "sera.oh"})


def test_a_timetable_is_kept_at_a_terminal(folder: Path, tmp_path: Path) -> None:
    words = ("timetable", "add", "--cohort", COHORT, "딥러닝 실습", "2031-03-10", "14:00", "17:00")
    added = run(folder, *words, "--hardware", "gpu-slice", "--seats", "4")
    assert added.exit_code == 0, added.output
    file = tmp_path / "시간표.csv"
    file.write_bytes("날짜,시작,끝,수업\n2031-03-11,14:00,17:00,복습\n".encode("cp949"))
    assert run(folder, "timetable", "import", str(file), "--cohort", COHORT).output.startswith("수업 1개를 넣었습니다.")
    listed = run(folder, "timetable", "list", "--cohort", COHORT).output
    assert "2031-03-10 14:00-17:00  딥러닝 실습" in listed
    shown = json.loads(run(folder, "timetable", "list", "--cohort", COHORT, "--json").stdout)
    assert [(entry["title"], entry["profile"], entry["seats"]) for entry in shown] == [
        ("딥러닝 실습", "gpu-slice", 4),
        ("복습", None, None),
    ]
    assert run(folder, "timetable", "remove", str(shown[0]["id"]), "--cohort", COHORT).exit_code == 0
    assert "딥러닝" not in run(folder, "timetable", "list", "--cohort", COHORT).output


def test_wrong_lines_of_a_file_are_listed_at_a_terminal(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "wrong.csv"
    file.write_text("date,start,end,title\nsoon,14:00,17:00,x\n2031-03-11,14:00,17:00,fine\n")
    result = run(folder, "timetable", "import", str(file), "--cohort", COHORT)
    assert result.exit_code == 1
    assert "! 2번째 줄 line 2: 'soon'은(는) 날짜가 아닙니다." in result.output
    assert "수업이 없습니다." in run(folder, "timetable", "list", "--cohort", COHORT).output


def test_the_hardware_file_is_shown_and_checked_at_a_terminal(folder: Path, tmp_path: Path) -> None:
    shown = run(folder, "hardware")
    assert shown.exit_code == 0, shown.output
    assert re.search(r"gpu-slice +GPU 조각 GPU slice +gpu +4 +16 GiB +2h", shown.output), shown.output
    assert "The portal takes the declared nodes in when it starts" in shown.output
    assert "node1: gpu × 3" in shown.output
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("profiles: [{name: gpu, title: {ko: G, en: G}, kind: gpu, memory: much}]\n")
    refused = run(folder, "hardware", "--check", str(wrong))
    assert refused.exit_code != 0
    assert "'much' is no size" in str(refused.exception)
    assert run(folder, "hardware", "--check", str(folder / "hardware.yaml")).exit_code == 0
    assert run(folder, "hardware", "--check", str(tmp_path / "none.yaml")).exit_code == 2
    found = json.loads(run(folder, "hardware", "--json").stdout)
    assert [profile["name"] for profile in found["profiles"]] == ["cpu", "gpu-slice", "gpu-full"]
