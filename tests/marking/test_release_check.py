"""The release check: what it refuses, and what it only tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from marking_campus import OFFERING
from nbformat import from_dict
from release_sources import LIMITS, NOTHING, answer, good_source, graded, ran
from small_course import code, nbgrader, notebook, text, write

from cohorts.errors import Invalid
from grader.release_build import Built, build_student_version
from grader.release_check import RUNS, check
from grader.release_findings import findings_of
from grader.release_hints import find_hints
from grader.release_report import Level, ReleaseReport, Verdict
from grader.results import Outcome
from grader.sandbox.base import Sandbox
from grader.source import SourceCell, SourceNotebook, build_notebook


def faulty_source() -> dict[str, Any]:
    return notebook(
        code("import random, sys, time\nprint(random.random())", nbgrader("setup", locked=True)),
        answer("right", "def right():\n    return 'right and proper'"),
        graded("right_test", "assert right() == 'right and proper'"),
        answer("wrong", "wrong = 41"),
        graded("wrong_test", 'assert wrong == 42, "not the answer"', points=2),
        graded("free_test", "assert 1 + 1 == 2"),
        answer("noisy", "noisy = 1"),
        graded("noisy_test", "assert noisy == 1\nprint('careful', file=sys.stderr)"),
        answer("shaky", "shaky = 1"),
        graded("shaky_test", "score = shaky * round(random.random(), 9)\nscore"),
        answer("broken", "rows = open('missing.csv').read()"),
        code("assert right()", nbgrader("practice", locked=True)),
        graded("zero_test", "assert right()", points=0),
        text("답 Answer", nbgrader("essay", grade=True, solution=True, points=5)),
    )


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> ReleaseReport:
    course = tmp_path_factory.mktemp("faulty")
    source, target = course / "source" / "ps1", course / "built"
    target.mkdir()
    write(faulty_source(), source / "p1.ipynb")
    return check(
        build_student_version(course, source, OFFERING, "ps1", sandbox, target), source, sandbox, LIMITS
    ).report


@pytest.mark.parametrize(
    ("rule", "level", "cell", "words"),
    [
        ("reference-fails", Level.REFUSED, "wrong_test", "0 of 2"),
        ("reference-fails", Level.REFUSED, "noisy_test", "stderr"),
        ("reference-fails", Level.REFUSED, "shaky_test", "full marks"),
        ("not-deterministic", Level.UNSTEADY, "shaky_test", "differently"),
        ("free-points", Level.REFUSED, "free_test", "1 of 1"),
        ("student-not-tested", Level.NOTE, "free_test", "no name"),
        ("no-points", Level.NOTE, "practice", "nothing is graded"),
        ("no-points", Level.NOTE, "zero_test", "no points"),
        ("file-missing", Level.NOTE, "broken", "missing.csv"),
        ("reference-error", Level.NOTE, "broken", "FileNotFoundError"),
        ("outputs-differ", Level.NOTE, "setup", "differs"),
    ],
)
def test_the_check_says_which_cell_and_why(
    faulty: ReleaseReport, rule: str, level: Level, cell: str, words: str
) -> None:
    found = [problem for problem in faulty.problems if (problem.rule, problem.cell) == (rule, cell)]
    assert [problem.level for problem in found] == [level], faulty.problems
    assert words in found[0].text.en
    assert found[0].text.ko != found[0].text.en


def test_nothing_is_said_of_what_is_right(faulty: ReleaseReport) -> None:
    assert [problem for problem in faulty.problems if problem.cell in ("right", "right_test", "essay")] == []
    assert faulty.verdict is Verdict.REFUSED


def test_staff_reads_the_tests_own_message_and_traceback(faulty: ReleaseReport) -> None:
    detail = next(problem.detail for problem in faulty.problems if problem.cell == "wrong_test")
    assert "AssertionError: not the answer" in detail
    assert "\x1b" not in detail
    assert "careful" in next(problem.detail for problem in faulty.problems if problem.cell == "noisy_test")


def test_the_report_has_a_line_for_every_test_cell_and_none_for_what_a_person_marks(faulty: ReleaseReport) -> None:
    lines = {cell.cell: (cell.points, cell.reference, cell.empty, cell.steady) for cell in faulty.cells}
    assert lines["right_test"] == (1, 1, 0, True)
    assert lines["wrong_test"] == (2, 0, 0, True)
    assert lines["free_test"] == (1, 1, 1, True)
    assert lines["shaky_test"][3] is False
    assert "essay" not in lines
    strengths = {cell.cell: cell.strength for cell in faulty.cells}
    assert (strengths["right_test"], strengths["shaky_test"]) == ("strong", "shared")


def test_a_report_survives_being_stored(faulty: ReleaseReport) -> None:
    assert ReleaseReport.from_dict(json.loads(json.dumps(faulty.to_dict()))) == faulty


def test_evidence_of_marking_both_ways_shows_as_strength(tmp_path: Path, sandbox: Sandbox) -> None:
    source, target = tmp_path / "source" / "ps1", tmp_path / "built"
    target.mkdir()
    only = notebook(answer("five", "five = 2 + 3"), graded("five_test", "assert five == 5"))
    write(only, source / "p1.ipynb")
    built = build_student_version(tmp_path, source, OFFERING, "ps1", sandbox, target)
    checked = check(built, source, sandbox, LIMITS)
    assert [(cell.cell, cell.strength) for cell in checked.report.cells] == [("five_test", "strong")]
    assert {name: raw["strength"] for name, raw in checked.evidence["p1"].items()} == {"five_test": "strong"}
    assert checked.report.verdict == Verdict.PASSED


def test_each_run_of_the_reference_has_hashes_of_its_own(tmp_path: Path, sandbox: Sandbox) -> None:
    source, target = tmp_path / "source" / "ps1", tmp_path / "built"
    names = "가나다라마바사아자차카타"
    tests = (graded(f"test{number}", f"assert seen(hash({name!r}))") for number, name in enumerate(names))
    write(notebook(answer("seen", "def seen(value):\n    return value % 2 == 0"), *tests), source / "p1.ipynb")
    target.mkdir()
    found = check(build_student_version(tmp_path, source, OFFERING, "ps1", sandbox, target), source, sandbox, LIMITS)
    unsteady = [cell for cell in found.report.cells if not cell.steady]
    assert unsteady  # in one of sixteen million checks all twelve would be steady by chance


@pytest.mark.parametrize(
    ("points", "levels"),
    [
        ((2, 2, 2), []),
        ((2, 0, 2), [Level.UNSTEADY]),
        ((0, 2, 1), [Level.UNSTEADY]),
        ((1, 1, 1), [Level.REFUSED]),
        ((0, 1, 0), [Level.REFUSED, Level.UNSTEADY]),
    ],
    ids=["always", "mostly", "wavering", "never full", "never full and wavering"],
)
def test_a_reference_that_passes_now_and_then_is_unsteady_and_one_that_never_does_is_refused(
    points: tuple[float, ...], levels: list[Level]
) -> None:
    cell = SourceCell("t", "code", "assert f()", None, True, True, False, False, 2)
    runs = [ran(got, Outcome.PASSED if got == 2 else Outcome.PARTIAL if got else Outcome.FAILED) for got in points]
    found = findings_of(build_notebook("p1", {}, [cell]), runs, ran(0, Outcome.FAILED), LIMITS)
    assert [problem.level for problem in found] == levels
    assert len(points) == RUNS


@pytest.mark.parametrize(
    ("student_code", "test", "rule"),
    [
        ("x = 1", "import requests\nassert x", "network"),
        ("x = 1", "assert x and read_csv('https://example.org/a.csv')", "network"),
        ("!pip install torch", "assert x", "network"),
        ("x = open('/home/kim/a.csv')", "assert x", "absolute-path"),
        ("x = open('C:\\\\data\\\\a.csv')", "assert x", "absolute-path"),
        ("x = open('other.csv')", "assert x", "file-missing"),
        ("x = open('data.csv')", "assert x", None),
        ("x = open('out.csv', 'w')", "assert x and open('out.csv')", None),
        ("def f(): return 1", "y = f()\nassert y", None),
        ("table['total'] = 1", "assert table.total", None),
        ("x = 1", "assert globals()['x']", None),
    ],
)
def test_what_is_worth_a_look_is_told(student_code: str, test: str, rule: str | None) -> None:
    cells = (
        SourceCell("a", "code", student_code, None, False, False, True, False, None),
        SourceCell("t", "code", test, None, True, True, False, False, 1),
    )
    source: SourceNotebook = build_notebook("p1", {}, cells)
    nb = from_dict(notebook(code(student_code, nbgrader("a", solution=True)), graded("t", test)))
    assert [problem.rule for problem in find_hints(source, nb, frozenset({"data.csv"}))] == ([rule] if rule else [])


SPY = """
import json, os, socket, pathlib
def reach():
    try:
        socket.create_connection(("127.0.0.1", {port}), 1)
        return True
    except OSError:
        return False
