"""The marks that stock nbgrader gives for submissions to one of the campus's own courses."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import stock
from answers import CONTENT


def stock_marks(
    folder: Path, track: str, course: str, assignment: str, submissions: dict[str, dict[str, Any]]
) -> dict[str, float]:
    """By student, what stock nbgrader makes of `submissions` in a new course folder."""
    shutil.copytree(CONTENT / track / course / "source" / assignment, folder / "source" / assignment)
    (name,) = (path.name for path in (folder / "source" / assignment).glob("*.ipynb"))
    stock.run(folder, "generate_assignment", assignment)
    for student, notebook in submissions.items():
        target = folder / "submitted" / student / assignment
        shutil.copytree(folder / "release" / assignment, target)
        (target / name).write_text(json.dumps(notebook))
    stock.run(folder, "autograde", assignment)
    marks: dict[str, float] = defaultdict(float)
    for (student, _, _), (score, _) in stock.stored(folder, assignment).grades.items():
        marks[student] += score or 0.0
    return dict(marks)
