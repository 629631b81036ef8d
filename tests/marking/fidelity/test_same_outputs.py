"""Every cell of the corpus leaves in a forked shell what it leaves in a kernel of its own under nbclient.

What must differ is normalised by PATTERNS. What does differ is in DIFFERENT, and explained in
docs/explanation/fidelity.md: a difference that is not listed fails, and so does a listed one that is gone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import nbformat
import pytest
from fidelity_corpus import course_books, hand_made, nbgrader_books
from fidelity_runs import Book, Run, run_in_kernel, run_in_shell

pytestmark = [pytest.mark.namespaces, pytest.mark.timeout(600)]

IMPORTS = ("numpy", "pandas", "matplotlib.pyplot")
MISSING = [{"output_type": "missing"}]
PATTERNS = (
    (r"at (0x)?[0-9a-f]{6,}", "at 0x"),  # addresses
    (r"ipykernel_\d+", "ipykernel_N"),  # a process's number in the name of a cell's file
    (r"\bT_[0-9a-f]{5}", "T_N"),  # pandas' random names of styles
    (r"\b[0-9a-f]{32}\b", "ID"),  # of widgets
    (r"[\d.]+ (ns|μs|ms|s)\b", "N s"),  # measured times
    (r"\(\d+ times\)", "(N times)"),  # similar frames of a recursion that went too deep
)
DIFFERENT = {
    ("errors", "except RecursionError"): "a recursion ends some frames earlier or later",
    ("magics", "%matplotlib --list"): "matplotlib is loaded before the first cell",
    ("leaving", "quit()"): "exit ends a kernel, an interpreter that is judged stays",
}
BOOKS = (*hand_made(), *nbgrader_books(), *course_books())


@dataclass(frozen=True)
class Pair:
    """One notebook, run both ways."""

    book: Book
    kernel: Run
    shell: Run


def run_both(books: Sequence[Book]) -> dict[str, Pair]:
    with ThreadPoolExecutor(2) as pool:
        kernels = [pool.submit(run_in_kernel, book) for book in books]
        shells = run_in_shell(books, IMPORTS)
        return {
            book.name: Pair(book, kernel.result(), shell)
            for book, kernel, shell in zip(books, kernels, shells, strict=True)
        }


@pytest.fixture(scope="module")
def pairs() -> dict[str, Pair]:
    """All notebooks, run both ways; those that differ up to twice more: a busy machine can part what 0.2 s join."""
    pairs = run_both(BOOKS)
    for _ in range(2):
        again = [pair.book for pair in pairs.values() if differences(pair)]
        pairs |= run_both(again) if again else {}
    return pairs


def joined(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbours of one stream as one output: a kernel sends a piece every 0.2 s."""
    kept: list[dict[str, Any]] = []
    for output in outputs:
        last = kept[-1] if kept else None
        if last and last["output_type"] == output["output_type"] == "stream" and last["name"] == output["name"]:
            last["text"] += output["text"]
        else:
            kept.append(dict(output))
    return kept


def normal(run: Run, index: int) -> str:
    text = json.dumps(joined(run.outputs.get(index, MISSING)), ensure_ascii=False, sort_keys=True, indent=1)
    for pattern, instead in PATTERNS:
        text = re.sub(pattern, instead, text)
    return f"{run.counts.get(index)} {text}"


def differences(pair: Pair) -> dict[str, tuple[str, str]]:
    """Cells that differ without being listed: what they left in the shell, and in the kernel."""
    found = {}
    for index, source in enumerate(pair.book.cells):
        if not any(name == pair.book.name and words in source for name, words in DIFFERENT):
            here, there = normal(pair.shell, index), normal(pair.kernel, index)
            if here != there:
                found[source] = (here, there)
    return found


@pytest.mark.parametrize("name", [book.name for book in BOOKS])
def test_each_cell_leaves_the_same(pairs: dict[str, Pair], name: str) -> None:
    pair = pairs[name]
    assert pair.kernel.outputs, pair.kernel.log
    assert pair.shell.outputs, pair.shell.log
    assert differences(pair) == {}


@pytest.mark.parametrize(("name", "words"), DIFFERENT, ids=list(DIFFERENT.values()))
def test_a_listed_difference_is_still_there(pairs: dict[str, Pair], name: str, words: str) -> None:
    pair = pairs[name]
    places = [index for index, source in enumerate(pair.book.cells) if words in source]
    assert places
    assert any(normal(pair.shell, index) != normal(pair.kernel, index) for index in places)


@pytest.mark.parametrize("name", [book.name for book in BOOKS])
def test_what_a_shell_records_is_a_valid_notebook(pairs: dict[str, Pair], name: str) -> None:
    pair = pairs[name]
    notebook = nbformat.v4.new_notebook()
    for index, source in enumerate(pair.book.cells):
        cell = nbformat.v4.new_code_cell(source, execution_count=pair.shell.counts.get(index))
        cell.outputs = [nbformat.from_dict(output) for output in pair.shell.outputs.get(index, [])]
        notebook.cells.append(cell)
    nbformat.validate(notebook)


def test_each_cell_has_the_times_that_nbclient_notes(pairs: dict[str, Pair]) -> None:
    kernel, shell = pairs["first-steps"].kernel.timing, pairs["first-steps"].shell.timing
    assert {index: sorted(times) for index, times in shell.items()} == {
        index: sorted(times) for index, times in kernel.items()
    }
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}Z", value) for value in shell[min(shell)].values())
