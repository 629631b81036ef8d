"""Marking one attempt: source and submission in, points and findings out. Pure: nothing is stored here.

Owns the order of things: read, sanitize on the trusted side, run in the sandbox, score with nbgrader's own rules. A
notebook that is missing or can't be read scores zero with a sentence; only a machine that can't run anything raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any

from courses.model import Text
from grader import exposure
from grader.reading import Unreadable, read_notebook
from grader.results import (
    CellGrade,
    Finding,
    MarkingResult,
    NotebookResult,
    Outcome,
    Severity,
    TestResult,
)
from grader.sandbox.base import Limits, Sandbox, SandboxJob, SandboxResult
from grader.sanitize import released_source, sanitize
from grader.source import SourceAssignment, SourceCell, SourceNotebook

NO_RESPONSE = "No response."  # nbgrader's automatic comment


def mark(
    source: SourceAssignment,
    submission: Path,
    sandbox: Sandbox,
    limits: Limits,
    *,
    files: Path | None = None,
    cancel: Event | None = None,
) -> MarkingResult:
    """Mark the notebooks in the folder `submission` against `source`.

    `files` is the working directory the notebooks see (default: `submission` itself). Raises SandboxUnavailable or
    Cancelled; a student's notebook alone never raises.
    """
    folder = files or submission
    return MarkingResult(
        tuple(
            mark_notebook(notebook, submission / f"{notebook.name}.ipynb", sandbox, limits, folder, cancel)
            for notebook in source.notebooks
        )
    )


def mark_notebook(
    source: SourceNotebook,
    path: Path,
    sandbox: Sandbox,
    limits: Limits,
    files: Path | None,
    cancel: Event | None = None,
) -> NotebookResult:
    """Mark the notebook at `path`."""
    try:
        nb = read_notebook(path.read_bytes())
    except FileNotFoundError:
        text = Text(
            ko=f"노트북 {source.name}.ipynb가 제출되지 않았습니다.",
            en=f"The notebook {source.name}.ipynb was not handed in.",
        )
        return _nothing_to_mark(source, text, Finding("notebook-missing", Severity.NOTE, source.name, None, text))
    except OSError as error:
        text = Text(
            ko=f"노트북 {source.name}.ipynb를 읽을 수 없습니다: {error.strerror}.",
            en=f"The notebook {source.name}.ipynb can't be read: {error.strerror}.",
        )
        return _nothing_to_mark(source, text, Finding("unreadable", Severity.SUSPECT, source.name, None, text))
    except Unreadable as error:
        finding = Finding("unreadable", Severity.SUSPECT, source.name, None, error.text)
        return _nothing_to_mark(source, error.text, finding)
    findings = sanitize(nb, source)
    run = sandbox.run(SandboxJob(notebook=nb, files=files, limits=limits), cancel)
    put_outputs(nb, run)
    _limit_output(nb)
    return _score(nb, source, findings, run)


def put_outputs(nb: Any, run: SandboxResult) -> None:
    """Put what the run left into the notebook; a cell that was not run gets an error that says so."""
    import nbformat

    if run.language_info:
        nb.metadata["language_info"] = nbformat.from_dict(dict(run.language_info))
    reason = run.reason or Text(ko="이 셀은 실행되지 않았습니다.", en="This cell was not run.")
    for index, cell in enumerate(nb.cells):
        if cell.cell_type != "code":
            continue
        done = run.cells.get(index)
        if done is not None:
            cell["outputs"] = [nbformat.from_dict(output) for output in done.outputs]
            cell["execution_count"] = done.execution_count
            if done.timing:
                cell.metadata["execution"] = nbformat.from_dict(dict(done.timing))
        elif cell.source.strip() and not _skipped(cell):
            cell["outputs"] = [nbformat.from_dict(exposure.not_run_output(run.ending, reason))]


def _limit_output(nb: Any) -> None:
    """nbgrader scores what its LimitOutput leaves."""
    from nbgrader.preprocessors import LimitOutput

    LimitOutput().preprocess(nb, {})


def _skipped(cell: Any) -> bool:
    tags = cell.metadata.get("tags")
    return isinstance(tags, list) and "skip-execution" in tags


def _score(nb: Any, source: SourceNotebook, findings: list[Finding], run: SandboxResult) -> NotebookResult:
    by_id = {cell.metadata["nbgrader"]["grade_id"]: cell for cell in nb.cells if "nbgrader" in cell.metadata}
    telling = exposure.telling_lines(source.hidden.values(), map(released_source, source.cells.values()))
    grades: list[CellGrade] = []
    tests: list[TestResult] = []
    for wanted in source.graded:
        cell = by_id.get(wanted.name)
        points, test = _judge(cell, wanted, source, telling)
        grades.append(CellGrade(wanted.name, points))
        tests.append(test)
    return NotebookResult(
        name=source.name,
        executed=nb,
        grades=tuple(grades),
        comments=_comments(by_id, source),
        tests=tuple(tests),
        findings=tuple(findings),
        hidden=dict(source.hidden),
        problem=run.reason,
        log=run.log if run.reason else "",
    )


def _judge(
    cell: Any | None, wanted: SourceCell, source: SourceNotebook, telling: frozenset[str]
) -> tuple[float | None, TestResult]:
    """The automatic score of one graded cell (None: a person decides), and what to tell about it."""
    from nbgrader.utils import determine_grade

    assert wanted.max_score is not None

    def result(points: float | None, outcome: Outcome, message: Text | None = None) -> tuple[float | None, TestResult]:
        told = 0.0 if outcome is Outcome.MISSING and not wanted.is_manual else points
        return points, TestResult(source.name, wanted.name, told, wanted.max_score or 0.0, outcome, message)

    if cell is None:
        return result(None, Outcome.MISSING, Text(ko="제출한 노트북에 없습니다", en="not in the submission"))
    if wanted.task:
        return result(None, Outcome.MANUAL)
    try:
        points, _ = determine_grade(cell)
    except (KeyError, ValueError) as error:
        return result(
            None, Outcome.MANUAL, Text(ko=f"점수를 정할 수 없습니다: {error}", en=f"it can't be scored: {error}")
        )
    if points is None:
        return result(None, Outcome.MANUAL)
    if wanted.solution:
        return result(float(points), Outcome.UNANSWERED, Text(ko="답이 없습니다", en="no answer"))
    message = exposure.failure(cell, source.hidden.get(wanted.name), telling)
    if points >= wanted.max_score and message is None:
        return result(float(points), Outcome.PASSED)
    if points > 0:
        return result(float(points), Outcome.PARTIAL)
    not_run = cell.execution_count is None and bool(cell.source.strip())
    return result(float(points), Outcome.NOT_RUN if not_run else Outcome.FAILED, message)


def _comments(by_id: Mapping[str, Any], source: SourceNotebook) -> dict[str, str | None]:
    """nbgrader's automatic comments: an unchanged answer is no response."""
    from nbgrader.utils import compute_checksum

    comments: dict[str, str | None] = {}
    for wanted in source.cells.values():
        if not (wanted.solution or wanted.task):
            continue
        cell = by_id.get(wanted.name)
        unchanged = cell is not None and not wanted.task and wanted.checksum == compute_checksum(cell)
        comments[wanted.name] = NO_RESPONSE if unchanged else None
    return comments


def _nothing_to_mark(source: SourceNotebook, text: Text, finding: Finding) -> NotebookResult:
    """nbgrader's rule for a notebook that is not there: zero, without asking a person."""
    return NotebookResult(
        name=source.name,
        executed=None,
        grades=tuple(CellGrade(cell.name, 0.0) for cell in source.graded),
        comments={},
        tests=tuple(
            TestResult(source.name, cell.name, 0.0, cell.max_score or 0.0, Outcome.MISSING, text)
            for cell in source.graded
        ),
        findings=(finding,),
        hidden=dict(source.hidden),
        missing=True,
        problem=text,
    )
