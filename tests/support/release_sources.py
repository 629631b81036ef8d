"""Sources for tests of the release check."""

from __future__ import annotations

from typing import Any

import small_course
from small_course import code, nbgrader

from grader.results import NotebookResult, Outcome, TestResult
from grader.sandbox.base import Limits

LIMITS = Limits(wall=60, cell=30)


SOLUTION = "### BEGIN SOLUTION\n{}\n### END SOLUTION"


NOTHING = "raise NotImplementedError"


def answer(name: str, body: str) -> dict[str, Any]:
    return code(SOLUTION.format(body), nbgrader(name, solution=True))


def graded(name: str, body: str, points: float = 1) -> dict[str, Any]:
    return code(body, nbgrader(name, grade=True, locked=True, points=points))


def good_source() -> dict[str, Any]:
    """An assignment that may be released: every graded cell looks at what the student writes."""
    nb = small_course.source_notebook()
    cells = [cell for cell in nb["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") != "data_test"]
    return nb | {"cells": cells}


def ran(points: float | None, outcome: Outcome) -> NotebookResult:
    test = TestResult("p1", "t", points, 2, outcome)
    return NotebookResult("p1", None, (), {}, (test,), (), {})
