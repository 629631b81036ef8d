"""Every test cell of our courses and of nbgrader's samples comes out the same in one interpreter and in two."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from judged_corpus import NBGRADER, SAMPLES, cells_of, compare

from courses.catalogue import CONTENT, load_catalogue

ASSIGNMENTS = [
    assignment
    for track in load_catalogue(CONTENT).tracks
    for course in track.courses
    for assignment in course.assignments
]
QUICK = [assignment for assignment in ASSIGNMENTS if assignment.key in ("first-steps", "cafe-sales")]
NOTEBOOKS = {assignment.key: next(assignment.path.glob("*.ipynb")) for assignment in ASSIGNMENTS}
NOTEBOOKS |= {Path(name).stem: NBGRADER / name for name in SAMPLES}
STRONG = 0.9


@pytest.fixture(scope="module")
def verdicts(judged):
    """For each notebook how its test cells ended in both forms."""
    found = {}
    for key, path in NOTEBOOKS.items():
        files = path.parent if NBGRADER not in path.parents else None
        found[key] = list(compare(judged, cells_of(path), files))
    return found


@pytest.mark.parametrize("key", NOTEBOOKS)
def test_the_reference_solution_comes_out_the_same(key, verdicts):
    assert [(v.place, v.one, v.two) for v in verdicts[key] if not v.same] == []


def test_at_least_nine_in_ten_test_cells_are_strong(verdicts):
    every = [verdict for found in verdicts.values() for verdict in found]
    strong = sum(verdict.strong for verdict in every)
    print(f"{strong} of {len(every)} test cells strong")
    assert len(every) > 80
    assert strong >= STRONG * len(every)


def rounds(assignment):
    """The usual wrong answers, as many notebooks as it takes with at most one to a question."""
    spec = importlib.util.spec_from_file_location("mistakes", Path(__file__).parents[1] / "courses" / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["mistakes"] = module
    spec.loader.exec_module(module)
    made: list[dict[str, str]] = []
    for mistake in module.read_mistakes(assignment):
        place = next((answers for answers in made if mistake.answer not in answers), None)
        if place is None:
            made.append(place := {})
        place[mistake.answer] = mistake.code
    return made


@pytest.mark.parametrize("assignment", QUICK, ids=lambda assignment: assignment.key)
def test_usual_wrong_answers_come_out_the_same(assignment, judged):
    path = NOTEBOOKS[assignment.key]
    reference = cells_of(path)
    for answers in rounds(assignment):
        found = list(compare(judged, cells_of(path, answers), assignment.path, by=reference))
        assert [(v.place, v.one, v.two) for v in found if not v.same] == []
        assert any(v.one[0] for v in found)
