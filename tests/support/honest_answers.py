"""Honest answers to the attacked course, in many spellings: right, half right and wrong, made from a seed.

A spelling says what is computed; manners say how people write it down: with prints, helpers, annotations,
    magics, tests of
their own. Nothing here means to deceive, so nothing here may ever be suspect.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import product

FUNCTIONS = {
    "primes": "count_primes",
    "floats": "mean",
    "strings": "shout",
    "lists": "evens",
    "dicts": "tally",
    "arrays": "standardise",
    "frames": "largest",
    "errors": "parse_age",
    "calls": "each",
    "partial": "gcd",
}
PACE = "pace = 42.195 / 3.5\n"
HELLO = "greeting = '안녕, 광주'\n"

SPELLINGS: dict[str, tuple[str, ...]] = {
    "primes": (
        """def count_primes(n):
    found = []
    for k in range(2, n + 1):
        if all(k % p for p in found):
            found.append(k)
    return len(found)""",
        """def count_primes(n):
    sieve = np.ones(n + 1, dtype=bool)
    sieve[:2] = False
    for k in range(2, math.isqrt(n) + 1):
        if sieve[k]:
            sieve[k * k :: k] = False
    return sieve.sum()""",
        "def is_prime(k):\n    return k > 1 and all(k % d for d in range(2, int(k ** 0.5) + 1))\n"
        "count_primes = lambda n: sum(map(is_prime, range(n + 1)))",
        "def count_primes(n):\n"
        "    return float(len([k for k in range(2, n + 1) if not any(k % d == 0 for d in range(2, k))]))",
        "def count_primes(n):\n    return sum(all(k % d for d in range(2, k)) for k in range(2, n))",
        "def count_primes(n):\n    print(sum(all(k % d for d in range(2, k)) for k in range(2, n + 1)))",
        "def count_primes(n):\n    return 4 if n == 10 else 1",
        "def count_primes(n):\n    return str(n)",
        "def count_primes(n):\n    return count_primes(n - 1) + 1",
    ),
    "floats": (
        PACE + "def mean(values):\n    total = 0\n"
        "    for value in values:\n        total += value\n    return total / len(values)",
        "pace = np.float64(42.195) / 3.5\ndef mean(values):\n    return np.mean(values)",
        PACE + "from fractions import Fraction\ndef mean(values):\n    return sum(map(Fraction, values)) / len(values)",
        PACE + "import statistics\ndef mean(values):\n    return statistics.mean(values)",
        PACE + "def mean(values):\n    return pd.Series(values).mean()",
        "from decimal import Decimal\npace = Decimal('42.195') / Decimal('3.5')\ndef mean(values):\n"
        "    return sum(values) / len(values)",
        "pace = np.float32(42.195) / np.float32(3.5)\ndef mean(values):\n    return sum(values) / len(values)",
        PACE + "def mean(values):\n    return sorted(values)[len(values) // 2]",
        "pace = [42.195 / 3.5]\ndef mean(values):\n    return sum(values) / len(values)",
        "pace = 12\ndef mean(values):\n    return sum(values) // len(values)",
    ),
    "strings": (
        HELLO + "def shout(text):\n    return f'{text.upper()}!'",
        HELLO + "def shout(text):\n    return ''.join(c.upper() for c in text) + '!'",
        "greeting = ', '.join(['안녕', '광주'])\ndef shout(text):\n    return str(np.char.upper(text)) + '!'",
        "greeting = np.str_('안녕, 광주')\nimport re\ndef shout(text):\n"
        "    return re.sub('$', '!', text.upper(), count=1)",
        HELLO + "def shout(text):\n    return text.upper() + '!!'",
        HELLO + "def shout(text):\n    text.upper() + '!'",
        "greeting = '안녕 광주'\ndef shout(text):\n    return text.upper() + '!'",
        "greeting = print('안녕, 광주')\ndef shout(text):\n    return text.upper() + '!'",
        HELLO + "def shout(text):\n    return (text.upper(), '!')",
    ),
    "lists": (
        "def evens(values):\n    return list(filter(lambda value: not value & 1, values))",
        "def evens(values):\n    found = []\n    for value in values:\n        if value % 2 == 0:\n"
        "            found.append(value)\n    return found",
        "def evens(values):\n    if not values:\n        return []\n"
        "    return ([values[0]] if values[0] % 2 == 0 else []) + evens(values[1:])",
        "def evens(values):\n    return [int(value) for value in np.array(values, dtype=int) if value % 2 == 0]",
        "from collections import UserList\ndef evens(values):\n    return UserList(v for v in values if v % 2 == 0)",
        "def evens(values):\n    return tuple(value for value in values if value % 2 == 0)",
        "def evens(values):\n    return (value for value in values if value % 2 == 0)",
        "def evens(values):\n    for value in list(values):\n        if value % 2:\n"
        "            values.remove(value)\n    return values",
        "def evens(values):\n    return np.array([value for value in values if value % 2 == 0])",
        "def evens(values):\n    return {value for value in values if value % 2 == 0}",
    ),
    "dicts": (
        "from collections import Counter\ndef tally(words):\n    return Counter(words)",
        "from collections import defaultdict\ndef tally(words):\n    found = defaultdict(int)\n    for word in words:\n"
        "        found[word] += 1\n    return found",
        "def tally(words):\n    found = {}\n    for word in words:\n"
        "        found[word] = found.get(word, 0) + 1\n    return found",
        "def tally(words):\n    return pd.Series(words).value_counts().to_dict()",
        "def tally(words):\n    return pd.Series(words).value_counts()",
        "def tally(words):\n    return [(word, words.count(word)) for word in set(words)]",
        "def tally(words):\n    return {word: 1 for word in words}",
        "from collections import OrderedDict\ndef tally(words):\n"
        "    return OrderedDict((w, words.count(w)) for w in words)",
        "def tally(words):\n    return {word: str(words.count(word)) for word in words}",
    ),
    "arrays": (
        "def standardise(values):\n    return np.array([(v - np.mean(values)) / np.std(values) for v in values])",
        "def standardise(values):\n    values = np.asarray(values, dtype=float)\n    centred = values - values.mean()\n"
        "    return centred / np.sqrt((centred ** 2).mean())",
        "def standardise(values):\n    return (pd.Series(values) - values.mean()) / values.std()",
        "def standardise(values):\n    values = np.matrix(values)\n"
        "    return np.asarray((values - values.mean()) / values.std())[0]",
        "def standardise(values):\n    return [(v - np.mean(values)) / np.std(values) for v in values]",
        "def standardise(values):\n    return (values - values.mean()) / values.std(ddof=1)",
        "def standardise(values):\n    values -= values.mean()\n    values /= values.std()\n    return values",
        "def standardise(values):\n    return values / 0",
        "def standardise(values):\n    return ((values - values.mean()) / values.std()).astype(np.float32)",
    ),
    "frames": (
        "def largest(frame):\n    return frame.nlargest(2, 'people').reset_index(drop=True)",
        "def largest(frame):\n    rows = sorted(frame.to_dict('records'), key=lambda row: -row['people'])[:2]\n"
        "    return pd.DataFrame(rows)",
        "def largest(frame):\n    order = np.argsort(-frame['people'].to_numpy())\n"
        "    return frame.iloc[order[:2]].reset_index(drop=True)",
        "def largest(frame):\n    return frame.nlargest(2, 'people')",
        "def largest(frame):\n    return frame.sort_values('people').tail(2).reset_index(drop=True)",
        "def largest(frame):\n    return frame.head(2)",
        "def largest(frame):\n    frame.sort_values('people', ascending=False, inplace=True)\n"
        "    return frame.head(2).reset_index(drop=True)",
        "def largest(frame):\n    return frame['people'].max()",
    ),
    "classes": (
        """from dataclasses import dataclass
