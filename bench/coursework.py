"""A course folder with one assignment and many submissions: what the measurements of marking work on.

The notebook is small and uses numpy and pandas: two answers, two test cells with hidden lines. Every submission is
right and differs from the others, so that nothing can be remembered from one to the next.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ASSIGNMENT = "numbers"
SETUP = "import numpy as np\nimport pandas as pd"
ANSWER = '''def standardize(values):
    """Values with mean 0 and standard deviation 1."""
    ### BEGIN SOLUTION
    values = np.asarray(values, dtype=float)
    return (values - values.mean()) / values.std()
    ### END SOLUTION


def totals(sales):
    """Sum of amount by shop, largest first."""
    ### BEGIN SOLUTION
    return sales.groupby("shop")["amount"].sum().sort_values(ascending=False)
    ### END SOLUTION'''
TEST_NUMPY = """scores = standardize([2, 4, 4, 4, 5, 5, 7, 9])
assert abs(scores.mean()) < 1e-12 and abs(scores.std() - 1) < 1e-12, "mean 0, standard deviation 1"
### BEGIN HIDDEN TESTS
values = np.random.default_rng(7).normal(20, 4, 1000)
np.testing.assert_allclose(standardize(values), (values - values.mean()) / values.std())
### END HIDDEN TESTS"""
TEST_PANDAS = """sales = pd.DataFrame({"shop": ["a", "b", "a", "c"], "amount": [3, 9, 4, 1]})
assert totals(sales).to_dict() == {"b": 9, "a": 7, "c": 1}
### BEGIN HIDDEN TESTS
dice = np.random.default_rng(11)
other = pd.DataFrame({"shop": dice.choice(list("vwxyz"), 500), "amount": dice.integers(1, 99, 500)})
assert totals(other).is_monotonic_decreasing
assert totals(other).sum() == other["amount"].sum()
### END HIDDEN TESTS"""


def source_notebook() -> dict[str, Any]:
    """The instructor's version."""
    cells = [
        _cell("setup", SETUP, locked=True),
        _cell("answer", ANSWER, solution=True),
        _cell("numpy-test", TEST_NUMPY, grade=True, locked=True, points=5),
        _cell("pandas-test", TEST_PANDAS, grade=True, locked=True, points=5),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def answered(released: dict[str, Any], number: int) -> dict[str, Any]:
    """The released notebook with a right answer; no two numbers give the same bytes."""
    nb: dict[str, Any] = json.loads(json.dumps(released))
    marks = ("    ### BEGIN SOLUTION\n", "    ### END SOLUTION\n", "    ### END SOLUTION")
    answer = ANSWER
    for mark in marks:
        answer = answer.replace(mark, "")
    for cell in nb["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "answer":
            cell["source"] = f"# {number}\n{answer}"
    return nb


def build_course(folder: Path) -> dict[str, Any]:
    """Write source/ and let nbgrader make release/ below `folder`; returns the released notebook."""
    source = folder / "source" / ASSIGNMENT
    source.mkdir(parents=True)
    (source / f"{ASSIGNMENT}.ipynb").write_text(json.dumps(source_notebook()), encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "nbgrader", "generate_assignment", ASSIGNMENT],
        cwd=folder,
        env=environment(folder),
        check=True,
        capture_output=True,
    )
    released: dict[str, Any] = json.loads((folder / "release" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb").read_text())
    return released


def environment(folder: Path) -> dict[str, str]:
    """For stock nbgrader's commands: the project's programs on the path, a home of their own."""
    return {"HOME": str(folder), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PYTHONWARNINGS": "ignore"}


def submit_stock(folder: Path, released: dict[str, Any], numbers: range) -> None:
    """Put submissions where stock nbgrader looks for them."""
    for number in numbers:
        target = folder / "submitted" / student(number) / ASSIGNMENT
        target.mkdir(parents=True)
        (target / f"{ASSIGNMENT}.ipynb").write_text(json.dumps(answered(released, number)), encoding="utf-8")


def student(number: int) -> str:
    """The username of a student."""
    return f"student{number:04}"


def _cell(
    name: str, source: str, *, grade: bool = False, solution: bool = False, locked: bool = False, points: float = 0
) -> dict[str, Any]:
    meta: dict[str, Any] = {"grade_id": name, "grade": grade, "solution": solution, "locked": locked, "task": False}
    meta["schema_version"] = 3
    if grade:
        meta["points"] = points
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {"nbgrader": meta},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
