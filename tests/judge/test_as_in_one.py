# ruff: noqa: E501
"""What tests do with a student's names and objects comes out as in one interpreter."""

from __future__ import annotations

import pytest
from judged import planned
from judged_corpus import ending

SOLUTION = '''
import math, random
from collections import namedtuple
import matplotlib.pyplot as plt
counter = 0
data = [1, 2]
settings = {"deep": [1]}

def add(a, b=1, *rest, key=None):
    "Adds."
    return a + b

def reverse(values):
    print("reversing", len(values))
    values.reverse()
    return values

def grow(table):
    table["new"] = table["a"] * 2

def scale(array):
    array *= 2

def total():
    return sum(data)

def count():
    global counter
    counter += 1
    return counter

def numbers(n):
    print("start")
    for i in range(n):
        yield i

def apply(function, *values):
    return [function(value) for value in values]

def forgiving(function):
    try:
        function()
    except KeyError as error:
        return f"caught {error.args[0]}"

def fail(kind="own"):
    if kind == "own":
        raise Broke("it broke", 3)
    if kind == "key":
        raise KeyError("k")
    if kind == "os":
        open("/nowhere/at/all")
    raise ValueError("plain") from KeyError("cause")

class Broke(ValueError):
    def __init__(self, text, level):
        super().__init__(text)
        self.level = level

class Account:
    """An account."""
    rate = 0.5
    def __init__(self, owner, balance=0):
        self.owner, self.balance, self.history = owner, balance, []
    def deposit(self, amount):
        if amount <= 0:
            raise ValueError("not positive")
        self.balance += amount
        self.history.append(amount)
        return self
    @property
    def rich(self):
        return self.balance > 100
    @classmethod
    def empty(cls):
        return cls("nobody")
    @staticmethod
    def fee(x):
        return x / 10
    def __len__(self):
        return len(self.history)
    def __iter__(self):
        return iter(self.history)
    def __repr__(self):
        return f"Account({self.owner})"
    def __enter__(self):
        return self
    def __exit__(self, *error):
        self.closed = error[0]
        return True

class Savings(Account):
    pass

class Vector:
    def __init__(self, x, y):
        self.x, self.y = x, y
    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)
    def __mul__(self, k):
        return Vector(self.x * k, self.y * k)
    def __eq__(self, other):
        return isinstance(other, Vector) and (self.x, self.y) == (other.x, other.y)
    def __lt__(self, other):
        return self.x < other.x
    def __getitem__(self, i):
        return (self.x, self.y)[i]
    def __call__(self, k):
        return self.x * k
    def __bool__(self):
        return bool(self.x or self.y)

class Stack(list):
    def top(self):
        return self[-1]

class Grid:
    def __init__(self): self.cells = {}
    def __setitem__(self, key, value): self.cells[key] = value
    def __getitem__(self, key): return self.cells[key]
    def __contains__(self, key): return key in self.cells
    def __delitem__(self, key): del self.cells[key]

Pair = namedtuple("Pair", "left right")
def pair(): return Pair(1, 2)
def move(point):
    point.x += 1
    return point
def dice():
    return random.random(), np.random.rand()
def write():
    with open("made.txt", "w") as handle:
        handle.write("hello")
def plot(values):
    figure, axes = plt.subplots()
    axes.plot(values)
    axes.set_title("T")
    return axes
def use(thing):
    return thing.name, thing.twice(2), len(thing)
def draw(rng):
    return rng.normal()
class Learner:
    def fit(self, X, y):
        self.mean_ = np.mean(y); return self
    def predict(self, X):
        return np.full(len(X), self.mean_)
def classifier():
    from sklearn.neighbors import KNeighborsClassifier
    return KNeighborsClassifier(n_neighbors=1)
def frame():
    return pd.DataFrame({"a": [1, 2], "b": ["x", None]})
squares = lambda n: [i * i for i in range(n)]
def sum_of_squares(n): return sum(squares(n))
def keys(): return {"a": 1, "b": 2}.keys()
default = defaultdict(lambda: 7) if False else None
def outer():
    def inner(x): return x + 1
    return inner
def deep(n):
    return 0 if n == 0 else 1 + deep(n - 1)
def wrapped():
    from collections import ChainMap, OrderedDict, UserDict, UserList, UserString
    from types import SimpleNamespace
    from array import array
    return (UserList([2, 4]), UserDict(a=1), UserString("x"), ChainMap({"a": 1}), SimpleNamespace(a=[1]),
            array("d", [1.5]), OrderedDict(a=1).keys())
def extend(values):
    values.append(9)
def show(): print("shown"); return None
def shares():
    row = [0]
    return [row, row]
def forever():
    return forever()
'''
LOCKED = """
import numpy as np
import pandas as pd
from collections import defaultdict
from dataclasses import dataclass
import enum
limit = 10
@dataclass
class Point:
    x: int
    y: int = 0
class Color(enum.Enum):
    RED = 1
class Oops(Exception):
    pass
"""
MORE = """
def below(): return limit > 5
def paint(): return Color.RED
def point(): return Point(3, 4)
def oops(): raise Oops("locked")
random.seed(5); np.random.seed(6)
after_seed = random.random(), np.random.rand()
random.seed(5); np.random.seed(6)
"""

