"""The release check: what it refuses, what it only tells, what it can be made to accept, and what it leaves alone."""

from __future__ import annotations

import base64
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import small_course
from marking_campus import NOON, OFFERING, MarkingCampus, opened
from nbformat import from_dict
from small_course import code, nbgrader, notebook, text, write
from sqlalchemy import select

from cohorts.errors import Conflict, Invalid
from grader import archive
from grader.gradebook import gradebook_url, write_marking
from grader.models import Release, ReleaseCheck
from grader.release_build import Built, build_student_version
from grader.release_check import RUNS, check
from grader.release_findings import findings_of
from grader.release_hints import find_hints
from grader.release_leaks import find_leaks
from grader.release_records import evidence_for, latest_check
from grader.release_report import Level, Problem, ReleaseRefused, ReleaseReport, Verdict
from grader.releases import check_assignment, check_upload, release_assignment
from grader.results import MarkingResult, NotebookResult, Outcome, TestResult
from grader.sandbox.base import Limits, Sandbox
from grader.sandbox.detect import best_sandbox
from grader.source import SourceCell, SourceNotebook, build_notebook

LIMITS = Limits(wall=60, cell=30)
SOLUTION = "### BEGIN SOLUTION\n{}\n### END SOLUTION"
NOTHING = "raise NotImplementedError"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    made = best_sandbox()
    yield made
    if (close := getattr(made, "close", None)) is not None:
        close()


def answer(name: str, body: str) -> dict[str, Any]:
    return code(SOLUTION.format(body), nbgrader(name, solution=True))


def graded(name: str, body: str, points: float = 1) -> dict[str, Any]:
    return code(body, nbgrader(name, grade=True, locked=True, points=points))


def good_source() -> dict[str, Any]:
    """An assignment that may be released: every graded cell looks at what the student writes."""
    nb = small_course.source_notebook()
    cells = [cell for cell in nb["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") != "data_test"]
    return nb | {"cells": cells}


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
def faulty(tmp_path_factory: pytest.TempPathFactory, box: Sandbox) -> ReleaseReport:
    course = tmp_path_factory.mktemp("faulty")
    source, target = course / "source" / "ps1", course / "built"
    target.mkdir()
    write(faulty_source(), source / "p1.ipynb")
    return check(build_student_version(course, source, OFFERING, "ps1", box, target), source, box, LIMITS).report


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


def test_evidence_of_marking_both_ways_shows_as_strength(tmp_path: Path, box: Sandbox) -> None:
    source, target = tmp_path / "source" / "ps1", tmp_path / "built"
    target.mkdir()
    only = notebook(answer("five", "five = 2 + 3"), graded("five_test", "assert five == 5"))
    write(only, source / "p1.ipynb")
    built = build_student_version(tmp_path, source, OFFERING, "ps1", box, target)
    checked = check(built, source, box, LIMITS)
    assert [(cell.cell, cell.strength) for cell in checked.report.cells] == [("five_test", "strong")]
    assert {name: raw["strength"] for name, raw in checked.evidence["p1"].items()} == {"five_test": "strong"}
    assert checked.report.verdict == Verdict.PASSED


def ran(points: float | None, outcome: Outcome) -> NotebookResult:
    test = TestResult("p1", "t", points, 2, outcome)
    return NotebookResult("p1", None, (), {}, (test,), (), {})


def test_each_run_of_the_reference_has_hashes_of_its_own(tmp_path: Path, box: Sandbox) -> None:
    source, target = tmp_path / "source" / "ps1", tmp_path / "built"
    names = "가나다라마바사아자차카타"
    tests = (graded(f"test{number}", f"assert seen(hash({name!r}))") for number, name in enumerate(names))
    write(notebook(answer("seen", "def seen(value):\n    return value % 2 == 0"), *tests), source / "p1.ipynb")
    target.mkdir()
    found = check(build_student_version(tmp_path, source, OFFERING, "ps1", box, target), source, box, LIMITS)
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


# What students get


HIDDEN_TEST = SourceCell(
    "f_test",
    "code",
    "assert f(1) == 10\nimport numpy as np\n### BEGIN HIDDEN TESTS\nimport numpy as np\nsecret = [3, 1, 4, 1, 5]\n"
    'assert f(314) == 3140, "scaled"\nnp.testing.assert_allclose(f(2.5), 25.0)\nassert f(1) == 10\n'
    "### END HIDDEN TESTS",
    None,
    True,
    True,
    False,
    False,
    3,
)
ANSWER = "def f(x):\n    # scale it\n    factor = 10 * sum([1])\n    return factor * x"
BLANK = "def f(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
GIVEN = "assert f(1) == 10\nimport numpy as np"