seen = {{"environment": dict(os.environ), "reached": reach(), "read": [str(p) for p in {paths!r} if os.path.exists(p)],
         "here": sorted(p.name for p in pathlib.Path(".").iterdir())}}
pathlib.Path("source/ps1/seen.json").write_text(json.dumps(seen))
c = get_config()
c.ClearSolutions.code_stub = {{"python": "# 여기에 쓰세요"}}
"""


def test_the_courses_own_configuration_holds_and_reaches_nothing_of_the_campus(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setenv("BITGOEUL_PORTAL_TOKEN", "very secret")
    course = tmp_path / "course"
    source, target = course / "source" / "ps1", tmp_path / "built"
    target.mkdir()
    write(good_source(), source / "p1.ipynb")
    for name in ("gradebook.db", "grades.csv", "submitted/kim/ps1/p1.ipynb"):
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).write_text("private")
    with socket.create_server(("127.0.0.1", 0)) as server:
        paths = [str(course), str(course / "gradebook.db"), str(Path(__file__))]
        (course / "nbgrader_config.py").write_text(SPY.format(port=server.getsockname()[1], paths=paths))
        build_student_version(course, source, OFFERING, "ps1", sandbox, target)
    seen = json.loads((target / "seen.json").read_text())
    assert "여기에 쓰세요" in (target / "p1.ipynb").read_text(encoding="utf-8")
    assert (seen["reached"], seen["read"]) == (False, [])
    assert "very secret" not in seen["environment"].values()
    assert not {"grades.csv", "submitted"} & set(seen["here"])
    assert (course / "gradebook.db").read_text() == "private"
    assert not (source / "seen.json").exists()


def test_a_build_that_lies_is_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    """Configuration is code: it may print anything in nbgrader's place."""
    source, target = tmp_path / "source" / "ps1", tmp_path / "built"
    target.mkdir()
    write(good_source(), source / "p1.ipynb")
    lie = "import pathlib, os\npathlib.Path('release/ps1').mkdir(parents=True)\nos._exit(0)\n"
    (tmp_path / "nbgrader_config.py").write_text(lie)
    with pytest.raises(Invalid):
        build_student_version(tmp_path, source, OFFERING, "ps1", sandbox, target)


