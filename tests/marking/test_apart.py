"""Tests are judged where the student's code is not, or guarded; feedback comes from a run without hidden tests."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from small_course import HIDDEN_LINES, RIGHT, answered, code, nbgrader, notebook, source_notebook, write

from grader.conducting import Conductor
from grader.feedback import own_grades, pages_of_marking
from grader.feedback_page import render
from grader.marking import mark_notebook
from grader.probes import build_probes
from grader.reading import read_notebook
from grader.reference import reference_run
from grader.results import MarkingResult, NotebookResult
from grader.running import imports_of
from grader.sandbox.base import Limits
from grader.sandbox.fork import ForkSandbox
from grader.sanitize import sanitize
from grader.source import SourceAssignment, SourceNotebook
from grader.source_reading import read_source_notebook
from grader.strength import CellProfile, Strength, read_profile

LIMITS = Limits(cell=10, wall=60)


@pytest.fixture(scope="module")
def fork() -> Iterator[ForkSandbox]:
    sandbox = ForkSandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> SourceNotebook:
    return read_source_notebook(write(source_notebook(), tmp_path_factory.mktemp("source") / "p1.ipynb"))


def marked(
    fork: ForkSandbox,
    source: SourceNotebook,
    folder: Path,
    answers: dict[str, str],
    *extra: str,
    modes: dict[str, str] | None = None,
) -> NotebookResult:
    nb = answered(source_notebook(), RIGHT | answers)
    nb["cells"] += [code(text) for text in extra]
    (folder / "data.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    path = write(nb, folder / "p1.ipynb")
    return mark_notebook(source, path, fork, LIMITS, folder, modes=modes)


def points(result: NotebookResult) -> dict[str, float | None]:
    return {test.name: test.points for test in result.tests if test.strength}


def page(source: SourceNotebook, result: NotebookResult) -> str:
    whole = MarkingResult((result,))
    (found,) = pages_of_marking(SourceAssignment("ps1", (source,)), whole, own_grades(whole))
    return render(found)


EQUAL = """class Equal:
    def __eq__(self, other): return True
    def __sub__(self, other): return 0
    def __bool__(self): return True
def square(x): return Equal()"""
SILENT = "get_ipython().input_transformers_cleanup.append(lambda lines: [])\ndef square(x): return 0"
SWALLOWING = """def square(x): return 0
get_ipython().showtraceback = lambda *args, **kwargs: None
import sys
def quiet(self, *args, **kwargs): pass
type(get_ipython()).showtraceback = quiet
type(get_ipython())._showtraceback = quiet"""


@pytest.mark.namespaces
def test_right_answers_earn_all_points_and_every_test_is_strong(
    fork: ForkSandbox, source: SourceNotebook, tmp_path: Path
) -> None:
    result = marked(fork, source, tmp_path, {})
    assert points(result) == {"square_test": 3.0, "ratio_test": 2.0, "data_test": 1.0}
    assert {test.strength for test in result.tests if test.strength} == {Strength.STRONG}
    assert result.findings == ()


@pytest.mark.namespaces
@pytest.mark.parametrize("answer", [EQUAL, SILENT, SWALLOWING], ids=["equal", "silent", "swallowing"])
def test_code_that_makes_tests_pass_earns_nothing_where_they_are_judged_apart(
    answer: str, fork: ForkSandbox, source: SourceNotebook, tmp_path: Path
) -> None:
    assert points(marked(fork, source, tmp_path, {"square": answer}))["square_test"] == 0.0


@pytest.mark.namespaces
@pytest.mark.parametrize("answer", [EQUAL, SILENT, SWALLOWING], ids=["equal", "silent", "swallowing"])
def test_code_that_makes_tests_pass_is_noticed_where_it_shares_their_interpreter(
    answer: str, fork: ForkSandbox, source: SourceNotebook, tmp_path: Path
) -> None:
    probes = frozenset(range(20))
    shared = replace(source, profile={"square_test": CellProfile(Strength.SHARED, None, probes)})
    result = marked(fork, shared, tmp_path, {"square": answer})
    assert points(result)["square_test"] == 0.0 or {finding.severity.value for finding in result.findings} == {
        "suspect"
    }


@pytest.mark.namespaces
def test_what_a_hidden_test_passed_to_the_students_code_is_not_shown(
    fork: ForkSandbox, source: SourceNotebook, tmp_path: Path
) -> None:
    spying = "seen = []\ndef square(x):\n    seen.append(x)\n    return x * x"
    telling = "import base64\nprint(base64.b64encode(repr(seen).encode()).decode())"
    result = marked(fork, source, tmp_path, {"square": spying}, telling)
    assert points(result)["square_test"] == 3.0
    for number in (2, 4):
        assert base64.b64encode(repr([2, -7, 314159][:number]).encode()).decode() not in page(source, result)
    assert base64.b64encode(b"[2]").decode() in page(source, result)  # what the visible test passed
    assert base64.b64encode(b"[2, -7, 314159]").decode() in json.dumps(result.executed)  # staff sees what happened


@pytest.mark.namespaces
def test_a_hidden_failure_is_told_by_its_own_message_alone(
    fork: ForkSandbox, source: SourceNotebook, tmp_path: Path
) -> None:
    leaking = "def square(x):\n    if x < 0:\n        raise ValueError(f'got {x * 1000}')\n    return x * x"
    result = marked(fork, source, tmp_path, {"square": leaking})
    (test,) = (test for test in result.tests if test.name == "square_test")
    assert test.points == 0.0
    assert test.message is not None
    assert "음수도 제곱해야 합니다" in test.message.ko
    assert "-7000" not in page(source, result) + test.message.ko + test.message.en
    assert not [line for line in HIDDEN_LINES if line in page(source, result)]


PARTIAL = """right = 0
### BEGIN HIDDEN TESTS
for number in (314, 159, 265, -358):
    right += square(number) == number * number
