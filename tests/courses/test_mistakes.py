"""The tests in the assignments notice the usual wrong answers, question by question."""

from __future__ import annotations

import ast
import contextlib
import io
import warnings
from typing import Any

import pytest


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Runs a code cell as a kernel does: the value of its last expression, or None."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), names)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names) if last else None


def score(source: str, points: float, names: dict[str, Any]) -> float:
    """What nbgrader gives: nothing for an error, a number the cell ends in as it is, else everything."""
    try:
        value = run_cell(source, names)
    except Exception:
        return 0.0
    return points if value is None else float(value)


def mark_question(cells: list[dict[str, Any]], answer: str, code: str | None) -> dict[str, tuple[float, float]]:
    """Score and points by test cell of the question of `answer`, with `code` in the place of its solution."""
    question = answer.split("-")[0]
    names: dict[str, Any] = {}
    scores = {}
    for cell in cells:
        meta = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] != "code" or (meta.get("grade") and meta.get("solution")):
            continue
        if not meta.get("grade"):
            run_cell(code if code and meta.get("grade_id") == answer else cell["source"], names)
        elif cell["id"].split("-")[0] == question:
            scores[cell["id"]] = (score(cell["source"], meta["points"], names), float(meta["points"]))
    return scores


@pytest.fixture(autouse=True)
def _quietly(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def test_a_usual_mistake_costs_points_in_its_question(mistake, source_cells, monkeypatch):
    monkeypatch.chdir(mistake.assignment.path)
    scores = mark_question(source_cells[mistake.assignment.key], mistake.answer, mistake.code)
    assert set(mistake.scores) <= set(scores), "the mistake names a test cell that is not of its question"
    expected = {cell: mistake.scores.get(cell, points) for cell, (_, points) in scores.items()}
    assert {cell: got for cell, (got, _) in scores.items()} == pytest.approx(expected)
    assert sum(got for got, _ in scores.values()) < sum(points for _, points in scores.values())


def test_every_question_has_a_mistake_to_notice(assignment, source_cells, first_mistakes):
    answers = [
        cell["id"]
        for cell in source_cells[assignment.key]
        if (meta := cell["metadata"].get("nbgrader", {})).get("solution") and not meta["grade"]
    ]
    assert [mistake.answer for mistake in first_mistakes[assignment.key]] == answers
