# ruff: noqa: E501
"""No exception of the student's code ends a test quietly, and none of the test's own gets lost in it."""

from __future__ import annotations

import pytest
from judged import failure, planned

HONEST = """
import contextlib
def f(n): return n * n
def each(values, action):
    for value in values:
        action(value)
class Box:
    size = 3
    def __enter__(self): return self
    def __exit__(self, *error): return None
    def __iter__(self): return iter([1])
def numbers():
    yield 1
@contextlib.contextmanager
def opened(): yield 1
"""
CHEATS = {
    "StopIteration in a map": ("def f(n): raise StopIteration", "assert all(map(lambda n: f(n) == n * n, [2, 3]))", "RuntimeError: the student's code raised StopIteration"),
    "a subclass of it": ("class Done(StopIteration): pass\ndef f(n): raise Done", "assert all(map(lambda n: f(n) == n * n, [2, 3]))", "RuntimeError: the student's code raised Done"),
    "in a property": ("class Box:\n    @property\n    def size(self): raise StopIteration", "assert all(map(lambda b: b.size == 3, [Box()]))", "RuntimeError: the student's code raised StopIteration"),
    "in __iter__": ("class Box:\n    def __iter__(self): raise StopIteration", "assert all(map(lambda b: list(b) == [1], [Box()]))", "RuntimeError: the student's code raised StopIteration"),
    "in a call-back's call": ("def f(n): raise StopIteration\ndef each(values, action):\n    for value in values: action(value)", "done = []\neach([1], lambda v: done.append(all(map(lambda n: f(n) == 1, [v]))))\nassert done == [True]", "RuntimeError: the student's code raised StopIteration"),
    "a skipped unittest": ("import unittest\ndef f(n): raise unittest.SkipTest('no')", "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(f(2), 4)\nassert unittest.TextTestRunner(stream=open('/dev/null', 'w')).run(T('test')).wasSuccessful()", "AssertionError: "),
    "a call-back's assertion": ("def each(values, action):\n    for value in values:\n        try: action(value)\n        except BaseException: pass", "def check(v): assert v != 2, 'two'\neach([1, 2], check)", "AssertionError: two"),
    "a call-back's assertion, exchanged": ("def each(values, action):\n    try: action(2)\n    except BaseException: raise KeyError('own')", "def check(v): assert v != 2, 'two'\ntry:\n    each([1, 2], check)\nexcept KeyError:\n    pass", "AssertionError: two"),
    "an assertion in a method of the test's object": ("def each(values, action):\n    try: action.take(2)\n    except BaseException: pass", "class C:\n    def take(self, v): assert v != 2\n    __call__ = take\neach([2], C())", "AssertionError: "),
    "a decorator": ("def each(values, action):\n    def tried(*a):\n        try: return action(*a)\n        except BaseException: return True\n    return tried(*values)", "def test_f(): assert f(2) == 5\neach([], test_f)", "AssertionError: "),
    "in a generator": ("def each(values, action):\n    yield 1\n    try: action(2)\n    except BaseException: pass", "def check(v): assert v != 2, 'two'\nfor _ in each([1], check) or (): pass", "AssertionError: two"),
    "__exit__": ("class Box:\n    def __enter__(self): return self\n    def __exit__(self, *error): return True", "with Box() as box:\n    assert f(2) == 5", "AssertionError: "),
    "__exit__ with a changing truth": ("class Truth:\n    n = 0\n    def __bool__(self):\n        self.n += 1\n        return self.n > 1\nclass Box:\n    def __enter__(self): return self\n    def __exit__(self, *error): return Truth()", "with Box() as box:\n    assert f(2) == 5", "AssertionError: "),
    "a generator's context": ("import contextlib\n@contextlib.contextmanager\ndef opened():\n    try: yield\n    except BaseException: pass", "with opened():\n    assert f(2) == 5", "AssertionError: "),
    "an exit stack": ("class Box:\n    def __enter__(self): return self\n    def __exit__(self, *error): return True", "import contextlib\nwith contextlib.ExitStack() as stack:\n    stack.enter_context(Box())\n    assert f(2) == 5", "AssertionError: "),
}  # fmt: skip


def notebook(answer: str, *tests: str):
    return [("student", HONEST), ("student", answer), *(("test", test) for test in tests)]