def test_a_built_value_names_its_notebooks_in_order(tmp_path: Path, sandbox: Sandbox) -> None:
    source, target = tmp_path / "source" / "ps1", tmp_path / "built"
    target.mkdir()
    for name in ("b", "a"):
        write(good_source(), source / f"{name}.ipynb")
    built: Built = build_student_version(tmp_path, source, OFFERING, "ps1", sandbox, target)
    assert [found.name for found in built.notebooks] == ["a", "b"]
    assert list(built.notebooks[0].cells) == ["setup", "square", "square_test", "ratio", "ratio_test", "essay"]
    assert built.notebooks[0].cells["square_test"].max_score == 3
    assert built.notebooks[0].cells["square_test"].locked


@pytest.mark.parametrize(
    ("make", "status", "words"),
    [
        (good_source, 0, "Ready to release"),
        (lambda: notebook(answer("a", "a = 1"), graded("t", "assert 1 == 1")), 1, "free_test"),
    ],
    ids=["good", "free points"],
)
def test_the_command_tells_authors_and_programs(tmp_path: Path, make: Any, status: int, words: str) -> None:
    from click.testing import CliRunner

    from portal.commands.check import check as command

    folder = tmp_path / "source" / "ps1"
    write(make(), folder / "p1.ipynb")
    (folder / "data.csv").write_text("a,b\n1,2\n")
    if status:
        words = "빈 노트북"
    told = CliRunner().invoke(command, [str(folder)])
    assert told.exit_code == status, told.output
    assert words in told.output
    assert ("free-points" in CliRunner().invoke(command, [str(folder / "p1.ipynb"), "--json"]).output) is bool(status)


def test_the_command_says_what_it_needs(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from portal.commands.check import check as command

    told = CliRunner().invoke(command, [str(tmp_path)])
    assert told.exit_code == 2
    assert "노트북" in told.output
    assert NOTHING not in told.output
