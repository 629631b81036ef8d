"""The plan says who owns which name in each test cell, from the instructor's notebook alone."""

from __future__ import annotations

import pytest

from grader.judge.free_names import use_of
from grader.judge.plan import PlannedCell, Role, build_plan


def plan_of(*sources):
    cells = [PlannedCell(i, Role(role), None, source) for i, (role, source) in enumerate(sources)]
    return build_plan(cells, [source for _, source in sources])


def context_of(*sources):
    return plan_of(*sources).context(len(sources) - 1, None)


USES = {
    "plain": ("a = b + c", {"b", "c"}, {"a"}),
    "bound before it is read": ("a = 1\na + b", {"b"}, {"a"}),
    "in functions": ("def f(x):\n    return x + g(y)", {"g", "y"}, {"f"}),
    "in comprehensions": ("[h(i) for i in items if i > low]", {"h", "items", "low"}, set()),
    "in lambdas": ("k = lambda v: v * scale", {"scale"}, {"k"}),
    "in f-strings": ("f'{name:{width}}'", {"name", "width"}, set()),
    "in decorators": ("@mark\ndef f(): pass", {"mark"}, {"f"}),
    "in classes": ("class C(Base):\n    x = start\n    def m(self): return end", {"Base", "start", "end"}, {"C"}),
    "declared global": ("def f():\n    global n\n    n = 1", set(), {"f", "n"}),
    "deleted": ("del x", {"x"}, set()),
    "a line magic": ("%matplotlib inline\ny = f(2)", {"f", "get_ipython"}, {"y"}),
    "a cell magic": ("%%time\ny = f(2)", {"f"}, {"y"}),
    "a shell line": ("files = !ls\nf(files)", {"f", "get_ipython"}, {"files"}),
    "no Python": ("this is no python", set(), set()),
    "awaiting": ("r = await f()", {"f"}, {"r"}),
}


@pytest.mark.parametrize(("source", "loads", "binds"), USES.values(), ids=USES)
def test_the_free_names_of_a_cell(source, loads, binds):
    use = use_of(source)
    assert (use.loads, use.binds) == (loads, binds)


def test_names_that_are_only_imported_are_the_judge_sides_own():
    context = context_of(("student", "import numpy as np\nfrom math import sqrt\nimport os.path"), ("test", "np.pi"))
    assert context["imports"] == {
        "np": [["numpy", None, []]],
        "sqrt": [["math", "sqrt", []]],
        "os": [["os", None, ["os.path"]]],
    }


def test_a_name_that_is_also_bound_otherwise_is_not_imported():
    context = context_of(("student", "from math import sqrt"), ("student", "def sqrt(x): pass"), ("test", "sqrt(4)"))
    assert context["imports"] == {}
    assert context["student"] == ["sqrt"]


def test_who_bound_a_name_last_owns_it():
    sources = [
        ("locked", "data = [1]"),
        ("student", "data = [2]"),
        ("test", "data"),
        ("locked", "data = [3]"),
        ("test", "data"),
    ]
    plan = plan_of(*sources)
    assert plan.context(2, None)["student"] == ["data"]
    assert plan.context(4, None)["student"] == []
    assert plan.context(4, None)["owned"] == ["data"]


def test_a_locked_name_that_the_students_cell_changes_is_the_students():
    context = context_of(("locked", "data = [1]"), ("student", "data.append(2)"), ("test", "data"))
    assert context["student"] == ["data"]


def test_a_parameter_with_a_locked_names_name_changes_nothing():
    context = context_of(("locked", "data = [1]"), ("student", "def f(data):\n    data.append(2)"), ("test", "data"))
    assert context["student"] == ["f"]


def test_only_what_the_reference_reads_is_carried_over():
    context = context_of(
        ("student", "def f(): return level"), ("test", "expected = 3\nlevel = 2\nassert f() == expected")
    )
    assert context["carried"] == ["level"]


def test_a_builtin_is_the_students_only_if_the_instructors_notebook_binds_it():
    context = context_of(("student", "def sum(x): return 0"), ("test", "sum([1]) + max([1])"))
    assert context["builtins"] == ["sum"]


CHANCE = {
    "none": ("x = 1", []),
    "generators of their own": ("r = random.Random(1)\nn = np.random.default_rng(2)", []),
    "random": ("import random\nrandom.seed(1)", ["random"]),
    "from random": ("from random import choice", ["random"]),
    "numpy": ("np.random.seed(1)", ["numpy"]),
    "both": ("random.random() + np.random.rand()", ["random", "numpy"]),
}


@pytest.mark.parametrize(("source", "states"), CHANCE.values(), ids=CHANCE)
def test_random_states_are_kept_in_step_where_the_notebook_uses_them(source, states):
    assert context_of(("student", source), ("test", "x"))["random"] == states


def test_evidence_is_handed_on():
    plan = plan_of(("student", "x = 1"), ("test", "x"))
    assert plan.context(1, None)["evidence"] is None
    assert plan.context(1, {"operations": ["1:call:f"], "weak": False})["evidence"] == {"operations": ["1:call:f"]}


def test_a_test_cell_of_an_older_release_has_a_context_too():
    cells = [PlannedCell(0, Role.STUDENT, None, ""), PlannedCell(1, Role.TEST, None, "assert f(9) == 1")]
    plan = build_plan(cells, ["import math\ndef f(x): return 1", "assert f(1) == 1"])
    assert plan.context(1, None)["imports"] == {"math": [["math", None, []]]}
