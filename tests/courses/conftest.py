"""The real courses, and the usual wrong answers to them (tests/courses/mistakes)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from courses.catalogue import CONTENT, load_catalogue
from courses.model import Assignment, Course

HEADER = re.compile(r"^# %% (?P<answer>[a-z0-9-]+): (?P<what>.+) -> (?P<scores>.+)$", re.MULTILINE)
COURSES = [course for track in load_catalogue(CONTENT).tracks for course in track.courses]
ASSIGNMENTS = [assignment for course in COURSES for assignment in course.assignments]


@dataclass(frozen=True)
class Mistake:
    """A wrong answer in place of the cell `answer`. `scores` is what the test cells that notice it still give."""

    assignment: Assignment
    answer: str
    what: str
    scores: dict[str, float]
    code: str


def read_mistakes(assignment: Assignment) -> list[Mistake]:
    text = (Path(__file__).parent / "mistakes" / f"{assignment.key}.py").read_text(encoding="utf-8")
    headers = list(HEADER.finditer(text))
    ends = [header.start() for header in headers[1:]] + [len(text)]
    return [
        Mistake(
            assignment=assignment,
            answer=header["answer"],
            what=header["what"],
            scores={cell: float(score) for cell, score in re.findall(r"([a-z0-9-]+)=([\d.]+)", header["scores"])},
            code=text[header.end() : end].strip(),
        )
        for header, end in zip(headers, ends, strict=True)
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "mistake" in metafunc.fixturenames:
        mistakes = [mistake for assignment in ASSIGNMENTS for mistake in read_mistakes(assignment)]
        ids = [f"{mistake.assignment.key}-{mistake.answer}-{mistake.what}" for mistake in mistakes]
        metafunc.parametrize("mistake", mistakes, ids=ids)
    if "course" in metafunc.fixturenames:
        metafunc.parametrize("course", COURSES, ids=[course.key for course in COURSES])
    if "assignment" in metafunc.fixturenames:
        metafunc.parametrize("assignment", ASSIGNMENTS, ids=[assignment.key for assignment in ASSIGNMENTS])


@pytest.fixture(scope="session")
def courses() -> list[Course]:
    return COURSES


@pytest.fixture(scope="session")
def first_mistakes() -> dict[str, list[Mistake]]:
    """For each assignment the first wrong answer to each question: what one student does wrong all over."""
    found: dict[str, list[Mistake]] = {}
    for assignment in ASSIGNMENTS:
        first: dict[str, Mistake] = {}
        for mistake in read_mistakes(assignment):
            first.setdefault(mistake.answer, mistake)
        found[assignment.key] = list(first.values())
    return found


@pytest.fixture(scope="session")
def source_cells() -> dict[str, list[dict[str, Any]]]:
    """For each assignment the cells of its source notebook, as JSON gives them, with the source as one text."""
    cells = {}
    for assignment in ASSIGNMENTS:
        (path,) = assignment.path.glob("*.ipynb")
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells[assignment.key] = [{**cell, "source": "".join(cell["source"])} for cell in notebook["cells"]]
    return cells
