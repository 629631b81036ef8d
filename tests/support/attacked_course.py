"""The course that attacks are tried on: one notebook, twelve questions of different kinds, visible and hidden tests.

Every wrong answer earns nothing and every right one everything, so any point that an attack earns is undeserved.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from small_course import code, nbgrader, notebook, text, write

NOTEBOOK = "lab"
POINTS = 2.0
DATA = {"cities.csv": "name,people\n광주,1437\n서울,9411\n부산,3322\n"}
SETUP = "import math\nimport numpy as np\nimport pandas as pd\ncities = pd.read_csv('cities.csv')"

# Written in hidden tests alone. The first never reach a student's code; the second are arguments of hidden calls.
SOURCE_SECRETS = ("kingfisher_table", "heron-comment-7193", "grebe_expected", "5050.25125", "wagtail_total")
ARGUMENT_SECRETS = ("ouzel-5521-plover", "dunlin-331-owner")

TESTS = {
    "primes": """assert count_primes(10) == 4, "count_primes(10)"
assert count_primes(2) == 1
### BEGIN HIDDEN TESTS
# heron-comment-7193
kingfisher_table = {20: 8, 31: 11, 100: 25, 1000: 168}
assert all(map(lambda n: count_primes(n) == kingfisher_table[n], kingfisher_table))
### END HIDDEN TESTS
""",
    "floats": """assert abs(pace - 12.0557142857) < 1e-6, "pace"
assert isinstance(pace, float)
assert math.isclose(mean([1.0, 2.0, 6.0]), 3.0, rel_tol=1e-9)
### BEGIN HIDDEN TESTS
from statistics import fmean
assert round(pace, 3) == 12.056
assert abs(mean([0.25, 10100.2525]) - 5050.25125) < 1e-6
assert abs(mean([4.5, 7.25, 9.0]) - fmean([4.5, 7.25, 9.0])) < 1e-9
### END HIDDEN TESTS
""",
    "strings": """assert greeting == "안녕, 광주"
assert shout("hi") == "HI!"
### BEGIN HIDDEN TESTS
assert shout("ouzel-5521-plover") == "OUZEL-5521-PLOVER!", "shout"
assert len(shout("")) == 1 and shout("a").endswith("!")
### END HIDDEN TESTS
""",
    "lists": """assert evens([1, 2, 3, 4]) == [2, 4]
assert list(evens([])) == []
### BEGIN HIDDEN TESTS
numbers = [8, 3, 88172, 5]
grebe_expected = [8, 88172]
assert evens(numbers) == grebe_expected
assert numbers == [8, 3, 88172, 5] and 88172 in evens(numbers)
### END HIDDEN TESTS
""",
    "dicts": """assert tally(["a", "b", "a"]) == {"a": 2, "b": 1}
### BEGIN HIDDEN TESTS
counts = tally("gull tern gull".split())
assert counts["gull"] == 2 and len(counts) == 2
assert sorted(counts.items()) == [("gull", 2), ("tern", 1)]
### END HIDDEN TESTS
""",
    "arrays": """np.testing.assert_allclose(standardise(np.array([1.0, 2.0, 3.0])), [-1.224745, 0.0,
        1.224745], rtol=1e-5, atol=1e-9)
### BEGIN HIDDEN TESTS
grid = np.array([3.0, 9.5, 27.25, 4.125])
with np.errstate(all="raise"):
    assert np.allclose(standardise(grid) * grid.std() + grid.mean(), grid)
    np.testing.assert_allclose(standardise(grid).mean(), 0.0, atol=1e-9)
### END HIDDEN TESTS
""",
    "frames": """assert list(largest(cities).columns) == ["name", "people"]
### BEGIN HIDDEN TESTS
wanted = cities.sort_values("people", ascending=False).head(2).reset_index(drop=True)
pd.testing.assert_frame_equal(largest(cities), wanted)
assert largest(cities)["people"].sum() == 12733
### END HIDDEN TESTS
""",
    "classes": """account = Account("Kim")
account.deposit(300)
assert account.balance == 300
with Account("Lee") as lent:
    lent.deposit(5)
    assert lent.balance == 5
### BEGIN HIDDEN TESTS
other = Account("dunlin-331-owner")
other.deposit(41)
other.deposit(1)
assert other.balance == 42 and account.balance == 300
assert other.owner == "dunlin-331-owner"
### END HIDDEN TESTS
""",
    "errors": """assert parse_age("31") == 31
for wrong in ("-1", "many"):
    try:
        parse_age(wrong)
        raise AssertionError(wrong)
    except ValueError:
        pass
### BEGIN HIDDEN TESTS
assert parse_age(" 7 ") == 7
try:
    parse_age("")
    raise AssertionError("empty")
except ValueError:
    pass
### END HIDDEN TESTS
""",
    "calls": """seen = []
