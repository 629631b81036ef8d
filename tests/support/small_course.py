"""A small nbgrader course for the marking's tests: one assignment with visible, hidden, partial and manual points."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

HIDDEN_LINES = (
    'assert square(-7) == 49, "음수도 제곱해야 합니다"',
    "secret_value = 314159",
    "assert square(secret_value) == 98695877281",
)
SQUARE_TEST = f"""assert square(2) == 4, "square(2)"
### BEGIN HIDDEN TESTS
{HIDDEN_LINES[0]}
{HIDDEN_LINES[1]}
{HIDDEN_LINES[2]}
### END HIDDEN TESTS
"""
RATIO_TEST = """score = 0.0
if ratio(1, 2) == 0.5:
    score += 1.0
if ratio(1, 0) is None:
    score += 1.0
score"""
RIGHT = {
    "square": "def square(x):\n    return x * x",
    "ratio": "def ratio(a, b):\n    return a / b if b else None",
    "essay": "제 답입니다. 나눗셈은 0으로 할 수 없습니다.",
}
PARTLY = RIGHT | {
    "square": "def square(x):\n    return x * x if x > 0 else 0",
    "ratio": "def ratio(a, b):\n    return a / b if b else 0",
}
WRONG = RIGHT | {
    "square": "def square(x):\n    return x + x + 1",
    "ratio": "def ratio(a, b):\n    raise ValueError('모름')",
}


def nbgrader(name: str, *, grade: bool = False, solution: bool = False, locked: bool = False, points: float = 0) -> Any:
    meta = {
        "grade_id": name,
        "grade": grade,
        "solution": solution,
        "locked": locked,
        "schema_version": 3,
        "task": False,
    }
    return {"nbgrader": meta | ({"points": points} if grade else {})}


def code(source: str, metadata: Any = None) -> dict[str, Any]:
    cell = {"cell_type": "code", "metadata": metadata or {}, "source": source}
    return cell | {"outputs": [], "execution_count": None}


def text(source: str, metadata: Any = None) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": metadata or {}, "source": source}


def notebook(*cells: dict[str, Any]) -> dict[str, Any]:
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    cells = tuple(cell | {"id": f"cell{number}"} for number, cell in enumerate(cells))
    return {"cells": list(cells), "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def source_notebook() -> dict[str, Any]:
    """The instructor's version."""
    return notebook(
        text("# 과제 1 · Problem set 1"),
        code("import math\nrows = open('data.csv').read().split()", nbgrader("setup", locked=True)),
        code(
            "def square(x):\n    ### BEGIN SOLUTION\n    return x * x\n    ### END SOLUTION",
            nbgrader("square", solution=True),
        ),
        code(SQUARE_TEST, nbgrader("square_test", grade=True, locked=True, points=3)),
        code(
            "def ratio(a, b):\n    ### BEGIN SOLUTION\n    return a / b if b else None\n    ### END SOLUTION",
            nbgrader("ratio", solution=True),
        ),
        code(RATIO_TEST, nbgrader("ratio_test", grade=True, locked=True, points=2)),
        code("assert rows == ['a,b', '1,2']", nbgrader("data_test", grade=True, locked=True, points=1)),
        text("답: 나눗셈", nbgrader("essay", grade=True, solution=True, points=5)),
    )


def write(nb: dict[str, Any], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(nb, ensure_ascii=False), encoding="utf-8")
    return path


def make_source(course: Path) -> None:
    """The course directory's source/ps1."""
    write(source_notebook(), course / "source" / "ps1" / "p1.ipynb")
    (course / "source" / "ps1" / "data.csv").write_text("a,b\n1,2\n", encoding="utf-8")


def answered(released: dict[str, Any], answers: dict[str, str]) -> dict[str, Any]:
    """The released notebook with these answers in its solution cells."""
    nb = copy.deepcopy(released)
    for cell in nb["cells"]:
        key = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if key in answers:
            cell["source"] = answers[key]
    return nb


def cell_of(nb: dict[str, Any], key: str) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in nb["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == key)
    return found