def zipped(name: str, content: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr(name, content)
    return out.getvalue()


def leaks(folder: Path, nb: dict[str, Any], files: dict[str, str | bytes]) -> list[Problem]:
    write(nb, folder / "p1.ipynb")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    source = build_notebook(
        "p1", {}, [SourceCell("f", "code", BLANK, None, False, False, True, False, None), HIDDEN_TEST]
    )
    return find_leaks(folder, [source], {("p1", "f"): (ANSWER, BLANK)})


def student(*more: dict[str, Any], **changes: Any) -> dict[str, Any]:
    cells = (code(BLANK, nbgrader("f", solution=True)), graded("f_test", GIVEN, 3))
    return notebook(*cells, *more) | changes


def shown(data: dict[str, Any]) -> dict[str, Any]:
    return code("") | {"outputs": [{"output_type": "display_data", "data": data, "metadata": {}}]}


LEAK = "assert f(314) == 3140"
STREAM = {"output_type": "stream", "name": "stdout", "text": "f(314)==3140 failed"}


@pytest.mark.parametrize(
    ("nb", "files", "rule", "place"),
    [
        (student(text(f"Hint: `{LEAK}`")), {}, "hidden-test-shows", "p1.ipynb, #3"),
        (student(code(LEAK.replace(" ", "  "))), {}, "hidden-test-shows", "#3"),
        (student(code("") | {"outputs": [STREAM]}), {}, "hidden-test-shows", "#3 (outputs)"),
        (student(shown({"text/html": ["<b>f(314)", " &#61;= 3140</b>"]})), {}, "hidden-test-shows", "#3 (outputs)"),
        (student(text("") | {"metadata": {"note": LEAK}}), {}, "hidden-test-shows", "#3 (metadata)"),
        (student(metadata={"old": {"deep": [LEAK]}}), {}, "hidden-test-shows", "metadata"),
        (
            student(text("") | {"attachments": {"a.txt": {"text/plain": base64.b64encode(LEAK.encode()).decode()}}}),
            {},
            "hidden-test-shows",
            "#3 (attachments)",
        ),
        (student(), {"tests/helper.py": f"def test():\n    {LEAK}\n"}, "hidden-test-shows", "tests/helper.py"),
        (
            student(),
            {"old/p1-draft.ipynb": json.dumps(notebook(code(LEAK)))},
            "hidden-test-shows",
            "p1-draft.ipynb, #1",
        ),
        (student(), {"all.zip": zipped("p1.py", LEAK)}, "hidden-test-shows", "all.zip, all.zip!p1.py"),
        (student(), {"n.py": "np.testing.assert_allclose(f(2.5), 25.0)"}, "hidden-test-shows", "n.py"),
        (student(code("### BEGIN HIDDEN TESTS\n1\n### END HIDDEN TESTS")), {}, "marker-left", None),
        (student(), {"solution.py": "### BEGIN SOLUTION"}, "marker-left", None),
        (student(text("factor = 10 * sum([1])\n    return factor * x")), {}, "solution-shows", "#3"),
        (student(), {"f.py": ANSWER}, "solution-shows", "f.py"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_must_stay_hidden_is_found_wherever_it_shows(
    tmp_path: Path, nb: dict[str, Any], files: dict[str, str | bytes], rule: str, place: str | None
) -> None:
    found = [problem for problem in leaks(tmp_path, nb, files) if problem.rule == rule]
    assert found, "nothing was found"
    assert {problem.level for problem in found} == {Level.REFUSED}
    if place:
        assert {problem.cell for problem in found} == {"f" if rule == "solution-shows" else "f_test"}
        assert place in found[0].text.en


@pytest.mark.parametrize(
    "nb",
    [
        student(),
        student(code("import numpy as np\nassert f(1) == 10")),
        student(text("Scale by a factor of 10; 3140 is only a number.")),
        student(code("factor = 10")),
    ],
    ids=["as generated", "an open test and an import", "a question", "half a line of the answer"],
)
def test_what_students_may_see_is_no_leak(tmp_path: Path, nb: dict[str, Any]) -> None:
    assert leaks(tmp_path, nb, {"data.csv": "a,b\n1,2\n"}) == []


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


# Building


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
    tmp_path: Path, box: Sandbox, monkeypatch: pytest.MonkeyPatch
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
        build_student_version(course, source, OFFERING, "ps1", box, target)
    seen = json.loads((target / "seen.json").read_text())
    assert "여기에 쓰세요" in (target / "p1.ipynb").read_text(encoding="utf-8")
    assert (seen["reached"], seen["read"]) == (False, [])
    assert "very secret" not in seen["environment"].values()
    assert not {"grades.csv", "submitted"} & set(seen["here"])
    assert (course / "gradebook.db").read_text() == "private"
    assert not (source / "seen.json").exists()


# Releasing


@pytest.fixture
def good_campus(tmp_path: Path, database_url: str) -> Iterator[MarkingCampus]:
    with opened(tmp_path, database_url) as campus:
        write(good_source(), campus.course / "source" / "ps1" / "p1.ipynb")
        (campus.course / "source" / "ps1" / "data.csv").write_text("a,b\n1,2\n", encoding="utf-8")
        yield campus


def release(campus: MarkingCampus, box: Sandbox, accept: str | None = None) -> Release:
    return release_assignment(
        campus.database,
        campus.storage,
        campus.course,
        offering_id=OFFERING,
        assignment="ps1",
        by="yuna.kim",
        now=NOON,
        sandbox=box,
        accept=accept,
    )


def change_source(campus: MarkingCampus, old: str, new: str) -> None:
    path = campus.course / "source" / "ps1" / "p1.ipynb"
    assert old in path.read_text(encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_a_good_source_is_released_and_is_not_run_again(good_campus: MarkingCampus, box: Sandbox) -> None:
    first = release(good_campus, box)
    with good_campus.database.read() as session:
        checked = session.scalars(select(ReleaseCheck)).one()
        assert (checked.verdict, checked.source_sha256, checked.checked_by) == (
            "passed",
            first.source_sha256,
            "yuna.kim",
        )
        found = evidence_for(session, checked.source_sha256)
        assert found is not None
        assert {raw["strength"] for raw in found["p1"].values()} == {"strong"}
    again = release(good_campus, box)
    assert (again.id, again.version) == (first.id, 1)
    with good_campus.database.read() as session:
        session.scalars(select(ReleaseCheck)).one()  # one still


def test_a_refusal_leaves_everything_as_it_was(good_campus: MarkingCampus, box: Sandbox) -> None:
    from nbgrader.api import Gradebook

    release(good_campus, box)
    before = (good_campus.course / "release" / "ps1" / "p1.ipynb").read_bytes()
    change_source(good_campus, "return x * x", "return x * x + 1")
    with pytest.raises(ReleaseRefused) as caught:
        release(good_campus, box)
    assert "p1 · square_test" in caught.value.message
    assert caught.value.korean != caught.value.message
    assert (good_campus.course / "release" / "ps1" / "p1.ipynb").read_bytes() == before
    with Gradebook(gradebook_url(good_campus.course), OFFERING) as gradebook:
        assert "x * x + 1" not in gradebook.find_source_cell("square", "p1", "ps1").source
    with good_campus.database.read() as session:
        assert [row.version for row in session.scalars(select(Release))] == [1]
        newest = latest_check(session, OFFERING, "ps1")
        assert newest is not None
        assert newest.verdict == "refused"
    with pytest.raises(ReleaseRefused):  # a reason does not help
        release(good_campus, box, accept="the students will cope")


def make_unsteady(campus: MarkingCampus, box: Sandbox) -> None:
    """A source that was checked, with a test cell that came out differently."""
    now = NOON
    record = check_assignment(
        campus.database,
        campus.storage,
        campus.course,
        offering_id=OFFERING,
        assignment="ps1",
        by="yuna.kim",
        now=now,
        sandbox=box,
    )
    report = ReleaseReport.from_dict(record.report)
    text_of = report.notes[0].text if report.notes else small_text()
    report = replace(report, problems=(Problem("not-deterministic", Level.UNSTEADY, "p1", "ratio_test", text_of),))
    with campus.database.write() as session:
        row = session.get_one(ReleaseCheck, record.id)
        row.verdict, row.report = report.verdict.value, report.to_dict()


def small_text() -> Any:
    from courses.model import Text

    return Text(ko="다릅니다.", en="It differs.")


def test_marks_that_waver_are_released_only_with_a_reason_that_is_kept(
    good_campus: MarkingCampus, box: Sandbox
) -> None:
    make_unsteady(good_campus, box)
    with pytest.raises(ReleaseRefused):
        release(good_campus, box)
    with pytest.raises(Invalid, match="has 2 characters"):
        release(good_campus, box, accept=" ok ")
    assert release(good_campus, box, accept="Monte Carlo, wide tolerance").version == 1
    with good_campus.database.read() as session:
        row = session.scalars(select(ReleaseCheck)).one()
        assert (row.accepted_by, row.accepted_reason) == ("yuna.kim", "Monte Carlo, wide tolerance")
    assert release(good_campus, box).version == 1  # accepted once


@pytest.fixture
def released_good(tmp_path: Path, box: Sandbox) -> Iterator[MarkingCampus]:
    """A campus on SQLite with the good assignment released."""
    with opened(tmp_path, f"sqlite:///{tmp_path / 'bitgoeul.db'}") as campus:
        write(good_source(), campus.course / "source" / "ps1" / "p1.ipynb")
        (campus.course / "source" / "ps1" / "data.csv").write_text("a,b\n1,2\n", encoding="utf-8")
        release(campus, box)
        yield campus


def test_releasing_again_keeps_what_people_marked_and_refuses_other_cells(
    released_good: MarkingCampus, box: Sandbox
) -> None:
    from nbgrader.api import Gradebook

    url = gradebook_url(released_good.course)
    marked = ran(3, Outcome.PASSED)
    write_marking(url, "ps1", "kim", NOON, MarkingResult((marked,)))
    with Gradebook(url, OFFERING) as gradebook:
        gradebook.find_grade("essay", "p1", "ps1", "kim").manual_score = 4.5
        gradebook.db.commit()
    change_source(released_good, "return x * x\\n", "return x ** 2\\n")
    assert release(released_good, box).version == 2  # students get the same; the source is another
    change_source(released_good, '"grade_id": "ratio_test"', '"grade_id": "quotient_test"')
    with pytest.raises(Conflict, match="can't be added or removed"):
        release(released_good, box)
    with Gradebook(url, OFFERING) as gradebook:
        assert gradebook.find_grade("essay", "p1", "ps1", "kim").manual_score == 4.5
        assert gradebook.find_grade_cell("ratio_test", "p1", "ps1").max_score == 2


def test_files_built_elsewhere_pass_the_same_check(released_good: MarkingCampus, box: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / "uploaded"
    shutil.copytree(released_good.course / "release" / "ps1", folder)
    assert upload(released_good, folder, box) is not None
    (folder / "notes.txt").write_text(small_course.HIDDEN_LINES[0], encoding="utf-8")
    with pytest.raises(ReleaseRefused, match=r"notes\.txt"):
        upload(released_good, folder, box)


def upload(campus: MarkingCampus, folder: Path, box: Sandbox, assignment: str = "ps1") -> str | None:
    bundle = archive.pack(folder)
    sha256 = campus.storage.put_bytes(bundle)
    return check_upload(
        campus.database,
        campus.storage,
        campus.course,
        io.BytesIO(bundle),
        sha256,
        offering_id=OFFERING,
        assignment=assignment,
        by="yuna.kim",
        now=NOON,
        sandbox=box,
    )


def test_files_without_a_source_may_at_least_hold_no_marks_of_nbgraders(
    good_campus: MarkingCampus, box: Sandbox, tmp_path: Path
) -> None:
    folder = tmp_path / "quiz"
    write(notebook(code("1 + 1")), folder / "quiz.ipynb")
    assert upload(good_campus, folder, box, "quiz") is None
    write(notebook(code("### BEGIN HIDDEN TESTS\n1\n### END HIDDEN TESTS")), folder / "quiz.ipynb")
    with pytest.raises(ReleaseRefused):
        upload(good_campus, folder, box, "quiz")


def test_a_build_that_lies_is_refused(tmp_path: Path, box: Sandbox) -> None:
    """Configuration is code: it may print anything in nbgrader's place."""
    source, target = tmp_path / "source" / "ps1", tmp_path / "built"
    target.mkdir()
    write(good_source(), source / "p1.ipynb")
    lie = "import pathlib, os\npathlib.Path('release/ps1').mkdir(parents=True)\nos._exit(0)\n"
    (tmp_path / "nbgrader_config.py").write_text(lie)
    with pytest.raises(Invalid):
        build_student_version(tmp_path, source, OFFERING, "ps1", box, target)


def test_a_built_value_names_its_notebooks_in_order(tmp_path: Path, box: Sandbox) -> None:
    source, target = tmp_path / "source" / "ps1", tmp_path / "built"
    target.mkdir()
    for name in ("b", "a"):
        write(good_source(), source / f"{name}.ipynb")
    built: Built = build_student_version(tmp_path, source, OFFERING, "ps1", box, target)
    assert [found.name for found in built.notebooks] == ["a", "b"]
    assert list(built.notebooks[0].cells) == ["setup", "square", "square_test", "ratio", "ratio_test", "essay"]
    assert built.notebooks[0].cells["square_test"].max_score == 3
    assert built.notebooks[0].cells["square_test"].locked


# The command


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
