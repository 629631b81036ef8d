"""What a test cell does, done in a warm parent: forks then find the code of both sides' conversation warmed up.

CPython speeds up only code that ran some times, and writes that down in the code: without this every job would begin
anew. Both sides are in one interpreter here, and a message goes by a list, not by a socket. Nothing of it is left.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any, cast

from grader.judge.judge_peer import JudgePeer
from grader.judge.link import Link
from grader.judge.work import WorkPeer

TIMES = 12  # CPython looks at code again after eight runs
ANSWERS = {
    "builtins": """
class Wallet:
    def __init__(self, coins): self.coins = list(coins)
    @property
    def total(self): return sum(self.coins)
    def add(self, coin): self.coins.append(coin); return self
def add(x, y=0): return x + y
def words(text): return sorted(set(text.split()))
def table(rows): return [dict(row, seen=True) for row in rows]
def ratio(x):
    if not x: raise ValueError('zero')
    return 1 / x
""",
    "numpy": "import numpy as np\ndef scale(values): return (values - values.mean()) / values.std()",
    "pandas": "import pandas as pd\ndef means(frame): return frame.groupby('kind')['size'].mean()",
}
TESTS = {
    "builtins": """
assert add(1, 2) == 3 and add(1.5) == 1.5 and add('a', y='b') == 'ab'
assert isinstance(add(1), int) and words('b a b') == ['a', 'b']
assert table([{'name': 'x', 'n': 1}, {'name': 'y', 'n': 2}])[1] == {'name': 'y', 'n': 2, 'seen': True}
wallet = Wallet([1, 2])
assert wallet.total == 3 and wallet.add(4).coins == [1, 2, 4] and isinstance(wallet, Wallet)
try:
    ratio(0)
except ValueError as error:
    assert 'zero' in str(error)
""",
    "numpy": """
np.testing.assert_allclose(scale(np.array([1.0, 3.0])), [-1, 1])
assert scale(np.eye(2)).shape == (2, 2)
""",
    "pandas": """
frame = pd.DataFrame({'kind': ['a', 'b', 'a'], 'size': [1.0, 2.0, 3.0]})
expected = pd.Series([2.0, 2.0], index=pd.Index(['a', 'b'], name='kind'), name='size')
pd.testing.assert_series_equal(means(frame), expected)
""",
}
IMPORTS = {"np": ("numpy", None, ()), "pd": ("pandas", None, ())}


def rehearse(shell: Any) -> None:
    """Judge answers to tests, with the libraries that are loaded. The cells' names are others afterwards."""
    loaded = frozenset(sys.modules)
    student = _Student()
    for library in (name for name in ANSWERS if name in loaded):
        exec(ANSWERS[library], student.namespace)

    def ask(frame: bytes) -> None:
        with work.serving():
            work.serve_frame(frame)

    ours = _Straight(ask)
    judge = JudgePeer(cast(Link, ours), shell, None)
    work = WorkPeer(cast(Link, _Straight(ours.frames.append)), student)
    shell.use_namespace(judge.names)
    tests = [TESTS[name] for name in TESTS if name in loaded]
    imports = {name: [place] for name, place in IMPORTS.items() if place[0] in loaded}
    for number in range(TIMES * len(tests)):
        judge.begin({"imports": imports})
        shell.run(number, tests[number % len(tests)], count=number + 1)
        judge.end()


class _Student:
    """What the work side uses of a shell."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}

    @contextlib.contextmanager
    def capture(self) -> Iterator[list[tuple[str, str]]]:
        yield []


class _Straight:
    """An end of a link without a socket: what is sent is handed over, and answered before the sender goes on."""

    def __init__(self, hand_over: Callable[[bytes], None]) -> None:
        self.frames: list[bytes] = []
        self._hand_over = hand_over

    def send(self, payload: bytes | bytearray) -> None:
        self._hand_over(bytes(payload))

    def receive(self) -> bytes:
        return self.frames.pop(0)

    def has_unread(self) -> bool:
        return bool(self.frames)

    def be_patient(self, seconds: float | None) -> None:
        """Nobody waits here."""
