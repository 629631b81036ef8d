"""Students who solve the demonstration courses: fully, partly, or wrongly, from the instructor's own source."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

CONTENT = Path(__file__).resolve().parents[2] / "courses" / "content"
How = Literal["fully", "partly", "wrongly"]
BLANK = "# YOUR CODE HERE"


def source_notebook(track: str, course: str, assignment: str) -> dict[str, Any]:
    """The instructor's version, solutions and hidden tests included."""
    (path,) = (CONTENT / track / course / "source" / assignment).glob("*.ipynb")
    notebook: dict[str, Any] = json.loads(path.read_text())
    return notebook


def solve(fetched: dict[str, Any], source: dict[str, Any], how: How) -> dict[str, Any]:
    """`fetched` with its blank cells filled in: all of them, every second one, or all of them with a wrong answer."""
    solved: dict[str, Any] = json.loads(json.dumps(fetched))
    solutions = {grade_id(cell): cell for cell in source["cells"] if is_solution(cell)}
    blanks = [cell for cell in solved["cells"] if grade_id(cell) in solutions]
    assert blanks, "nothing to solve"
    for number, cell in enumerate(blanks):
        if how == "partly" and number % 2:
            continue
        original = text_of(solutions[grade_id(cell)])
        answer = re.sub(r"^\s*### (BEGIN|END) SOLUTION.*\n?", "", original, flags=re.M)
        if how == "wrongly" and cell["cell_type"] == "code":
            answer = wrong(text_of(cell))
        cell["source"] = answer
    return solved


def wrong(blank: str) -> str:
    """A student's cell in which every blank returns nothing."""
    text = re.sub(r"^(\s*)raise NotImplementedError.*$", r"\1pass", blank, flags=re.M)
    assert text != blank, f"no blank in {blank!r}"
    return text


def is_solution(cell: dict[str, Any]) -> bool:
    return bool(cell["metadata"].get("nbgrader", {}).get("solution"))


def grade_id(cell: dict[str, Any]) -> str | None:
    value: str | None = cell["metadata"].get("nbgrader", {}).get("grade_id")
    return value


def text_of(cell: dict[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)
