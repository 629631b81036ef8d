"""A test that shares the student's interpreter is watched: tricks are found there, and honest work shows nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_course import code, nbgrader, notebook, write

from grader.aside import Surroundings, words_of
from grader.judge.plan import PlannedCell, Role
from grader.marking import mark_notebook
from grader.reading import read_notebook
from grader.reference import reference_run
from grader.results import NotebookResult
from grader.sandbox.base import CellCode, Limits, Look, Opening, Side
from grader.sandbox.fork import ForkSandbox
from grader.sanitize import sanitize
from grader.source import SourceNotebook
from grader.source_reading import read_source_notebook
from grader.strength import CellProfile, Strength, read_profile
from grader.suspicion import HOLDS_ASIDE, is_forged, suspicions

LIMITS = Limits(cell=10, wall=60)
SETUP = "import math\nlimit = [3]"
TEST = "wanted = 9\nassert square(3) == wanted\nassert abs(square(2) - 4) < 0.1\nassert limit == [3]"
RIGHT = "def square(x):\n    return x * x"


def course(answer: str) -> dict[str, Any]:
    return notebook(
        code(SETUP, nbgrader("setup", locked=True)),
        code(answer, nbgrader("square", solution=True)),
        code(TEST, nbgrader("square_test", grade=True, locked=True, points=1)),
    )


@pytest.fixture(scope="module")
def fork() -> Iterator[ForkSandbox]:
    sandbox = ForkSandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def source(fork: ForkSandbox, tmp_path_factory: pytest.TempPathFactory) -> SourceNotebook:
    """The small course, its one test shared, with what the reference solution's run showed."""
    path = write(course(f"### BEGIN SOLUTION\n{RIGHT}\n### END SOLUTION"), tmp_path_factory.mktemp("s") / "p1.ipynb")
    found = read_source_notebook(path)
    whole = read_notebook(path.read_bytes())
    assert sanitize(whole, found) == []
    profile = reference_run(whole, found, fork, LIMITS, path.parent).profile["square_test"]
    return replace(found, profile={"square_test": replace(profile, strength=Strength.SHARED)})


def marked(fork: ForkSandbox, source: SourceNotebook, folder: Path, answer: str) -> NotebookResult:
    return mark_notebook(source, write(course(answer), folder / "p1.ipynb"), fork, LIMITS, folder)


TRICKS = {
    "frames": ("import sys\ndef square(x):\n    return sys._getframe(1) and x * x", "reads-the-judge"),
    "frames of an error": (
        "def square(x):\n    try:\n        1 / 0\n    except ZeroDivisionError as error:\n"
        "        return error.__traceback__.tb_frame and x * x",
        "reads-the-judge",
    ),
    "collector": ("import gc\ndef square(x):\n    return x * x if gc.get_objects() else 0", "reads-the-judge"),
    "memory": ("def square(x):\n    open('/proc/self/maps').close()\n    return x * x", "reads-the-judge"),
    "namespace": ("def square(x):\n    return globals().get('wanted', 4) if x == 3 else 4", "reads-the-judge"),
    "the test's variable": (
        "def square(x):\n    try:\n        return wanted if x == 3 else 4\n    except NameError:\n        return 0",
        "passes-only-here",
    ),
    "builtins": ("import builtins\nbuiltins.abs = lambda x: 0\n" + RIGHT, "interpreter-changed"),
    "a library": ("math.sqrt = lambda x: 0\n" + RIGHT, "interpreter-changed"),
    "a name of a builtin": ("def abs(x):\n    return 0\ndef square(x):\n    return 9", "passes-only-here"),
    "comparison": (
        "class Any:\n    __eq__ = lambda self, other: True\n    __sub__ = lambda self, other: 0\n"
        "def square(x):\n    return Any()",
        "answers-anything",
    ),
    "a library's yes-man": (
        "from unittest.mock import ANY\ndef square(x):\n    return ANY if x == 3 else 4",
        "answers-anything",
    ),
}


@pytest.mark.namespaces
@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_makes_the_mark_suspect(trick: str, fork: ForkSandbox, source: SourceNotebook, tmp_path: Path) -> None:
    answer, rule = TRICKS[trick]
    result = marked(fork, source, tmp_path, answer)
    assert [test.points for test in result.tests] == [1.0]
    assert any(finding.rule.startswith(rule) and finding.cell == "square_test" for finding in result.findings)


