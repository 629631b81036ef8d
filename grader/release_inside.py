"""Runs nbgrader's `generate_assignment` inside a sandbox and hands back what it made, printed in pieces.

The first cell of a notebook that `release_build` puts together; it imports nothing of this package. The course's own
`nbgrader_config.py` and its AUTOTEST cells run here, so all that is printed is as untrusted as they are.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

LOG_KEPT = 200_000
NBGRADER = """import sys
sys.modules["rfc3987_syntax"] = None  # more than a second to import, for formats that no notebook has
from nbgrader.apps import GenerateAssignmentApp
GenerateAssignmentApp.launch_instance()
"""


def build(assignment: str, course_id: str, known: dict[str, str], piece: int) -> list[str]:
    """Make the student version of source/`assignment` below the working directory; the answer, in base64 pieces.

    `known` maps the files that need not come back to their SHA-256.
    """
    here = Path.cwd()
    gradebook = here / "gradebook.db"
    with sqlite3.connect(gradebook) as db:
        db.execute("create table made_here (x)")  # nbgrader asks the command `alembic` for a version if it finds none
    command = [sys.executable, "-c", NBGRADER, assignment, "--force"]
    command += [f"--course-dir={here}", f"--course={course_id}", f"--CourseDirectory.db_url=sqlite:///{gradebook}"]
    command += ["--CourseDirectory.source_directory=source", "--CourseDirectory.release_directory=release"]
    done = subprocess.run(
        command,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    answer: dict[str, Any] = {"code": done.returncode, "log": done.stdout[-LOG_KEPT:], "files": {}, "notebooks": {}}
    if done.returncode == 0:
        answer["files"] = read_files(here / "release" / assignment, known)
        answer["notebooks"] = read_cells(gradebook, assignment)
    text = base64.b64encode(zlib.compress(json.dumps(answer).encode(), 6)).decode()
    return [text[start : start + piece] for start in range(0, len(text), piece)]


def environment() -> dict[str, str]:
    """The sandbox's own, without a person's configuration."""
    home = os.environ.get("HOME", "/tmp")
    return os.environ | {
        "JUPYTER_CONFIG_DIR": home,
        "JUPYTER_DATA_DIR": home,
        "JUPYTER_NO_CONFIG": "1",
        "IPYTHONDIR": home,
        "PYTHONWARNINGS": "ignore",
    }


def read_files(folder: Path, known: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Every file of the student version by its path; content only where it is not the source's file of that name."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()
        data = path.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        content = None if known.get(name) == sha256 else base64.b64encode(data).decode()
        found[name] = {"sha256": sha256, "data": content}
    return found


def read_cells(gradebook: Path, assignment: str) -> dict[str, dict[str, Any]]:
    """What nbgrader saved of each notebook's cells."""
    found: dict[str, dict[str, Any]] = {}
    with sqlite3.connect(gradebook) as db:
        notebooks = db.execute(
            "select n.id, n.name, n.kernelspec from notebook n join assignment a on a.id = n.assignment_id "
            "where a.name = ? order by n.name",
            (assignment,),
        ).fetchall()
        for key, name, kernelspec in notebooks:
            grades = db.execute(
                "select b.name, g.max_score from grade_cells g join base_cell b on b.id = g.id where b.notebook_id = ?",
                (key,),
            )
            tasks = db.execute(
                "select b.name, t.max_score from task_cells t join base_cell b on b.id = t.id where b.notebook_id = ?",
                (key,),
            )
            solutions = db.execute(
                "select b.name from solution_cells s join base_cell b on b.id = s.id where b.notebook_id = ?", (key,)
            )
            sources = db.execute(
                "select name, cell_type, locked, source, checksum from source_cell where notebook_id = ?", (key,)
            )
            found[name] = {
                "kernelspec": kernelspec,
                "grade": dict(grades.fetchall()),
                "task": dict(tasks.fetchall()),
                "solution": [row[0] for row in solutions.fetchall()],
                "source": [list(row) for row in sources.fetchall()],
            }
    return found
