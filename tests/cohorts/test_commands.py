"""`bitgoeul cohort` and `bitgoeul roster`, as somebody at a terminal uses them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from portal.cli import bitgoeul
from portal.commands.table import layout

ROSTER = (
    "이름,아이디,이메일,역할\r\n이서연,prof-lee,lee@example.kr,강사\r\n김민지,minji,,학생\r\n정도현,dohyun,,학생\r\n"
)


class Terminal:
    """Runs commands on one data folder."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.folder = folder

    def run(self, *words: str, admins: str = "boss") -> Result:
        return CliRunner().invoke(
            bitgoeul, words, env={"BITGOEUL_DATA": str(self.data), "BITGOEUL_ADMINS": admins}, catch_exceptions=True
        )

    def file(self, text: str, name: str = "명단.csv") -> str:
        path = self.folder / name
        path.write_bytes(text.encode("cp949"))
        return str(path)

    def json(self, *words: str) -> Any:
        result = self.run(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    terminal = Terminal(tmp_path)
    made = terminal.run(
        *("cohort", "create", "jc-2026-1", "--track", "job-conversion"),
        *("--starts-on", "2026-03-02", "--title", "직무전환 1기"),
    )
    assert made.exit_code == 0, made.output
    return terminal


def test_a_cohort_is_opened_with_its_courses_and_their_source(terminal: Terminal) -> None:
    shown = terminal.json("cohort", "show", "jc-2026-1")
    offerings = [offering["id"] for offering in shown["offerings"]]
    assert offerings == ["jc-2026-1-machine-learning", "jc-2026-1-python-data"]
    for offering in offerings:
        assert list((terminal.data / "offerings" / offering / "source").glob("*/*.ipynb"))
    assert [cohort["id"] for cohort in terminal.json("cohort", "list")] == ["jc-2026-1"]
    assert "직무전환 1기" in terminal.run("cohort", "list").output


def test_a_roster_is_previewed_then_applied(terminal: Terminal) -> None:
    seen = terminal.run("roster", "preview", terminal.file(ROSTER), "--cohort", "jc-2026-1")
    assert seen.exit_code == 0, seen.output
    assert "+ 추가 added  minji     김민지                  학생 student     3번째 줄 line 3" in seen.output
    assert "bitgoeul roster apply 1" in seen.output
    assert terminal.json("cohort", "show", "jc-2026-1")["members"] == []

    done = terminal.run("roster", "apply", "1")
    assert "+3 추가 added" in done.output
    members = terminal.json("cohort", "show", "jc-2026-1")["members"]
    assert [(member["username"], member["role"]) for member in members] == [
        ("prof-lee", "instructor"),
        ("minji", "student"),
        ("dohyun", "student"),
    ]
    assert "적용됨 applied" in terminal.run("roster", "show", "1").output


def test_wrong_rows_are_listed_with_their_line_and_end_in_status_1(terminal: Terminal) -> None:
    seen = terminal.run("roster", "preview", terminal.file(ROSTER + ",haneul,wrong,반장\r\n"), "--cohort", "jc-2026-1")
    assert seen.exit_code == 1
    assert seen.output.count("! 5번째 줄 line 5") == 3
    assert "이메일 주소가 아닙니다" in seen.output
    assert "is not an email address" in seen.output
    refused = terminal.run("roster", "apply", "1", "--confirm")
    assert refused.exit_code != 0
    assert "3 wrong rows" in str(refused.exception)


def test_changes_and_questions_are_shown_before_they_are_confirmed(terminal: Terminal) -> None:
    terminal.run("roster", "preview", terminal.file(ROSTER), "--cohort", "jc-2026-1")
    terminal.run("roster", "apply", "1")
    other = "이름,아이디,역할\r\n김민지,minji,강사\r\n정 도현,dohyun,\r\n"
    seen = terminal.run("roster", "preview", terminal.file(other), "--cohort", "jc-2026-1")
    assert "학생 student -> 강사 instructor" in seen.output
    assert "정도현 -> 정 도현" in seen.output
    assert "- 제외 withdrawn  prof-lee" in seen.output
    assert "? 파일에 없는 강사·조교가 제외됩니다: 이서연 (prof-lee)." in seen.output
    assert "bitgoeul roster apply 2 --confirm" in seen.output
    assert "needs your confirmation" in str(terminal.run("roster", "apply", "2").exception)
    assert terminal.run("roster", "apply", "2", "--confirm").exit_code == 0


def test_a_dropped_import_is_gone(terminal: Terminal) -> None:
    terminal.run("roster", "preview", terminal.file(ROSTER), "--cohort", "jc-2026-1")
    assert "버렸습니다" in terminal.run("roster", "drop", "1").output
    assert "was dropped" in str(terminal.run("roster", "apply", "1").exception)


def test_the_preview_as_json_says_what_the_api_says(terminal: Terminal) -> None:
    seen = terminal.json("roster", "preview", terminal.file(ROSTER), "--cohort", "jc-2026-1")
    assert (seen["id"], seen["can_apply"], seen["uploaded_by"], len(seen["added"])) == (1, True, "boss", 3)


def test_somebody_who_is_no_administrator_imports_nothing(terminal: Terminal) -> None:
    words = ("roster", "preview", terminal.file(ROSTER), "--cohort", "jc-2026-1")
    assert "Only administrators" in str(terminal.run(*words, "--as", "minji").exception)
    assert "has no administrator" in str(terminal.run(*words, admins="").exception)


def test_a_folder_without_a_campus_gets_one_sentence_and_stays_empty(tmp_path: Path) -> None:
    environment = os.environ | {"BITGOEUL_DATA": str(tmp_path / "nowhere")}
    result = subprocess.run(
        [sys.executable, "-m", "portal.cli", "cohort", "list"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("bitgoeul: There is no campus in ")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "nowhere").exists()


def test_korean_columns_line_up() -> None:
    assert layout([("김민지", "a"), ("Kim", "b")]) == "김민지  a\nKim     b"
