"""Marking one notebook on its own: no campus, no gradebook, only a source, a submission and the files beside them.

Owns what `bitgoeul grade` does. Refuses a notebook that can't be read, and a folder of files too large to hand over.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from cohorts.errors import Invalid, TooLarge
from grader.course_folder import plain_files
from grader.marking import mark_notebook
from grader.release_evidence import evidence_of
from grader.results import MarkingResult
from grader.sandbox.base import Limits, Sandbox
from grader.source_reading import read_any_notebook, read_source_notebook

MOST_FILES = 2000
KEPT_BACK = (".ipynb", ".db", ".sqlite")
NBGRADER_CONFIG = "nbgrader_config.py"


def mark_one(
    source: Path, submission: Path, sandbox: Sandbox, limits: Limits, files: Path | None = None
) -> MarkingResult:
    """Mark the notebook `submission` against the instructor's `source`.

    The run sees the files of the folder `files`, or those beside the source; notebooks, databases and nbgrader's
    configuration are kept back. Raises Invalid or TooLarge, in a sentence.
    """
    notebook = read_source_notebook(source)
    if not notebook.graded:
        raise Invalid(
            f"{source.name} has no graded cells. Pass the instructor's version, made with nbgrader.",
            f"{source.name}에 채점할 셀이 없습니다. nbgrader로 만든 강사용 노트북을 지정하세요.",
        )
    read_any_notebook(submission)  # an unreadable one is refused here, not scored
    with tempfile.TemporaryDirectory(prefix="bitgoeul-grade-") as folder:
        work = Path(folder)
        gather_files(files or source.resolve().parent, work, limits.scratch // 2)
        notebook = replace(notebook, profile=evidence_of(notebook, source, sandbox, limits, work))
        return MarkingResult((mark_notebook(notebook, submission, sandbox, limits, work, given=work),))


def gather_files(folder: Path, target: Path, most_bytes: int) -> None:
    """Copy what a run may see from `folder` into `target`."""
    if not folder.is_dir():
        raise Invalid(
            f"{folder} is not a folder. Pass --files a folder with the data the notebook reads.",
            f"{folder}은(는) 폴더가 아닙니다. --files에 노트북이 읽는 자료 폴더를 지정하세요.",
        )
    total = 0
    for number, path in enumerate(plain_files(folder)):
        if path.suffix in KEPT_BACK or path.name == NBGRADER_CONFIG:
            continue
        total += path.stat().st_size
        if total > most_bytes or number >= MOST_FILES:
            raise TooLarge(
                f"{folder} holds more than {most_bytes // 2**20} MiB or {MOST_FILES} files. Put the notebook's data "
                "into a folder of its own and pass it with --files.",
                f"{folder}에 {most_bytes // 2**20} MiB 또는 파일 {MOST_FILES}개보다 많이 들어 있습니다. 노트북이 읽는 "
                "자료만 다른 폴더에 두고 --files로 지정하세요.",
            )
        copy = target / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def summary_of(result: MarkingResult) -> dict[str, Any]:
    """The result as `bitgoeul grade --json` prints it."""
    tests = []
    for test in result.tests:
        row = test.to_dict()
        del row["notebook"]
        tests.append(row)
    return {
        "score": result.score,
        "max_score": result.max_score,
        "needs_manual": result.needs_manual,
        "tests": tests,
        "integrity": result.integrity,
        "findings": [finding.to_dict() for finding in result.findings],
    }
