# ruff: noqa: E501
"""A test cell's operations reach the student's code only where the reference needed the same; no expected value leaks."""

from __future__ import annotations

import pytest
from judged import failure, planned, printed

LOCKED = "import numpy as np\nimport pandas as pd"
MAGIC = """
seen = []
class Magic:
    def __init__(self, *a): pass
    def _note(self, *a):
        seen.extend(a)
        return True
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = equals = close = _note
    def __hash__(self): return 0
    def _self(self, *a):
        seen.extend(a)
        return self
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __getitem__ = __call__ = _self
    def __round__(self, digits): return self
    def __abs__(self): return self
    def __getattr__(self, name):
        if name.startswith("__"): raise AttributeError(name)
        return self
    def __bool__(self): return True
    def __len__(self): return 3
    def __iter__(self): return iter([self])
    def __array_ufunc__(self, *a, **k): seen.append(a); return True
class Sneaky(int):
    def __eq__(self, other):
        seen.append(other); return True
    __ne__ = __lt__ = __gt__ = __eq__
    def __hash__(self): return 0
class Text(str):
    def __eq__(self, other): return True
    def __hash__(self): return 0
class Rows(list):
    def __eq__(self, other): return True
from collections import UserList
def wrap(data):
    made = UserList()
    made.data = data
    return made
class Listed(UserList):
    def __eq__(self, other): return True
class Table(pd.DataFrame):
    def equals(self, other): return True
"""
TESTS = [
    "assert f(3) == 9",
    "assert not f(3) != 9",
    "assert 9 == f(3)",
    "assert f(3) in [9, 10]",
    "assert f(3) in {9: 1}",
    "assert abs(f(3) - 9) < 1e-9",
    "assert f(3) < 10 and f(3) > 8",
    "assert np.isclose(f(3), 9)",
    "assert np.allclose(f(3), [9])",
    "np.testing.assert_allclose(f(3), 9)",
    "assert np.equal(f(3), 9)",
    "assert str(f(3)) == '9'",
    "assert isinstance(f(3), int) and f(3) == 9",
    "assert round(f(3), 2) == 9",
    "import math\nassert math.isclose(f(3), 9)",
    "assert sorted([f(3), 5]) == [5, 9]",
    "assert {f(3)} == {9}",
    "assert [f(3)] == [9] and (f(3),) == (9,)",
    "from unittest import TestCase\nTestCase().assertEqual(f(3), 9)",
    "import operator\nassert operator.eq(f(3), 9)",
    "assert f(3).__eq__(9) is True",
    "assert pd.Series([f(3)]).equals(pd.Series([9]))",
]


def notebook(answer):
    return [
        ("locked", LOCKED),
        ("student", answer),
        *(("test", source) for source in TESTS),
        ("test", "assert seen == [], seen"),
    ]


HONEST = "seen = []\ndef f(n):\n    return n * n"


@pytest.fixture(scope="module")
def evidence(judged):
    run = judged.run(planned(notebook(HONEST), reference=True), True)
    assert [failure(record) for record in run] == [None] * len(run)
    assert [record["evidence"]["weak"] for record in run[2:]] == [False] * len(run[2:])
    return [record.get("evidence") for record in run]


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize(
    "made",
    [
        "Magic()",
        "Sneaky(1)",
        "Text('1')",
        "Rows([1])",
        "Magic",
        "Table({'a': [1]})",
        "wrap([Magic()])",
        "Listed([1])",
    ],
)
def test_a_magic_value_passes_no_test_and_sees_no_expected_value(made, known, judged, evidence):
    cells = notebook(f"{MAGIC}\ndef f(n):\n    return {made}")
    run = judged.run(planned(cells, evidence=evidence if known else None, by=notebook(HONEST)), True)
    endings = {source: failure(record) for (_, source), record in zip(cells[2:], run[2:], strict=True)}
    leak = endings.pop("assert seen == [], seen")
    passed = [source for source, ending in endings.items() if ending is None]
    assert passed == []
    assert leak is None


