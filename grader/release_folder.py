"""The release check of a folder or a notebook on its own: no campus, no gradebook, nothing stored.

Owns what `bitgoeul check` does. A folder named `source/<assignment>` brings its course's configuration along.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from cohorts.errors import Invalid
from grader.course_folder import plain_files
from grader.exchange.names import ASSIGNMENT_NAME
from grader.release_build import build_student_version
from grader.release_check import check
from grader.release_report import ReleaseReport
from grader.sandbox.base import Limits, Sandbox

OFFERING = "course"  # nbgrader asks for a course's name; nothing depends on it here


def check_folder(path: Path, sandbox: Sandbox, limits: Limits, place: Sandbox | None = None) -> ReleaseReport:
    """Check the assignment in the folder `path`, or the one notebook `path` with the files beside it.

    nbgrader makes the student version in `sandbox`; the notebooks run in `place`, or in `sandbox` too.
    """
    wanted = path.resolve()
    if wanted.is_dir():
        folder, notebooks = wanted, sorted(wanted.glob("*.ipynb"))
    elif wanted.suffix == ".ipynb" and wanted.is_file():
        folder, notebooks = wanted.parent, [wanted]
    else:
        notebooks = []
    if not notebooks:
        raise Invalid(
            f"{path} is neither a notebook nor a folder with notebooks. Pass an assignment's source folder.",
            f"{path}은(는) 노트북도, 노트북이 있는 폴더도 아닙니다. 과제의 원본 폴더를 지정하세요.",
        )
    assignment = folder.name if wanted.is_dir() else wanted.stem
    if not ASSIGNMENT_NAME.fullmatch(assignment):
        raise Invalid(
            f"'{assignment[:80]}' can't be the name of an assignment. Use letters, digits, '-', '_' and '.'.",
            f"'{assignment[:80]}'은(는) 과제 이름으로 쓸 수 없습니다. 글자, 숫자, '-', '_', '.'만 쓰세요.",
        )
    with tempfile.TemporaryDirectory(prefix="bitgoeul-check-") as scratch:
        source, target = Path(scratch, "source"), Path(scratch, "release")
        target.mkdir()
        for file in plain_files(folder):
            if file.suffix == ".ipynb" and file.parent == folder and file not in notebooks:
                continue
            copy = source / file.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        course_dir = folder.parent.parent if folder.parent.name == "source" else Path(scratch)
        built = build_student_version(course_dir, source, OFFERING, assignment, sandbox, target)
        return check(built, source, place or sandbox, limits).report
