"""Hidden tests: where they are in a test cell, and what a student may see instead.

Owns the reading of nbgrader's `### BEGIN HIDDEN TESTS` regions. Everything returned here is made from the trusted
source, so it can be shown; the hidden lines themselves are kept only to be searched for in outputs.
"""

from __future__ import annotations

import ast
import textwrap
from dataclasses import dataclass
from functools import lru_cache

from courses.model import Text

BEGIN = "BEGIN HIDDEN TESTS"
END = "END HIDDEN TESTS"
SHORTEST_TELLING_LINE = 4


@dataclass(frozen=True)
class Hidden:
    """The hidden regions of one test cell. `numbers` are the 1-based lines of its source that are hidden."""

    source: str
    numbers: frozenset[int]
    regions: int

    def __bool__(self) -> bool:
        return bool(self.numbers)

    @property
    def lines(self) -> frozenset[str]:
        """The hidden lines that tell something, without the space around them."""
        rows = self.source.split("\n")
        stripped = (rows[number - 1].strip() for number in self.numbers)
        return frozenset(
            line for line in stripped if len(line) >= SHORTEST_TELLING_LINE and BEGIN not in line and END not in line
        )

    @property
    def visible(self) -> dict[int, str]:
        """The lines a student may see, by their number."""
        rows = self.source.split("\n")
        return {number: row for number, row in enumerate(rows, 1) if number not in self.numbers}

    def shown(self) -> str:
        """The cell's source with each hidden region replaced by one line that says how many checks it holds."""
        return _replaced(self, "# ")

    def runnable(self) -> str:
        """The same lines as `shown`, as code that runs also where a block held nothing but a hidden region."""
        return _replaced(self, "pass  # ")

    def literal_message(self, line: int) -> str | None:
        """The message of the assertion around `line`, when it is written out as plain text in the source."""
        try:
            tree = ast.parse(self.source)
        except (SyntaxError, ValueError, RecursionError):
            return None
        for node in ast.walk(tree):
            if isinstance(node, ast.Assert) and node.lineno <= line <= (node.end_lineno or node.lineno):
                message = node.msg
                if isinstance(message, ast.Constant) and isinstance(message.value, str):
                    return message.value
        return None


def find_hidden(source: str, begin: str = BEGIN, end: str = END) -> Hidden:
    """The hidden regions of `source`. A region that never ends hides the rest of the cell."""
    numbers: set[int] = set()
    regions = 0
    inside = False
    for number, row in enumerate(source.split("\n"), 1):
        if not inside and begin in row:
            inside = True
            regions += 1
        if inside:
            numbers.add(number)
        if inside and end in row:
            inside = False
    return Hidden(source, frozenset(numbers), regions)


def hidden_sentence(checks: int) -> Text:
    """What stands in a hidden region's place."""
    plural = "check" if checks == 1 else "checks"
    return Text(ko=f"숨은 검사 {checks}개", en=f"{checks} hidden {plural}")


@lru_cache(maxsize=1024)
def _replaced(hidden: Hidden, lead: str) -> str:
    rows = hidden.source.split("\n")
    out: list[str] = []
    number = 1
    while number <= len(rows):
        if number not in hidden.numbers:
            out.append(rows[number - 1])
            number += 1
            continue
        region: list[str] = []
        while number <= len(rows) and number in hidden.numbers:
            region.append(rows[number - 1])
            number += 1
        out.append(_replacement(region, lead))
    return "\n".join(out)


def _replacement(region: list[str], lead: str) -> str:
    inner = [row for row in region if BEGIN not in row and END not in row]
    checks = _count_checks(inner)
    text = hidden_sentence(checks)
    first = next((row for row in region if row.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    return f"{indent}{lead}{text.ko} · {text.en}"


def _count_checks(rows: list[str]) -> int:
    try:
        tree = ast.parse(textwrap.dedent("\n".join(rows)))
    except (SyntaxError, ValueError, RecursionError):
        return max(1, sum(1 for row in rows if row.strip() and not row.strip().startswith("#")))
    asserts = sum(isinstance(node, ast.Assert) for node in ast.walk(tree))
    return max(1, asserts or len(tree.body))