PATCHES = {
    "numpy": "import numpy\nnumpy.isclose = numpy.allclose = lambda *a, **k: True\nnumpy.testing.assert_allclose = print",
    "builtins": "import builtins\nbuiltins.abs = lambda x: 0\nbuiltins.AssertionError = KeyError",
    "names": "isinstance = lambda *a: True\nabs = lambda x: 0\nassert_ = round = str = lambda *a: 9\nnp = pd = None",
    "ipython": "get_ipython().run_cell = lambda *a, **k: None\nget_ipython().showtraceback = lambda *a, **k: None",
    "the link": "import grader.judge.peer as p\np.Peer._result = lambda *a: 9",
}


@pytest.mark.parametrize("patch", PATCHES.values(), ids=PATCHES)
def test_what_a_student_patches_reaches_no_test(patch, judged, evidence):
    cells = notebook(f"{patch}\nseen = []\ndef f(n):\n    return 1")
    run = judged.run(planned(cells, evidence=evidence, by=notebook(HONEST)), True)
    passed = [source for (_, source), record in zip(cells[2:], run[2:], strict=True) if failure(record) is None]
    assert set(passed) <= {"assert seen == [], seen"}


def test_a_forwarded_comparison_is_noted_as_weak(judged):
    cells = [
        ("student", "class V:\n    def __eq__(self, other): return other == 3\ndef f(): return V()"),
        ("test", "assert f() == 3"),
    ]
    (_, record) = judged.run(planned(cells, reference=True), True)
    assert failure(record) is None
    assert record["evidence"]["weak"]
    assert record["evidence"]["operations"] == ["1:op:__eq__"]


def test_what_the_reference_needed_is_let_through(judged):
    cells = [
        ("student", "class V:\n    def times(self, k): return 2 * k\ndef f(): return V()"),
        ("test", "assert f().times(3) == 6"),
    ]
    noted = [r.get("evidence") for r in judged.run(planned(cells, reference=True), True)]
    (_, record) = judged.run(planned(cells, evidence=noted), True)
    assert failure(record) is None


def test_a_method_the_reference_did_not_need_is_refused(judged):
    honest = [("student", "def f(): return [1]"), ("test", "x = f()\nassert x.count(1) == 1")]
    cheat = [("student", "class V:\n    def count(self, k): return k\ndef f(): return V()"), honest[1]]
    noted = [r.get("evidence") for r in judged.run(planned(honest, reference=True), True)]
    (_, record) = judged.run(planned(cheat, evidence=noted, by=honest), True)
    assert failure(record).startswith("TypeError: the test expected a value of another type")


SPYING = {
    "the globals of a call-back": "return f.__globals__",
    "the code of a call-back": "return f.__code__.co_consts",
    "the frame of a generator": "return g.gi_frame",
    "the module of an object": "return o.__class__.__init__.__globals__",
    "private attributes": "return o._expected",
    "subclasses": "return type(o).__mro__[-1].__subclasses__()",
}


@pytest.mark.parametrize("body", SPYING.values(), ids=SPYING)
def test_what_a_test_hands_over_shows_nothing_of_the_test(body, judged):
    answer = f"def spy(f, g, o):\n    try:\n        {body}\n    except AttributeError as e:\n        print('refused')"
    test = (
        "secret = 'hidden expected value'\nclass O:\n    def __init__(self): self._expected = secret\n"
        "def gen():\n    yield secret\nfound = repr(spy(lambda: secret, gen(), O()))\nassert 'hidden' not in found"
    )
    (_, record) = judged.run(planned([("student", answer), ("test", test)], reference=True), True)
    assert failure(record) is None
    assert "hidden" not in printed(record)


def test_a_student_who_never_returns_ends_the_cell_and_no_more(judged):
    cells = [
        ("student", "def f():\n    while True: pass\ndef g(): return 1"),
        ("test", "f()"),
        ("test", "assert g() == 1"),
    ]
    _, first, second = judged.run(planned(cells), True, limit=1.0)
    assert failure(first) == "KeyboardInterrupt: "
    assert failure(second) is None


def test_a_student_who_ends_the_process_is_a_fault(judged):
    cells = [("student", "import os\ndef f(): os._exit(0)"), ("test", "try:\n    f()\nexcept Exception:\n    pass")]
    _, record = judged.run(planned(cells), True)
    assert failure(record).startswith("LinkClosed")
    assert record["evidence"]["faults"]