### END HIDDEN TESTS
right"""


@pytest.mark.namespaces
@pytest.mark.parametrize(
    ("answer", "share", "again"),
    [
        ("def square(x): return x * x", 4.0, False),
        ("def square(x): return x * abs(x)", 3.0, False),
        ("def square(x):\n    print('asked for', x)\n    return x * x", 4.0, True),
    ],
    ids=["right", "partly right", "telling"],
)
def test_a_share_of_points_asks_for_no_other_run_unless_more_was_printed(
    answer: str, share: float, again: bool, fork: ForkSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nb = notebook(
        code(
            "def square(x):\n    ### BEGIN SOLUTION\n    return x * x\n    ### END SOLUTION",
            nbgrader("a", solution=True),
        ),
        code(PARTIAL, nbgrader("partial", grade=True, locked=True, points=4)),
    )
    source = read_source_notebook(write(nb, tmp_path / "p1.ipynb"))
    nb["cells"][0]["source"] = answer
    runs = []
    together = Conductor.together
    monkeypatch.setattr(Conductor, "together", lambda *args: runs.append(1) or together(*args))
    result = mark_notebook(source, write(nb, tmp_path / "p1.ipynb"), fork, LIMITS, tmp_path)
    assert points(result) == {"partial": share}
    assert bool(runs) is again
    told = page(source, result)
    assert not [number for number in ("314", "159", "265", "358") if number in told]
    assert ("<pre>0</pre>" in told) is again  # without the hidden tests nothing is counted


TWICE = "def twice(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
UNCARRIED = """import inspect
assert "return" in inspect.getsource(twice)
assert twice(4) == 8"""


@pytest.mark.namespaces
def test_the_reference_solution_tells_which_test_has_to_share_an_interpreter(fork: ForkSandbox, tmp_path: Path) -> None:
    nb = notebook(
        code(
            "def twice(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION",
            nbgrader("a", solution=True),
        ),
        code("assert twice(3) == 6", nbgrader("plain", grade=True, locked=True, points=1)),
        code(UNCARRIED, nbgrader("source", grade=True, locked=True, points=1)),
    )
    path = write(nb, tmp_path / "p1.ipynb")
    source = read_source_notebook(path)
    whole = read_notebook(path.read_bytes())
    assert sanitize(whole, source) == []
    found = reference_run(whole, source, fork, LIMITS, tmp_path)
    assert {name: profile.strength for name, profile in found.profile.items()} == {
        "plain": Strength.STRONG,
        "source": Strength.SHARED,
    }
    assert set(found.alone.values()) == {"passed"}
    assert found.profile["source"].probes
    known = replace(source, profile={key: read_profile(one.to_dict()) for key, one in found.profile.items()})
    result = mark_notebook(known, path, fork, LIMITS, tmp_path)
    assert points(result) == {"plain": 1.0, "source": 1.0}
    assert result.findings == ()


def test_probes_turn_assertions_and_replace_what_is_expected() -> None:
    probes = build_probes("x = f(3)\nassert x == 7\nassert abs(x - 7) < 0.1", random.Random(1))
    assert probes[0] == "x = f(3)\nassert not x == 7\nassert abs(x - 7) < 0.1"
    assert "f(3)" in probes[1]
    assert "x == 7" not in probes[1]
    assert "x - 7" not in probes[3]


@pytest.mark.parametrize("source", ["%%time\nassert f()", "score = 1\nscore"], ids=["magic", "no assertion"])
def test_a_cell_that_asserts_nothing_readable_has_no_probes(source: str) -> None:
    assert build_probes(source, random.Random(1)) == []


def test_only_libraries_worth_warming_are_named() -> None:
    cells = ("%matplotlib inline\nimport numpy as np, os", "from pandas import DataFrame\n!ls", "import (")
    assert imports_of(cells) == {"numpy", "pandas"}
