"""Marking one attempt: source and submission in, points and findings out. Pure: nothing is stored here.

Owns the order of things: read, sanitize on the trusted side, run in the sandbox, score with nbgrader's own rules. A
notebook that is missing or can't be read scores zero with a sentence; only a machine that can't run anything raises.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any

from courses.model import Text
from grader import exposure
from grader.cell_roles import is_skipped
from grader.phases import Phase
from grader.reading import Unreadable, read_notebook
from grader.results import CellGrade, Finding, MarkingResult, NotebookResult, Outcome, Severity, TestResult
from grader.running import Ran, Run
from grader.sandbox.base import Limits, Sandbox
from grader.sandbox.execution import reason_for
from grader.sanitize import sanitize
from grader.scoring import comments, score
from grader.showing import build_shown
from grader.source import SourceAssignment, SourceNotebook
from grader.strength import CellProfile, Strength


def mark(
    source: SourceAssignment,
    submission: Path,
    sandbox: Sandbox,
    limits: Limits,
    *,
    files: Path | None = None,
    given: Path | None = None,
    cancel: Event | None = None,
    on_phase: Callable[[str], None] | None = None,
) -> MarkingResult:
    """Mark the notebooks in the folder `submission` against `source`.

    `files` is the working directory the notebooks see (default: `submission` itself); `given` holds the assignment's
    own files alone, from which tests may import. `on_phase` hears the name of each of `grader.phases.Phase` as it
    begins. Raises SandboxUnavailable or Cancelled; a student's notebook alone never raises.
    """
    folder = files or submission
    return MarkingResult(
        tuple(
            mark_notebook(
                notebook,
                submission / f"{notebook.name}.ipynb",
                sandbox,
                limits,
                folder,
                cancel,
                on_phase,
                given=given,
            )
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
    on_phase: Callable[[str], None] | None = None,
    *,
    given: Path | None = None,
    modes: Mapping[str, str] | None = None,
) -> NotebookResult:
    """Mark the notebook at `path`. `modes` (strong, weak, shared by grade id) overrules what is known of its tests."""
    enter = on_phase or (lambda phase: None)
    enter(Phase.READING)
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
    if modes:
        source = replace(source, profile=dict(source.profile) | _forced(source, modes))
    findings = sanitize(nb, source)
    enter(Phase.RUNNING)
    ran = Run.of(nb, source, sandbox, limits, files, given, cancel).for_marks(random.SystemRandom())
    enter(Phase.SCORING)
    reason = reason_for(ran.ending, limits)
    put_outputs(nb, ran, reason)
    limit_output(nb)
    grades, tests = score(nb, source, ran)
    return NotebookResult(
        name=source.name,
        executed=nb,
        grades=grades,
        comments=comments(nb, source),
        tests=tests,
        findings=(*findings, *ran.findings),
        hidden=dict(source.hidden),
        problem=reason,
        shown=build_shown(nb, source, ran, {test.name: test for test in tests}),
    )


def put_outputs(nb: Any, run: Ran, reason: Text | None) -> None:
    """Put what the run left into the notebook; a cell that was not run gets an error that says so."""
    import nbformat

    if run.language_info:
        nb.metadata["language_info"] = nbformat.from_dict(dict(run.language_info))
    reason = reason or Text(ko="이 셀은 실행되지 않았습니다.", en="This cell was not run.")
    for index, cell in enumerate(nb.cells):
        if cell.cell_type != "code":
            continue
        done = run.cells.get(index)
        if done is not None:
            cell["outputs"] = [nbformat.from_dict(output) for output in done.outputs]
            cell["execution_count"] = done.execution_count
            if done.timing:
                cell.metadata["execution"] = nbformat.from_dict(dict(done.timing))
        elif cell.source.strip() and not is_skipped(cell):
            cell["outputs"] = [nbformat.from_dict(exposure.not_run_output(run.ending, reason))]


def limit_output(nb: Any) -> None:
    """nbgrader scores what its LimitOutput leaves."""
    _output_limiter().preprocess(nb, {})


@cache
def _output_limiter() -> Any:
    from nbgrader.preprocessors import LimitOutput

    return LimitOutput()


def _forced(source: SourceNotebook, modes: Mapping[str, str]) -> dict[str, CellProfile]:
    known = source.profile
    return {
        name: replace(known.get(name, CellProfile(Strength(mode))), strength=Strength(mode))
        for name, mode in modes.items()
    }


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