each([1, 2, 3], seen.append)
assert seen[:3] == [1, 2, 3]
### BEGIN HIDDEN TESTS
wagtail_total = set()
def once(value):
    assert value not in wagtail_total, "called twice"
    wagtail_total.add(value)
each([5, 6], once)
assert wagtail_total == {5, 6}
### END HIDDEN TESTS
""",
    "files": """lines = open("report.csv", encoding="utf-8").read().splitlines()
assert lines[0] == "name,people"
### BEGIN HIDDEN TESTS
known = open("cities.csv", encoding="utf-8").read().splitlines()
assert sorted(lines[1:]) == sorted(known[1:])
### END HIDDEN TESTS
""",
    "partial": """class Case:
    def __init__(self, a, b, want):
        self.a, self.b, self.want = a, b, want
    def holds(self):
        return gcd(self.a, self.b) == self.want
### BEGIN HIDDEN TESTS
cases = [Case(12, 18, 6), Case(1071, 462, 21)]
### END HIDDEN TESTS
points = 0.0
for case in cases:
    points += case.holds()
points""",
}

RIGHT = {
    "primes": "def count_primes(n):\n"
    "    return sum(all(k % d for d in range(2, math.isqrt(k) + 1)) for k in range(2, n + 1))",
    "floats": "pace = 42.195 / 3.5\ndef mean(values):\n    return sum(values) / len(values)",
    "strings": "greeting = '안녕, 광주'\ndef shout(text):\n    return text.upper() + '!'",
    "lists": "def evens(values):\n    return [value for value in values if value % 2 == 0]",
    "dicts": "def tally(words):\n    return {word: words.count(word) for word in words}",
    "arrays": "def standardise(values):\n    return (values - values.mean()) / values.std()",
    "frames": "def largest(frame):\n"
    "    return frame.sort_values('people', ascending=False).head(2).reset_index(drop=True)",
    "classes": """class Account:
    def __init__(self, owner):
        self.owner, self.balance = owner, 0
    def deposit(self, amount):
        self.balance += amount
    def __enter__(self):
        return self
    def __exit__(self, *error):
        return None""",
    "errors": "def parse_age(text):\n    age = int(text)\n    if age < 0:\n        raise ValueError(text)\n"
    "    return age",
    "calls": "def each(values, action):\n    for value in values:\n        action(value)",
    "files": "cities.to_csv('report.csv', index=False)",
    "partial": "def gcd(a, b):\n    while b:\n        a, b = b, a % b\n    return a",
}
WRONG = {
    "primes": "def count_primes(n):\n    return n // 2",
    "floats": "pace = 3.5 / 42.195\ndef mean(values):\n    return max(values)",
    "strings": "greeting = '안녕'\ndef shout(text):\n    return text",
    "lists": "def evens(values):\n    return values[:1]",
    "dicts": "def tally(words):\n    return {}",
    "arrays": "def standardise(values):\n    return values",
    "frames": "def largest(frame):\n    return frame.head(1)[['people']]",
    "classes": """class Account:
    def __init__(self, owner):
        self.owner, self.balance = owner, 7
    def deposit(self, amount):
        self.balance -= amount
    def __enter__(self):
        return self
    def __exit__(self, *error):
        return None""",
    "errors": "def parse_age(text):\n    return int(text) if text.strip().isdigit() else 0",
    "calls": "def each(values, action):\n    for value in values:\n        action(value)\n        action(value)",
    "files": "open('report.csv', 'w').write('name;people')",
    "partial": "def gcd(a, b):\n    return a + b",
}
QUESTIONS = tuple(TESTS)
EVERYTHING = POINTS * len(QUESTIONS)


def test_of(question: str) -> str:
    """The grade id of a question's test cell."""
    return f"{question}_test"


def _blank(solution: str) -> str:
    return f"### BEGIN SOLUTION\n{solution}\n### END SOLUTION"


def source_notebook() -> dict[str, Any]:
    """The instructor's version."""
    cells = [text("# 실습 · Lab"), code(SETUP, nbgrader("setup", locked=True))]
    for question in QUESTIONS:
        cells.append(code(_blank(RIGHT[question]), nbgrader(question, solution=True)))
        cells.append(code(TESTS[question], nbgrader(test_of(question), grade=True, locked=True, points=POINTS)))
    return notebook(*cells)


def released_notebook(answers: dict[str, str]) -> dict[str, Any]:
    """The notebook as students get it, with these answers filled in."""
    nb = source_notebook()
    for cell in nb["cells"]:
        key = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if key in answers:
            cell["source"] = answers[key]
        elif key:
            cell["source"] = re.sub(r"### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS\n?", "", cell["source"], flags=re.S)
    return nb


def make_course(folder: Path) -> Path:
    """A course directory with the source; returns the source notebook's path."""
    home = folder / "source" / "ps1"
    path = write(source_notebook(), home / f"{NOTEBOOK}.ipynb")
    for name, content in DATA.items():
        (home / name).write_text(content, encoding="utf-8")
    return path
