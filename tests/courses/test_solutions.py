"""Stock nbgrader on our courses: released, handed in by five students, and marked, as any nbgrader course would be."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from courses.model import Assignment

REFERENCES = ("reference-1", "reference-2", "reference-3")
HIDDEN = ("BEGIN HIDDEN TESTS", "END HIDDEN TESTS", "BEGIN SOLUTION", "END SOLUTION")


@dataclass(frozen=True)
class Mark:
    """A graded cell of a submission as nbgrader's gradebook has it."""

    auto: float | None
    points: float
    needs_person: bool


class MarkedCourse:
    """A copy of a course in a folder of its own, taken by stock nbgrader from source to gradebook."""

    def __init__(self, folder: Path, answers: dict[str, dict[str, dict[str, str]]]) -> None:
        """`answers`: by student and assignment, the source of the cells that the student wrote."""
        self.folder = folder
        self.answers = answers

    def run(self) -> None:
        self._nbgrader("generate_assignment")
        for student, assignments in self.answers.items():
            for assignment, answers in assignments.items():
                handed_in = self.folder / "submitted" / student / assignment
                shutil.copytree(self.folder / "release" / assignment, handed_in)
                write_answers(handed_in / f"{assignment}.ipynb", answers)
        self._nbgrader("autograde")

    def _nbgrader(self, command: str) -> None:
        settings = {
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "IPYTHONDIR": str(self.folder / "ipython"),
            # nbgrader calls `alembic` by name when it makes a gradebook
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        }
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", command, "--assignment=*", f"--course-dir={self.folder}"],
            cwd=self.folder,
            env=os.environ | settings,
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, f"nbgrader {command} failed:\n{done.stdout}{done.stderr}"

    def released(self, assignment: str) -> str:
        return (self.folder / "release" / assignment / f"{assignment}.ipynb").read_text(encoding="utf-8")

    def marks(self, student: str, assignment: str) -> dict[str, Mark]:
        from nbgrader.api import Gradebook

        with Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}") as gradebook:
            (notebook,) = gradebook.find_submission(assignment, student).notebooks
            return {
                grade.name: Mark(grade.auto_score, grade.max_score, bool(grade.needs_manual_grade))
                for grade in notebook.grades
            }


def write_answers(path: Path, answers: dict[str, str]) -> None:
    """Puts `answers` into the cells they are named after, as a student does in JupyterLab."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["id"] in answers:
            cell["source"] = answers[cell["id"]]
    path.write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")


@pytest.fixture(scope="session")
def marked(courses, source_cells, first_mistakes, tmp_path_factory) -> dict[str, MarkedCourse]:
    """Our courses by key, marked. Both run at once."""
    done = {}
    for course in courses:
        folder = tmp_path_factory.mktemp("course") / course.key
        shutil.copytree(course.path, folder)
        keys = [assignment.key for assignment in course.assignments]
        solutions = {
            key: {cell["id"]: cell["source"] for cell in source_cells[key] if is_answer(cell["metadata"])}
            for key in keys
        }
        wrong = {key: {mistake.answer: mistake.code for mistake in first_mistakes[key]} for key in keys}
        answers = dict.fromkeys(REFERENCES, solutions) | {"blank": {key: {} for key in keys}, "wrong": wrong}
        done[course.key] = MarkedCourse(folder, answers)
    with ThreadPoolExecutor(len(done)) as pool:
        list(pool.map(MarkedCourse.run, done.values()))
    return done


def is_answer(metadata: dict) -> bool:
    return bool(metadata.get("nbgrader", {}).get("solution"))


def course_of(assignment: Assignment) -> str:
    return assignment.path.parent.parent.name


def test_the_reference_solution_earns_full_marks(assignment, marked):
    marks = marked[course_of(assignment)].marks("reference-1", assignment.key)
    assert sum(mark.points for mark in marks.values()) == assignment.points
    by_machine = {name: mark for name, mark in marks.items() if not mark.needs_person}
    assert {name: mark.auto for name, mark in by_machine.items()} == {n: m.points for n, m in by_machine.items()}
    assert len(by_machine) >= 10


def test_the_blank_notebook_earns_nothing(assignment, marked):
    marks = marked[course_of(assignment)].marks("blank", assignment.key)
    assert {name: mark.auto for name, mark in marks.items()} == dict.fromkeys(marks, 0)
    assert not any(mark.needs_person for mark in marks.values())


def test_three_runs_give_the_same_marks(assignment, marked):
    first, second, third = (marked[course_of(assignment)].marks(student, assignment.key) for student in REFERENCES)
    assert first == second == third


def test_a_student_with_a_usual_mistake_in_every_question_earns_what_the_mistakes_leave(
    assignment, marked, first_mistakes
):
    marks = marked[course_of(assignment)].marks("wrong", assignment.key)
    left = {cell: score for mistake in first_mistakes[assignment.key] for cell, score in mistake.scores.items()}
    by_machine = {name: mark for name, mark in marks.items() if mark.auto is not None}
    by_hand = {cell: 0.0 for cell in by_machine if cell in manual_cells(assignment)}  # left as it was handed out
    expected = {name: left.get(name, mark.points) for name, mark in by_machine.items()} | by_hand
    assert {name: mark.auto for name, mark in by_machine.items()} == pytest.approx(expected)


def test_neither_hidden_tests_nor_solutions_show_in_the_student_version(assignment, marked, source_cells):
    released = marked[course_of(assignment)].released(assignment.key)
    assert not [mark for mark in HIDDEN if mark in released]
    shown = {line.strip() for cell in json.loads(released)["cells"] for line in cell["source"]}
    parted = [part_lines(cell["source"]) for cell in source_cells[assignment.key]]
    secret = {line for lines, _ in parted for line in lines} - {line for _, lines in parted for line in lines}
    assert len(secret) > 20
    assert not secret & shown


def test_every_course_has_an_answer_that_a_person_grades(course, marked):
    by_hand = [
        name
        for assignment in course.assignments
        for name, mark in marked[course.key].marks("reference-1", assignment.key).items()
        if mark.needs_person
    ]
    assert len(by_hand) == 1


def manual_cells(assignment: Assignment) -> set[str]:
    (path,) = assignment.path.glob("*.ipynb")
    metas = [cell["metadata"].get("nbgrader", {}) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    return {meta["grade_id"] for meta in metas if meta.get("grade") and meta.get("solution")}


def part_lines(source: str) -> tuple[list[str], list[str]]:
    """The lines between BEGIN and END, of solutions and of hidden tests; and the others."""
    parts: tuple[list[str], list[str]] = ([], [])
    inside = False
    for line in source.splitlines():
        if "### BEGIN" in line or "### END" in line:
            inside = "### BEGIN" in line
        else:
            parts[0 if inside else 1].append(line.strip())
    return parts