@dataclass
class Account:
    owner: str
    balance: int = 0
    def deposit(self, amount):
        self.balance += amount
    def __enter__(self):
        return self
    def __exit__(self, *error):
        pass""",
        """class Account:
    def __init__(self, owner):
        self._owner, self._entries = owner, []
    owner = property(lambda self: self._owner)
    @property
    def balance(self):
        return sum(self._entries)
    def deposit(self, amount):
        self._entries.append(amount)
    def __enter__(self):
        print("opened for", self.owner)
        return self
    def __exit__(self, kind, error, trace):
        return False""",
        """class Base:
    __slots__ = ("owner", "balance")
    def __init__(self, owner, balance=0):
        self.owner, self.balance = owner, balance
    def deposit(self, amount):
        self.balance = self.balance + amount
class Account(Base):
    def __enter__(self):
        return self
    def __exit__(self, *_):
        return None""",
        """class Account:
    balance = 0
    def __init__(self, owner):
        self.owner = owner
    def deposit(self, amount):
        Account.balance += amount
    def __enter__(self):
        return self
    def __exit__(self, *_):
        return None""",
        """class Account:
    def __init__(self, owner):
        self.owner, self.balance = owner, 0
    def deposit(self, amount):
        self.balance += amount""",
        """class Account:
    def __init__(owner):
        pass""",
        """class Account:
    def __init__(self, owner):
        self.owner, self.balance = owner, np.int64(0)
    def deposit(self, amount):
        if amount <= 0:
            raise ValueError("양수만 넣을 수 있습니다")
        self.balance += amount
    def __enter__(self):
        return self
    def __exit__(self, *_):
        return None
    def __repr__(self):
        return f"Account({self.owner!r}, {self.balance})\"""",
    ),
    "errors": (
        "def parse_age(text):\n    text = text.strip()\n    if not text.isdigit():\n"
        "        raise ValueError(f'나이가 아닙니다: {text!r}')\n    return int(text)",
        "class BadAge(ValueError):\n    pass\ndef parse_age(text):\n    try:\n        age = int(text)\n"
        "    except ValueError as error:\n        raise BadAge(text) from error\n    if age < 0:\n"
        "        raise BadAge(text)\n    return age",
        "def parse_age(text):\n    age = np.int64(text.strip())\n    if age < 0:\n        raise ValueError\n"
        "    return age",
        "def parse_age(text):\n    assert text.strip().isdigit(), text\n    return int(text)",
        "def parse_age(text):\n    return int(text)",
        "def parse_age(text):\n    if not text.strip().isdigit():\n        raise TypeError(text)\n    return int(text)",
        "def parse_age(text):\n    try:\n        return int(text)\n    except ValueError:\n        return None",
        "def parse_age(text):\n    if not text.strip().isdigit():\n        raise Exception('x')\n    return int(text)",
    ),
    "calls": (
        "def each(values, action):\n    [action(value) for value in values]",
        "def each(values, action):\n    list(map(action, values))",
        "def each(values, action):\n    if values:\n        action(values[0])\n        each(values[1:], action)",
        "def each(values, action):\n    return [action(value) for value in values]",
        "def each(values, action):\n    map(action, values)",
        "def each(values, action):\n    action(values)",
        "def each(values, action):\n    for value in reversed(values):\n        action(value)",
        "def each(values, action):\n    for value in values:\n        try:\n            action(value)\n"
        "        except TypeError as error:\n            print(error)",
    ),
    "files": (
        "with open('report.csv', 'w', encoding='utf-8') as handle:\n    print('name', 'people', sep=',', file=handle)\n"
        "    for row in cities.itertuples():\n        print(row.name, row.people, sep=',', file=handle)",
        "import csv\nwith open('report.csv', 'w', newline='', encoding='utf-8') as handle:\n"
        "    writer = csv.writer(handle)\n"
        "    writer.writerow(cities.columns)\n    writer.writerows(cities.itertuples(index=False))",
        "import shutil\nshutil.copy('cities.csv', 'report.csv')",
        "from pathlib import Path\nPath('report.csv').write_text(cities.to_csv(index=False), encoding='utf-8')",
        "cities.sort_values('name').to_csv('report.csv', index=False)",
        "cities.to_csv('report.csv')",
        "cities.to_csv('reports.csv', index=False)",
        "open('report.csv', 'w', encoding='utf-8').write('name,people\\n')",
    ),
    "partial": (
        "def gcd(a, b):\n    return a if b == 0 else gcd(b, a % b)",
        "from math import gcd",
        "def gcd(a, b):\n    return max(d for d in range(1, min(a, b) + 1) if a % d == b % d == 0)",
        "def gcd(a, b):\n    return np.gcd(a, b)",
        "def gcd(a, b):\n    while a != b:\n        a, b = max(a, b) - min(a, b), min(a, b)\n    return a",
        "def gcd(a, b):\n    return 6",
        "def gcd(a, b):\n    return min(a, b) // 2",
        "def gcd(a, b):\n    return a / b",
        "def gcd(a, b):\n    return gdc(a, b)",
    ),
}