CASES = {
    "a call": "assert add(1) == 2 and add(1, b=3) == 4",
    "a wrong answer": "assert add(1) == 3, 'no'",
    "a result is shown": "add(1, 2)",
    "print in order": "print('a'); numbers_ = list(numbers(2)); print('b'); show()",
    "an argument is changed": "x = [1, 2]\ny = reverse(x)\nassert x == [2, 1] and y is x",
    "a table is changed": "t = pd.DataFrame({'a': [1, 2]})\ngrow(t)\nassert list(t.columns) == ['a', 'new'] and t['new'].sum() == 6",
    "an array is changed": "v = np.array([1, 2]); w = v\nscale(v)\nassert w.tolist() == [2, 4]",
    "a global is changed by the test": "data.append(4)\nassert total() == 7\nassert data is data",
    "a global is bound by the test": "data = [5]\nassert total() == 5",
    "a global is changed by the student": "assert count() == 1 and counter == 1 and count() == 2 and counter == 2",
    "a nested global": "settings['deep'].append(2)\nassert settings['deep'] == [1, 2]",
    "delete and restore": "orig = squares\ndel squares\ntry:\n    sum_of_squares(2)\nexcept NameError as e:\n    print(e)\nelse:\n    raise AssertionError\nfinally:\n    squares = orig\nassert sum_of_squares(3) == 5",
    "replaced by a test": "squares = lambda n: [100]\nassert sum_of_squares(3) == 100",
    "a name nobody has": "nobody_has_it",
    "a name deleted": "del add\nadd(1)",
    "generator": "g = numbers(3)\nprint('before')\nassert next(g) == 0 and list(g) == [1, 2]\nnext(g)",
    "generator is one": "import inspect\nassert inspect.isgenerator(numbers(1)) and inspect.isfunction(add) and not callable(3)",
    "signature": "import inspect\nassert str(inspect.signature(add)) == '(a, b=1, *rest, key=None)' and list(inspect.signature(Account).parameters) == ['owner', 'balance']",
    "function attributes": "assert add.__name__ == 'add' and add.__doc__ == 'Adds.' and callable(add)",
    "call-back": "seen = []\nassert apply(lambda v: seen.append(v) or v * 2, 1, 2) == [2, 4] and seen == [1, 2]",
    "call-back that prints": "apply(lambda v: print('cb', v), 1, 2); print('end')",
    "call-back that raises": "def bad():\n    raise KeyError('mine')\nassert forgiving(bad) == 'caught mine'",
    "call-back whose error passes": "def bad():\n    raise ZeroDivisionError('mine')\nforgiving(bad)",
    "call-back of a class": "assert apply(str, 1) == ['1'] and apply(np.sqrt, 4.0) == [2.0] and apply(len, 'ab') == [2]",
    "call-back calls back": "assert apply(lambda v: apply(lambda w: add(w), v)[0], 1) == [2]",
    "own exception": "try:\n    fail()\nexcept Broke as e:\n    assert e.level == 3 and str(e) == 'it broke' and isinstance(e, ValueError)\nassert issubclass(Broke, ValueError)",
    "own exception uncaught": "fail()",
    "key error": "try:\n    fail('key')\nexcept KeyError as e:\n    assert e.args == ('k',) and str(e) == \"'k'\"",
    "os error": "try:\n    fail('os')\nexcept FileNotFoundError as e:\n    assert e.errno == 2 and e.filename == '/nowhere/at/all'",
    "other exception": "fail('other')",
    "missing argument": "add()",
    "class": "a = Account('kim', 5)\nassert a.deposit(3) is a and a.balance == 8 and a.history == [3] and not a.rich and len(a) == 1\nassert isinstance(a, Account) and type(a) is Account and type(a).__name__ == 'Account' and a.__class__ is Account",
    "subclass": "s = Savings('lee')\nassert isinstance(s, Account) and issubclass(Savings, Account) and not isinstance(Account('x'), Savings) and Savings.__mro__[1] is Account",
    "class members": "assert Account.rate == 0.5 and Account.fee(10) == 1 and Account.empty().owner == 'nobody' and Account.__doc__ == 'An account.'\nassert hasattr(Account, 'deposit') and not hasattr(Account, 'withdraw')",
    "method of the class": "a = Account('kim')\nAccount.deposit(a, 4)\nassert a.balance == 4",
    "error in a method": "a = Account('kim')\ntry:\n    a.deposit(-1)\n    assert False, 'nothing raised'\nexcept ValueError as e:\n    assert 'positive' in str(e)",
    "read-only property": "Account('kim').rich = True",
    "missing attribute": "Account('kim').nothing",
    "set an attribute": "a = Account('kim')\na.balance = 500\nassert a.rich\ndel a.balance\nassert not hasattr(a, 'balance')",
    "change an attribute's value": "a = Account('kim')\na.history.append(9)\nassert len(a) == 1 and a.history == [9]",
    "vars": "assert vars(Account('kim')) == {'owner': 'kim', 'balance': 0, 'history': []}",
    "iteration": "a = Account('kim').deposit(1).deposit(2)\nassert list(a) == [1, 2] and 2 in a and sum(a) == 3 and [*a] == [1, 2]",
    "texts": "a = Account('kim')\nassert repr(a) == 'Account(kim)' and f'{a}' == str(a) == 'Account(kim)'",
    "with": "a = Account('kim')\nwith a as b:\n    assert a is b\n    raise KeyError('inside')\nassert a.closed is KeyError",
    "operators": "v = Vector(1, 2) + Vector(3, 4)\nassert (v.x, v.y) == (4, 6) and (v * 2).y == 12 and v == Vector(4, 6) and v != Vector(0, 0) and Vector(0, 1) < v and v[0] == 4 and v(2) == 8 and not Vector(0, 0)",
    "operators of other types": "Vector(1, 2) + 3",
    "unsupported operator": "Vector(1, 2) - Vector(1, 2)",
    "subclass of list": "s = Stack([1, 2])\nassert isinstance(s, list) and s == [1, 2] and len(s) == 2 and s.top() == 2 and s[0] == 1 and 2 in s and s + [3] == [1, 2, 3]\ns.append(5)\nassert s.top() == 5 and list(s) == [1, 2, 5]",
    "items": "g = Grid()\ng[1, 2] = 'x'\nassert g[1, 2] == 'x' and (1, 2) in g\ndel g[1, 2]\nassert (1, 2) not in g\ng[0]",
    "named tuple": "p = pair()\nassert p == (1, 2) and p.left == 1 and p[1] == 2 and len(p) == 2 and isinstance(p, tuple)\na, b = p\nassert b == 2 and p == pair()",
    "locked class": "assert point() == Point(3, 4) and move(Point(1)) == Point(2, 0) and isinstance(point(), Point)\np = Point(1)\nassert move(p) is p and p.x == 2",
    "locked enumeration": "assert paint() is Color.RED and paint().value == 1",
    "locked exception": "try:\n    oops()\nexcept Oops as e:\n    assert str(e) == 'locked'",
    "locked name is bound": "assert below()\nlimit = 3\nassert not below()",
    "random state": "import random\nrandom.seed(1); np.random.seed(2)\na = dice()\nb = (random.random(), np.random.rand())\nrandom.seed(1); np.random.seed(2)\nassert a == (random.random(), np.random.rand()) and b == dice()",
    "random state that the student's cell left": "import random\na = random.random(), np.random.rand()\nassert a == after_seed",
    "generator of numbers": "r = np.random.default_rng(3)\na = draw(r), r.normal()\nr = np.random.default_rng(3)\nassert a == (r.normal(), r.normal())",
    "files": "write()\nassert open('made.txt').read() == 'hello'",
    "axes": "axes = plot([1, 4])\nassert axes.get_title() == 'T' and axes.lines[0].get_ydata().tolist() == [1, 4]\nfrom matplotlib.axes import Axes\nassert isinstance(axes, Axes)\nplt.close('all')",
    "object of the test": "class Thing:\n    name = 'n'\n    def twice(self, x): return 2 * x\n    def __len__(self): return 4\nassert use(Thing()) == ('n', 4, 4)",
    "estimator": "m = Learner().fit([[1], [2]], np.array([1.0, 3.0]))\nassert m.mean_ == 2 and m.predict([[0]]).tolist() == [2.0]",
    "library estimator": "from sklearn.neighbors import KNeighborsClassifier\nm = classifier()\nassert isinstance(m, KNeighborsClassifier) and m.n_neighbors == 1\nm.fit([[0.0], [1.0]], [0, 1])\nassert m.predict([[0.9]]).tolist() == [1] and m.score([[0.1]], [0]) == 1.0",
    "table": "pd.testing.assert_frame_equal(frame(), pd.DataFrame({'a': [1, 2], 'b': ['x', None]}))",
    "view of a dictionary": "assert keys() == {'a', 'b'} and list(keys()) == ['a', 'b']",
    "values of the standard library": "from collections import UserList, UserDict, ChainMap\nfrom types import SimpleNamespace\nfrom array import array\nassert wrapped() == ([2, 4], {'a': 1}, 'x', {'a': 1}, SimpleNamespace(a=[1]), array('d', [1.5]), {'a'})\nl, d, s, c, n, a, k = wrapped()\nassert isinstance(l, UserList) and type(d) is UserDict and s + 'y' == 'xy' and c['a'] == 1 and n.a == [1] and a[0] == 1.5",
    "values of the standard library are changed": "from collections import UserList\nfrom types import SimpleNamespace\nfrom array import array\nn = SimpleNamespace(x=1)\nassert move(n) is n and n.x == 2\nl, a = UserList([1]), array('d')\nextend(l), extend(a)\nassert l == [1, 9] and a[0] == 9",
    "closure": "assert outer()(1) == 2",
    "same row twice": "a = shares()\na[0].append(1)\nassert a[1] == [0, 1] and a[0] is a[1]",
    "endless recursion": "try:\n    forever()\nexcept RecursionError:\n    print('deep')",
    "helpers of tests": "def check(f, *args):\n    return [f(*args) for _ in range(2)]\nassert check(add, 1) == [2, 2] and (lambda: add(2))() == 3",
    "class of the test": "class T:\n    value = add(1, 1)\n    def run(self): return add(self.value)\nassert T().run() == 3",
    "magics": "x = !echo hi\n%config InlineBackend.close_figures = True\nassert x == ['hi'] and add(1) == 2",
    "builtins": "assert sum([1]) == 1 and max(1, 2) == 2 and math.sqrt(4) == 2",
    "mock": "from unittest import mock\nm = mock.Mock(return_value=5)\nassert apply(lambda v: m(v), 1) == [5]\nm.assert_called_once_with(1)",
    "deep copy": "import copy\na = Account('kim').deposit(1)\nb = copy.deepcopy(a)\nb.deposit(2)\nassert a.history == [1] and b.history == [1, 2]",
    "last value": "3 * 2 / 4",
    "a set of objects": "a = Account('x')\nassert len({a, a}) == 1 and a in [a] and {a: 1}[a] == 1",
}


@pytest.fixture(scope="session")
def endings(judged):
    """Every case in one interpreter and in two; before each the student's cells run anew."""
    cells = [("locked", LOCKED)]
    places = {}
    for name, source in CASES.items():
        places[name] = len(cells) + 2
        cells += [("student", SOLUTION), ("student", MORE), ("test", source), ("test", "add(40)")]
    one, two = judged.run(planned(cells), False), judged.run(planned(cells, reference=True), True)
    return {name: (one[place : place + 2], two[place : place + 2]) for name, place in places.items()}


@pytest.mark.parametrize("name", CASES)
def test_a_test_cell_ends_as_in_one_interpreter(name, endings):
    one, two = endings[name]
    assert [ending(record) for record in two] == [ending(record) for record in one]
    assert [record["evidence"]["faults"] for record in two] == [[], []]
