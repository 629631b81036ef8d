"""`bitgoeul grade` and `bitgoeul autograde`, as people call them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import stock
from small_course import PARTLY, RIGHT, WRONG, answered, cell_of, code, write

pytestmark = pytest.mark.namespaces


def bitgoeul(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "portal.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )


def grade(course: Path, submission: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return bitgoeul("grade", "--source", course / "source" / "ps1" / "p1.ipynb", "--submission", submission, *options)


def test_grade_prints_one_json_object(released_course: Path, released: dict[str, Any], tmp_path: Path) -> None:
    done = grade(released_course, write(answered(released, PARTLY), tmp_path / "x.ipynb"), "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["score"], result["max_score"]) == (2.0, 11.0)
    assert (result["integrity"], result["findings"]) == ("clean", [])
    by_name = {test["name"]: test for test in result["tests"]}
    assert by_name["square_test"] == {
        "name": "square_test",
        "strength": "strong",
        "points": 0.0,
        "max_points": 3.0,
        "outcome": "failed",
        "message": "a hidden check failed: 음수도 제곱해야 합니다",
        "message_ko": "숨은 검사를 통과하지 못했습니다: 음수도 제곱해야 합니다",
    }
    assert by_name["data_test"]["outcome"] == "passed"  # the data beside the source is there
    assert by_name["essay"]["outcome"] == "manual"


def test_grade_prints_a_table_and_reports_tampering(
    released_course: Path, released: dict[str, Any], tmp_path: Path
) -> None:
    nb = answered(released, WRONG)
    cell_of(nb, "square_test")["source"] = "pass"
    done = grade(released_course, write(nb, tmp_path / "x.ipynb"))
    assert done.returncode == 0, done.stderr
    assert "✗ square_test" in done.stdout
    assert "1 / 11" in done.stdout
    assert "suspect" in done.stdout
    assert "The locked cell 'square_test' had been edited" in done.stdout


def test_grade_gives_files_from_the_folder_it_is_told(
    released_course: Path, released: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "data.csv").write_text("other")
    nb = answered(released, RIGHT)
    nb["cells"].append(code("import os\nprint(sorted(os.listdir('.')))"))
    options = ("--json", "--files", str(tmp_path / "data"))
    done = grade(released_course, write(nb, tmp_path / "x.ipynb"), *options)
    assert json.loads(done.stdout)["score"] == 5.0


UNREADABLE = {
    "not JSON": "hello",
    "a future format": '{"nbformat": 7, "cells": []}',
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_notebook_is_one_line_and_status_2(released_course: Path, content: str, tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(content)
    done = grade(released_course, path, "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "x.ipynb" in done.stderr


def test_a_missing_notebook_and_a_source_without_tests_are_one_line(released_course: Path, tmp_path: Path) -> None:
    done = grade(released_course, tmp_path / "nowhere.ipynb", "--json")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    bare = write({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}, tmp_path / "bare.ipynb")
    done = bitgoeul("grade", "--source", bare, "--submission", bare)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no graded cells" in done.stderr


def test_autograde_does_what_nbgrader_does_in_any_course_folder(course: Path, released: dict[str, Any]) -> None:
    (course / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.submitted_directory = 'handed_in'\n"
    )
    for student, answers in (("kim", RIGHT), ("lee", PARTLY)):
        folder = course / "handed_in" / student / "ps1"
        write(answered(released, answers), folder / "p1.ipynb")
        (folder / "timestamp.txt").write_text("2026-03-20 09:00:00 UTC")
    (course / "handed_in" / "park" / "ps1").mkdir(parents=True)
    (course / "handed_in" / "park" / "ps1" / "p1.ipynb").write_text("broken")
    theirs = Path(shutil.copytree(course, course.with_name("stock")))
    process = stock.start(theirs, "autograde", "ps1")
    done = bitgoeul("autograde", "ps1", "--course-dir", course)
    process.communicate()
    assert done.returncode == process.returncode == 1
    assert "error processing assignment 'ps1' for student 'park'" in done.stderr
    assert stock.stored(course, "ps1") == stock.stored(theirs, "ps1")
    names = [sorted(str(p.relative_to(root)) for p in root.glob("autograded/**/*")) for root in (course, theirs)]
    assert names[0] == names[1]

    done = bitgoeul("autograde", "ps1", "--course-dir", course, "--student", "kim")
    assert done.returncode == 0
    assert "Skipping existing assignment" in done.stderr
    write(answered(released, WRONG), course / "handed_in" / "kim" / "ps1" / "p1.ipynb")
    done = bitgoeul("autograde", "ps1", "--student=kim", "--force", "--create", cwd=course)
    assert done.returncode == 0, done.stderr
    assert stock.stored(course, "ps1").grades[("kim", "p1", "square_test")] == (0.0, False)


def test_autograde_keeps_the_gradebook_out_of_reach(course: Path, released: dict[str, Any]) -> None:
    attack = (
        "def square(x):\n    return x * x\nimport pathlib, os\n"
        f"found = [str(p) for p in pathlib.Path({str(course.parent)!r}).rglob('*.db')] if "
        f"os.path.isdir({str(course.parent)!r}) else []\n"
        "here = pathlib.Path('.').resolve()\n"
        "found += [str(p) for up in here.parents for p in up.glob('gradebook.db')]\n"
        "assert not found, found"
    )
    write(answered(released, RIGHT | {"square": attack}), course / "submitted" / "kim" / "ps1" / "p1.ipynb")
    done = bitgoeul("autograde", "ps1", "--course-dir", course)
    assert done.returncode == 0, done.stderr
    assert stock.stored(course, "ps1").grades[("kim", "p1", "square_test")] == (3.0, False)
    autograded = json.loads((course / "autograded" / "kim" / "ps1" / "p1.ipynb").read_text())
    assert cell_of(autograded, "square")["outputs"] == []


def test_autograde_runs_a_test_that_was_tagged_to_be_skipped(course: Path, released: dict[str, Any]) -> None:
    nb = answered(released, WRONG)
    cell_of(nb, "square_test")["metadata"]["tags"] = ["skip-execution"]
    write(nb, course / "submitted" / "kim" / "ps1" / "p1.ipynb")
    done = bitgoeul("autograde", "ps1", "--course-dir", course)
    assert done.returncode == 0, done.stderr
    assert stock.stored(course, "ps1").grades[("kim", "p1", "square_test")] == (0.0, False)


def test_autograde_of_an_unknown_assignment_fails_as_nbgrader_does(course: Path) -> None:
    done = bitgoeul("autograde", "nothing", "--course-dir", course)
    assert done.returncode == 1
    assert "No notebooks were matched" in done.stderr