def all_of(rows):
    """One notebook of many: before each test the student's cells run anew."""
    return [cell for answer, test in rows for cell in notebook(answer, test)]


def run_apart(judged, rows, honest=None, known=True):
    """The last cell of each row's record, with the evidence of the reference solution's run of `honest`."""
    by = all_of(honest or rows)
    noted = [r.get("evidence") for r in judged.run(planned(by, reference=True), True)] if known else None
    return judged.run(planned(all_of(rows), evidence=noted, by=by), True)[2::3]


@pytest.fixture(scope="module")
def cheated(judged):
    rows = [(answer, test) for answer, test, _ in CHEATS.values()]
    honest = [("", test) for _, test in rows]
    return {known: dict(zip(CHEATS, run_apart(judged, rows, honest, known), strict=True)) for known in (True, False)}


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("name", CHEATS)
def test_what_would_end_a_test_quietly_fails_it(name, known, cheated):
    assert failure(cheated[known][name]) == CHEATS[name][2]


SAME = {
    "a StopIteration that the test expects": ("def f(n): return next(iter(()))", "try:\n    f(1)\nexcept StopIteration:\n    pass\nelse:\n    raise AssertionError"),
    "a call-back's error that is caught on purpose": ("def f(g):\n    try: g()\n    except KeyError: return 1", "def bad(): raise KeyError\nassert f(bad) == 1"),
    "an assertion that is caught on purpose": ("def f(g):\n    try: g()\n    except AssertionError: return 1", "def bad(): assert False\nassert f(bad) == 1"),
    "an error that is hidden on purpose": ("class Box:\n    def __enter__(self): return self\n    def __exit__(self, kind, *error): return kind is KeyError", "with Box():\n    raise KeyError"),
}  # fmt: skip


def test_what_the_reference_solution_did_as_well_goes_through(judged):
    endings = map(failure, run_apart(judged, list(SAME.values())))
    assert dict(zip(SAME, endings, strict=True)) == dict.fromkeys(SAME)


ORDINARY = {
    "an iterator that ends": "assert list(numbers()) == [1] and [*Box()] == [1]\ng = numbers()\nnext(g)\nassert next(g, 5) == 5",
    "a generator that ends when it is sent something": "g = numbers()\nnext(g)\ntry:\n    g.send(None)\nexcept StopIteration:\n    pass\nelse:\n    raise AssertionError",
    "a call-back's error that passes": "def bad(v): raise KeyError(v)\ntry:\n    each([1], bad)\nexcept KeyError as error:\n    assert error.args == (1,)\nelse:\n    raise AssertionError",
    "a call-back's StopIteration that passes": "def bad(v): raise StopIteration\ntry:\n    each([1], bad)\nexcept StopIteration:\n    pass\nelse:\n    raise AssertionError",
    "a call-back's iterator": "seen = []\neach(iter([1, 2]), seen.append)\nassert seen == [1, 2]",
    "an attribute that is not there": "class O:\n    pass\nassert has(O(), 'x') is False",
    "a with block without an error": "with Box() as b, opened() as o:\n    assert b.size == 3 and o == 1",
    "an error in a with block": "try:\n    with Box():\n        raise KeyError\nexcept KeyError:\n    pass\nelse:\n    raise AssertionError",
}  # fmt: skip


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_ordinary_endings_stay_as_they_are(known, judged):
    rows = [("def has(o, name): return hasattr(o, name)", test) for test in ORDINARY.values()]
    endings = map(failure, run_apart(judged, rows, known=known))
    assert dict(zip(ORDINARY, endings, strict=True)) == dict.fromkeys(ORDINARY)


def test_an_assertion_that_passes_the_students_code_keeps_its_words(judged):
    (record,) = run_apart(judged, [("", "def check(v): assert v > 1, 'too small'\neach([1], check)")], known=False)
    assert failure(record) == "AssertionError: too small"


def test_an_error_of_a_call_back_that_only_the_answer_swallows_fails_the_test(judged):
    answer = "def each(values, action):\n    for value in [*values, 2]:\n        try: action(value)\n        except IndexError: pass"
    test = "wanted = [1]\ndef take(v): assert wanted.pop(0) == v\neach([1], take)"
    (record,) = run_apart(judged, [(answer, test)], [("", test)])
    assert failure(record) == "IndexError: pop from empty list"