def _plain(source: str, name: str | None) -> str:
    return source


def _commented(source: str, name: str | None) -> str:
    return f"# 제 답입니다. My answer; I tried `assert` first.\n{source}\n# 끝 (done)\n"


def _printing(source: str, name: str | None) -> str:
    return f"print('시작')\n{source}\nprint('끝', 1 < 2, '<b>&</b>')"


def _timed(source: str, name: str | None) -> str:
    return f"import time\nstarted = time.perf_counter()\n{source}\nelapsed = time.perf_counter() - started"


def _shown(source: str, name: str | None) -> str:
    return f"{source}\n{name or 'cities'}"


def _wrapped(source: str, name: str | None) -> str:
    if name is None:
        return source
    return f"{source}\n_{name} = {name}\ndef {name}(*args, **options):\n    return _{name}(*args, **options)"


def _counted(source: str, name: str | None) -> str:
    if name is None:
        return source
    return (
        f"import functools\ncalls_of_{name} = 0\ndef counted(function):\n    @functools.wraps(function)\n"
        f"    def inner(*args):\n        global calls_of_{name}\n        calls_of_{name} += 1\n"
        f"        return function(*args)\n"
        f"    return inner\n{source}\n{name} = counted({name})"
    )


def _held_by_a_class(source: str, name: str | None) -> str:
    if name is None:
        return source
    return f"{source}\nclass Tools_{name}:\n    run = staticmethod({name})\n{name} = Tools_{name}().run"


