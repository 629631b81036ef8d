"""The notebooks that are run both ways: made by hand for each feature, nbgrader's own, and this campus's courses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nbgrader
from fidelity_runs import Book

NBGRADER = Path(nbgrader.__file__).parent
COURSES = Path(__file__).resolve().parents[3] / "courses" / "content"
ENDLESS = ("infinite-loop", "timeout")
RUNS_PROGRAMS = ("managing_", "creating_and_grading")  # nbgrader's manual: prints what its own commands log, with times

CELLS = Path(__file__).parent / "cells"
MARK = "# %%\n"


def hand_made() -> Iterator[Book]:
    """A notebook for each feature: files of cells, each after a line `# %%`."""
    for path in sorted(CELLS.glob("*.txt")):
        cells = path.read_text(encoding="utf-8").split(MARK)[1:]
        yield Book(path.stem, [cell.removesuffix("\n") for cell in cells])


def code_cells(path: Path) -> list[str]:
    """Sources of the code cells of a notebook of any format."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = notebook.get("cells") or [cell for sheet in notebook.get("worksheets", []) for cell in sheet["cells"]]
    sources = ("".join(cell.get("source", cell.get("input", ""))) for cell in cells if cell["cell_type"] == "code")
    return [source for source in sources if source.strip()]


def nbgrader_books() -> Iterator[Book]:
    """nbgrader's quickstart course and test notebooks, each distinct one once, one after another in one kernel."""
    seen: set[tuple[str, ...]] = set()
    quick: list[str] = []
    endless: list[str] = []
    for path in sorted(NBGRADER.rglob("*.ipynb")):
        cells = tuple(code_cells(path))
        if cells not in seen and not path.name.startswith(RUNS_PROGRAMS):
            seen.add(cells)
            (endless if path.name.startswith(ENDLESS) else quick).extend(cells)
    yield Book("nbgrader", quick)
    yield Book("nbgrader endless", endless, limit=1.0)


def course_books() -> Iterator[Book]:
    """Every reference solution of the campus's courses, with the files beside it."""
    for path in sorted(COURSES.rglob("*.ipynb")):
        yield Book(path.stem, code_cells(path), files=path.parent)
