"""Our marks against stock `nbgrader autograde`: the same notebooks both ways, every cell's score, flag and comment."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import nbgrader
import pytest
import stock
from small_course import PARTLY, RIGHT, WRONG, answered, write

from grader.course_folder import overlay_source
from grader.gradebook import gradebook_url, write_marking
from grader.marking import mark
from grader.results import MarkingResult
from grader.sandbox.base import Limits
from grader.sandbox.fork import ForkSandbox
from grader.source_reading import read_gradebook

pytestmark = pytest.mark.namespaces
INSTALLED = Path(nbgrader.__file__).parent
GUIDE = INSTALLED / "docs" / "source" / "user_guide"
FILES = INSTALLED / "tests" / "apps" / "files"
MORE_FILES = INSTALLED / "tests" / "preprocessors" / "files"
CONTENT = Path(__file__).resolve().parents[2] / "courses" / "content"
WHEN = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)


def both_ways(course: Path, sandbox: ForkSandbox, assignment: str = "ps1") -> dict[str, MarkingResult]:
    """Mark everything in `course`/submitted with stock nbgrader and with ours at once; assert that they agree."""
    ours = Path(shutil.copytree(course, course.with_name(course.name + "-ours")))
    process = stock.start(course, "autograde", assignment)
    results = {}
    for folder in sorted(ours.glob(f"submitted/*/{assignment}")):
        student = folder.parent.name
        work = Path(shutil.copytree(folder, ours / "work" / student))
        overlay_source(ours, assignment, work)
        source = read_gradebook(gradebook_url(ours), assignment, ours / "source" / assignment)
        results[student] = mark(source, folder, sandbox, Limits(cell=30.0, wall=120.0), files=work)
        write_marking(gradebook_url(ours), assignment, student, WHEN, results[student])
    log, _ = process.communicate()
    assert process.returncode == 0, log
    expected, found = stock.stored(course, assignment), stock.stored(ours, assignment)
    assert expected.grades
    assert found.grades == expected.grades
    assert found.comments == expected.comments
    return results


def test_the_small_course_is_scored_alike(course: Path, released: dict[str, object], sandbox: ForkSandbox) -> None:
    for student, answers in (("right", RIGHT), ("partly", PARTLY), ("wrong", WRONG)):
        write(answered(released, answers), course / "submitted" / student / "ps1" / "p1.ipynb")
    results = both_ways(course, sandbox)
    assert {student: result.score for student, result in results.items()} == {
        "right": 6.0,
        "partly": 2.0,
        "wrong": 1.0,
    }
    assert {result.integrity for result in results.values()} == {"clean"}


def test_nbgraders_quickstart_course_is_scored_alike(tmp_path: Path, sandbox: ForkSandbox) -> None:
    course = tmp_path / "course"
    shutil.copytree(GUIDE / "source" / "ps1", course / "source" / "ps1")
    shutil.copytree(GUIDE / "submitted", course / "submitted")
    stock.run(course, "generate_assignment", "ps1")
    results = both_ways(course, sandbox)
    assert results["hacker"].integrity == "clean"
    assert {finding.rule for finding in results["bitdiddle"].findings} == {"locked-cell-edited"}


def test_nbgraders_own_test_notebooks_are_scored_alike(tmp_path: Path, sandbox: ForkSandbox) -> None:
    course = tmp_path / "course"
    work, done = course / "source" / "ps1", course / "submitted" / "student" / "ps1"
    work.mkdir(parents=True)
    done.mkdir(parents=True)
    pairs = {
        "changed": (FILES / "submitted-unchanged.ipynb", FILES / "submitted-changed.ipynb"),
        "locked-cell": (FILES / "submitted-unchanged.ipynb", FILES / "submitted-locked-cell-changed.ipynb"),
        "showtraceback": (FILES / "submitted-unchanged.ipynb", FILES / "submitted-cheat-attempt.ipynb"),
        "hidden": (FILES / "test-hidden-tests.ipynb", FILES / "test-hidden-tests.ipynb"),
        "relative-file": (FILES / "open_relative_file.ipynb", FILES / "open_relative_file.ipynb"),
        "tasks": (MORE_FILES / "test_taskcell.ipynb", MORE_FILES / "test_taskcell.ipynb"),
        "manual-code": (MORE_FILES / "manually-graded-code-cell.ipynb", MORE_FILES / "manually-graded-code-cell.ipynb"),
        "long-output": (MORE_FILES / "long-output.ipynb", MORE_FILES / "long-output.ipynb"),
        "not-handed-in": (FILES / "submitted-unchanged.ipynb", None),
    }
    shutil.copyfile(FILES / "data.txt", work / "data.txt")
    for name, (source, submission) in pairs.items():
        shutil.copyfile(source, work / f"{name}.ipynb")
        if submission is not None:
            shutil.copyfile(submission, done / f"{name}.ipynb")
    stock.run(course, "generate_assignment", "ps1")
    results = both_ways(course, sandbox)
    rules = {(finding.notebook, finding.rule) for finding in results["student"].findings}
    assert ("not-handed-in", "notebook-missing") in rules
    assert ("locked-cell", "locked-cell-edited") in rules
    assert not [rule for notebook, rule in rules if notebook in ("changed", "hidden", "tasks", "manual-code")]


def test_our_courses_are_scored_alike_and_their_reference_solutions_are_honest(
    tmp_path: Path, sandbox: ForkSandbox
) -> None:
    course = tmp_path / "course"
    sources = sorted(CONTENT.glob("*/*/source/*/*.ipynb"))
    assert len(sources) >= 4
    for path in sources:
        shutil.copytree(path.parent, course / "source" / "ps1", dirs_exist_ok=True)
    stock.run(course, "generate_assignment", "ps1")
    release, reference = course / "release" / "ps1", course / "submitted" / "reference" / "ps1"
    shutil.copytree(release, reference)
    for path in sources:
        solved = json.loads(path.read_text(encoding="utf-8"))
        answers = {
            cell["metadata"]["nbgrader"]["grade_id"]: cell["source"]
            for cell in solved["cells"]
            if cell["metadata"].get("nbgrader", {}).get("solution")
        }
        handed_out = json.loads((release / path.name).read_text(encoding="utf-8"))
        write(answered(handed_out, answers), reference / path.name)
    result = both_ways(course, sandbox)["reference"]
    automatic = [test for test in result.tests if test.points is not None]
    assert [(test.name, test.points) for test in automatic] == [(test.name, test.max_points) for test in automatic]
    assert result.integrity == "clean"