def _talking(source: str, name: str | None) -> str:
    if name is None:
        return source
    return f"{source}\ndef talking(function):\n    return lambda *args: (print('called'), function(*args))[1]\n"
    f"{name} = talking({name})"


def _written_twice(source: str, name: str | None) -> str:
    return f"def {name or 'unused'}(*args):\n    raise NotImplementedError\n{source}"


def _magic(source: str, name: str | None) -> str:
    return f"%config InlineBackend.figure_format = 'svg'\n{source}\n!echo done > /dev/null"


MANNERS: tuple[Callable[[str, str | None], str], ...] = (
    *(_plain, _commented, _printing, _timed, _shown, _wrapped, _counted, _held_by_a_class, _talking, _written_twice),
    _magic,
)


def variants(question: str, count: int, seed: int = 20260301) -> list[str]:
    """`count` different answers to a question, every spelling among them at least once."""
    shuffled = random.Random(f"{seed}-{question}")
    spellings = list(SPELLINGS[question])
    rest = list(product(spellings, MANNERS))
    shuffled.shuffle(rest)
    first = [(spelling, shuffled.choice(MANNERS)) for spelling in spellings]
    chosen = dict.fromkeys(manner(spelling, FUNCTIONS.get(question)) for spelling, manner in [*first, *rest])
    return list(chosen)[:count]
