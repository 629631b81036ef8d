"""Honest work is never suspect, and scores in both forms what it scores in one plain interpreter."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
from attacked_course import QUESTIONS, released_notebook
from attacking import MODES, PATIENT, Outcome, World, mark, run_plainly
from honest_answers import SPELLINGS, variants

from grader.feedback import own_grades, pages_of_marking
from grader.feedback_page import render
from grader.marking import mark_notebook
from grader.reading import read_notebook
from grader.release_evidence import evidence_of
from grader.results import MarkingResult
from grader.sandbox.base import Limits, Sandbox
from grader.sanitize import sanitize
from grader.source import SourceAssignment
from grader.source_reading import read_source_notebook

pytestmark = pytest.mark.namespaces
FORMS = MODES
NOTEBOOKS = 17  # of twelve answers each: 204
RECORDED = Path(__file__).with_name("honest_scores.json")
CONTENT = Path(__file__).resolve().parents[2] / "courses" / "content"

forms = pytest.mark.parametrize("mode", FORMS)


@lru_cache(maxsize=1)
def submissions() -> tuple[bytes, ...]:
    """Notebooks whose answers are all different, with cells of the students' own between them."""
    answers = {question: variants(question, NOTEBOOKS) for question in QUESTIONS}
    made = []
    for number in range(NOTEBOOKS):
        nb = released_notebook({question: answers[question][number] for question in QUESTIONS})
        if number % 3 == 1:
            extra = {"cell_type": "code", "metadata": {}, "source": "cities.describe()\nprint(len(cities))"}
            nb["cells"].insert(2 + number, extra | {"outputs": [], "execution_count": None, "id": "extra"})
        made.append(json.dumps(nb, ensure_ascii=False).encode())
    return tuple(made)


@pytest.fixture(scope="module")
def plain() -> list[dict[str, float]]:
    """What one interpreter for everything and nbgrader's determine_grade give each submission, as it was recorded."""
    recorded: list[dict[str, float]] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return recorded


@pytest.mark.control
@pytest.mark.parametrize("number", range(NOTEBOOKS))
def test_the_recorded_scores_are_those_of_one_interpreter(
    number: int, world: World, plain: list[dict[str, float]]
) -> None:
    nb = read_notebook(submissions()[number])
    sanitize(nb, world.source)
    assert run_plainly(nb, world.folder(f"plain-{number}", {}), PATIENT).points == plain[number]


@forms
@pytest.mark.parametrize("number", range(NOTEBOOKS))
def test_an_honest_notebook_is_clean_and_scored_as_in_one_interpreter(
    number: int, mode: str, world: World, plain: list[dict[str, float]]
) -> None:
    folder = world.folder(f"honest-{number}-{mode}", {})
    outcome = mark(world, submissions()[number], folder, PATIENT, mode)
    assert outcome.points == plain[number]
    assert [finding.rule for finding in outcome.result.findings] == []
    assert outcome.clean


def test_the_answers_are_many_and_of_every_kind(plain: list[dict[str, float]]) -> None:
    answers = {question: variants(question, NOTEBOOKS) for question in QUESTIONS}
    assert sum(len(set(found)) for found in answers.values()) >= 200
    for question, spellings in SPELLINGS.items():
        assert len(spellings) >= 7
        earned = [points.get(question, 0.0) for points in plain]
        assert min(earned) == 0.0, f"no wrong answer to {question}"
        assert max(earned) == 2.0, f"no right answer to {question}"


@forms
@pytest.mark.parametrize("path", sorted(CONTENT.glob("*/*/source/*/*.ipynb")), ids=lambda path: path.stem)
def test_reference_solutions_of_our_courses_are_clean_and_earn_everything(
    path: Path, mode: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    source = read_source_notebook(path)
    folder = Path(shutil.copytree(path.parent, tmp_path / "work"))
    limits = Limits(wall=120.0, cell=60.0)
    source = replace(source, profile=evidence_of(source, path, sandbox, limits, folder))
    modes = {cell.name: mode for cell in source.graded}
    part = mark_notebook(source, folder / path.name, sandbox, limits, folder, given=folder, modes=modes)
    result = MarkingResult((part,))
    automatic = [test for test in result.tests if test.points is not None]
    assert [(test.name, test.points) for test in automatic] == [(test.name, test.max_points) for test in automatic]
    assert result.integrity == "clean"
    (page,) = pages_of_marking(SourceAssignment("ps1", (source,)), result, own_grades(result))
    outcome = Outcome(result, render(page))
    assert "NotRun" not in outcome.outputs
