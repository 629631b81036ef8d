"""Points for a notebook that was run: nbgrader's own rules, without its exporters.

Owns the score of each graded cell, and what a student is told about it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from courses.model import Text
from grader import exposure
from grader.results import CellGrade, Outcome, TestResult
from grader.running import Ran
from grader.sandbox.base import CellRun
from grader.sanitize import released_source
from grader.source import SourceCell, SourceNotebook

NO_RESPONSE = "No response."  # nbgrader's automatic comment


def score(nb: Any, source: SourceNotebook, ran: Ran) -> tuple[tuple[CellGrade, ...], tuple[TestResult, ...]]:
    """Grades and test results of the executed notebook `nb`."""
    indexes = {cell.metadata["nbgrader"]["grade_id"]: index for index, cell in known_cells(nb)}
    telling = exposure.telling_lines(source.hidden.values(), map(released_source, source.cells.values()))
    grades: list[CellGrade] = []
    tests: list[TestResult] = []
    for wanted in source.graded:
        index = indexes.get(wanted.name)
        cell = None if index is None else nb.cells[index]
        points, test = _judge(cell, wanted, source, telling)
        if test.message is not None and index is not None and index in ran.cells and ran.shown is not None:
            test = replace(test, message=_safe_message(cell, ran.shown.get(index), source, wanted, telling))
        grades.append(CellGrade(wanted.name, points))
        tests.append(replace(test, strength=ran.strengths.get(wanted.name)))
    return tuple(grades), tuple(tests)


def known_cells(nb: Any) -> Iterator[tuple[int, Any]]:
    """The cells nbgrader knows, with their places."""
    return ((index, cell) for index, cell in enumerate(nb.cells) if "nbgrader" in cell.metadata)


def _safe_message(
    cell: Any, shown: CellRun | None, source: SourceNotebook, wanted: SourceCell, telling: frozenset[str]
) -> Text:
    """Why a test failed, from the run that held no hidden test; else only that a hidden one did."""
    from nbformat import from_dict

    if exposure.not_run(cell):
        return exposure.failure(cell, None, telling) or exposure.HIDDEN_FAILED
    if shown is not None:
        twin = from_dict({"execution_count": shown.execution_count, "outputs": shown.outputs})
        told = exposure.failure(twin, None, telling)
        if told is not None:
            return told
    return exposure.hidden_failure(cell, source.hidden.get(wanted.name))


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


def comments(nb: Any, source: SourceNotebook) -> dict[str, str | None]:
    """nbgrader's automatic comments: an unchanged answer is no response."""
    from nbgrader.utils import compute_checksum

    by_id = {cell.metadata["nbgrader"]["grade_id"]: cell for _, cell in known_cells(nb)}
    found: dict[str, str | None] = {}
    for wanted in source.cells.values():
        if not (wanted.solution or wanted.task):
            continue
        cell = by_id.get(wanted.name)
        unchanged = cell is not None and not wanted.task and wanted.checksum == compute_checksum(cell)
        found[wanted.name] = NO_RESPONSE if unchanged else None
    return found
