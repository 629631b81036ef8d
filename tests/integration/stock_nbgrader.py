"""What stock nbgrader makes of the same notebooks: `generate_assignment` and `autograde`, untouched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from answers import CONTENT


def stock_scores(
    folder: Path, track: str, course: str, assignment: str, submissions: dict[str, dict[str, Any]]
) -> dict[str, float]:
    """The score that stock `nbgrader autograde` gives each student, by username, in a new course folder."""
    shutil.copytree(CONTENT / track / course / "source" / assignment, folder / "source" / assignment)
    (name,) = (path.name for path in (folder / "source" / assignment).glob("*.ipynb"))
    nbgrader(folder, "generate_assignment", assignment)
    for student, notebook in submissions.items():
        target = folder / "submitted" / student / assignment
        shutil.copytree(folder / "release" / assignment, target)
        (target / name).write_text(json.dumps(notebook))
    nbgrader(folder, "autograde", assignment)
    script = """
import json, sys
from nbgrader.api import Gradebook
with Gradebook("sqlite:///gradebook.db") as gradebook:
    print(json.dumps({s.student.id: s.score for s in gradebook.assignment_submissions(sys.argv[1])}))
"""
    output = subprocess.run(
        [sys.executable, "-c", script, assignment], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    scores: dict[str, float] = json.loads(output)
    return scores


def nbgrader(folder: Path, *arguments: str) -> None:
    # nbgrader calls `alembic` by its name
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HOME": str(folder), "JUPYTER_CONFIG_PATH": ""}
    command = [sys.executable, "-m", "nbgrader", *arguments, "--course", "stock"]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