HONEST = {
    "as taught": RIGHT,
    "printing its own error": "import traceback\ntry:\n    1 / 0\n"
    "except ZeroDivisionError:\n    traceback.print_exc()\n" + RIGHT,
    "a data class": "from dataclasses import dataclass\n@dataclass(order=True)\nclass P:\n    a: int = 0\n" + RIGHT,
    "a tuple with names, and an enumeration": "from collections import namedtuple\nfrom enum import Enum\n"
    "P = namedtuple('P', 'a b')\nclass E(Enum):\n    A = 1\nP(1, 2) == P(1, 2)\n" + RIGHT,
    "an error of its own": "class Bad(ValueError):\n    def __init__(self, x):\n        super().__init__(x)\n" + RIGHT,
    "a memo": "from functools import cache\n@cache\ndef square(x):\n    return x * x",
    "logging": "import logging\nlogging.warning('x')\n" + RIGHT,
    "introspection": "import inspect\n" + RIGHT + "\nprint(inspect.signature(square), inspect.getsource(square))",
    "main guard": RIGHT + "\nif __name__ == '__main__':\n    print(square(2))",
}


@pytest.mark.namespaces
@pytest.mark.parametrize("kind", HONEST)
def test_honest_work_shows_nothing(kind: str, fork: ForkSandbox, source: SourceNotebook, tmp_path: Path) -> None:
    result = marked(fork, source, tmp_path, HONEST[kind])
    assert [test.points for test in result.tests] == [1.0]
    assert [(finding.rule, finding.text.en) for finding in result.findings] == []


@pytest.mark.namespaces
def test_an_alarm_is_heard_though_the_record_after_it_is_unremarkable(fork: ForkSandbox) -> None:
    with fork.open(Opening(limits=LIMITS)) as one:
        one.watch([], {})
        run = one.run(Side.WORK, CellCode(0, "import sys\nframe = sys._getframe()"))
        assert run.outputs == []
        assert one.look().alarms == {"sys._getframe"}


@pytest.mark.namespaces
def test_a_tests_source_is_neither_in_the_history_nor_in_the_line_cache(fork: ForkSandbox) -> None:
    spying = "def spy():\n    import linecache\n    return str((In, linecache.cache, get_ipython().user_ns['_i']))"
    with fork.open(Opening(limits=LIMITS)) as one:
        one.watch([], {})
        one.run(Side.WORK, CellCode(0, spying))
        run = one.run(Side.WORK, CellCode(1, "assert 'kestrel' not in spy()"), context={"guard": "test"})
        assert run.outputs == []
        failing = one.run(Side.WORK, CellCode(2, "assert spy() == 'kestrel'"), context={"guard": "test"})
        assert "kestrel" in "".join(failing.outputs[0]["traceback"])


def test_a_test_is_run_aside_with_names_of_the_instructors() -> None:
    cells = [
        PlannedCell(0, Role.LOCKED, "setup", SETUP),
        PlannedCell(1, Role.STUDENT, "square", RIGHT),
        PlannedCell(2, Role.TEST, "square_test", TEST),
    ]
    around = Surroundings.of(cells, (SETUP, RIGHT, TEST))
    found = around.aside(cells[2])
    assert found is not None
    source, hidden = found
    assert hidden == ["wanted"]
    assert source.startswith(SETUP)
    assert f"{around.prefix}abs(square(2) - 4)" in source
    assert around.genuine()[f"{around.prefix}abs"] == ("builtins", "abs")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = globals()", {"globals"}),
        ("import __main__", {"__main__"}),
        ("import sys\nsys.modules['__main__']", {"__main__"}),
        ("if __name__ == '__main__':\n    pass", set()),
        ("get_ipython().user_ns", {"user_ns"}),
        ("vars(thing), locals()", set()),
    ],
)
def test_words_that_reach_for_the_namespace(source: str, words: set[str]) -> None:
    assert words_of(source) == words


@pytest.mark.parametrize(
    ("source", "shown", "result", "forged"),
    [
        ("points", ["0.5"], "0.5", False),
        ("points", ["2.0"], "0.5", True),
        ("points", ["2.0", "0.5"], "0.5", True),
        ("assert x", ["2.0"], None, True),
        ("assert x", [], None, False),
    ],
    ids=["as computed", "another number", "one more", "none expected", "none"],
)
def test_a_result_that_was_not_computed_is_noticed(
    source: str, shown: list[str], result: str | None, forged: bool
) -> None:
    outputs = [{"output_type": "execute_result", "data": {"text/plain": text}} for text in shown]
    assert is_forged(source, outputs, Look(frozenset(), frozenset(), True, result)) is forged


def test_what_the_reference_shows_is_nobodys_fault() -> None:
    known = frozenset({"changed math.pi", "reached 3", HOLDS_ASIDE})
    assert list(suspicions(known, known, ended=True)) == []
    rules = [rule for rule, _ in suspicions(frozenset({"alarm gc.get_objects"}), known, ended=False)]
    assert rules == ["reads-the-judge", "errors-swallowed", "checks-skipped", "passes-only-here"]


def test_a_profile_keeps_what_was_shown() -> None:
    profile = CellProfile(Strength.SHARED, None, frozenset({1}), frozenset({"reached 1"}))
    assert read_profile(profile.to_dict()) == profile
    assert read_profile(CellProfile(Strength.STRONG).to_dict()).shown is None
