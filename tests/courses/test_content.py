"""The form of our courses: notebooks that nbgrader and JupyterLab take, in two languages, from seeds."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import nbformat
import pytest

from courses.catalogue import load_catalogue

LIBRARIES = {"numpy", "pandas", "sklearn", "matplotlib"}
KOREAN = re.compile("[가-힣]")
ENGLISH = re.compile("[A-Za-z]{3,}")


@pytest.fixture
def notebook(assignment):
    (path,) = assignment.path.glob("*.ipynb")
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def nbgrader(cell):
    return cell.metadata.get("nbgrader", {})


def is_test(cell):
    return nbgrader(cell).get("grade") and not nbgrader(cell)["solution"]


def test_the_job_conversion_track_has_its_two_courses():
    track = load_catalogue().track("job-conversion")
    assert [course.key for course in track.courses] == ["python-data", "machine-learning"]
    assert all(len(course.assignments) >= 2 for course in track.courses)


def test_an_assignment_with_limited_attempts_and_both_kinds_of_feedback_are_there(courses):
    assignments = [assignment for course in courses for assignment in course.assignments]
    assert {assignment.attempts.limit for assignment in assignments} == {None, 5}
    assert {assignment.feedback for assignment in assignments} == {"at-once", "manual"}


def test_feedback_waits_where_a_person_grades(assignment, notebook):
    by_hand = any(nbgrader(cell).get("grade") and nbgrader(cell)["solution"] for cell in notebook.cells)
    assert assignment.feedback == ("manual" if by_hand else "at-once")


def test_a_notebook_is_valid_clean_and_for_python_3(notebook):
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_graded_cells_are_named_like_their_cell_ids_and_tests_are_locked(notebook):
    for cell in notebook.cells:
        if nbgrader(cell):
            assert nbgrader(cell)["grade_id"] == cell.id
            assert nbgrader(cell)["schema_version"] == 3
            assert nbgrader(cell)["locked"] is not nbgrader(cell)["solution"]


def test_an_assignment_has_at_least_five_questions_each_with_a_hidden_test(notebook):
    tests = [cell for cell in notebook.cells if is_test(cell)]
    questions = {cell.id.split("-")[0] for cell in tests}
    hidden = {cell.id.split("-")[0] for cell in tests if "### BEGIN HIDDEN TESTS" in cell.source}
    assert len(questions) >= 5
    assert hidden == questions


def test_every_question_has_a_visible_test(notebook):
    tests = [cell for cell in notebook.cells if is_test(cell)]
    visible = {cell.id.split("-")[0] for cell in tests if "assert" in cell.source.split("### BEGIN HIDDEN TESTS")[0]}
    assert visible == {cell.id.split("-")[0] for cell in tests}


def test_every_text_is_in_korean_first_with_english_below(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            korean, quoted, english = cell.source.partition("\n\n> ")
            assert KOREAN.search(korean), cell.id
            assert quoted, cell.id
            assert ENGLISH.search(english), cell.id


def test_every_message_of_a_test_is_in_korean_and_english(notebook):
    for cell in notebook.cells:
        if not is_test(cell):
            continue
        tree = ast.parse(cell.source)
        named = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Assert):
                assert node.msg is not None, f"{cell.id}: {ast.unparse(node)} has no message"
                message = named[node.msg.id] if isinstance(node.msg, ast.Name) else node.msg
                text = ast.unparse(message)
                assert KOREAN.search(text), f"{cell.id}: {text}"
                assert " / " in text, f"{cell.id}: {text}"


def test_cells_import_only_what_a_lab_has(notebook):
    modules = set()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Import):
                    modules |= {name.name.split(".")[0] for name in node.names}
                elif isinstance(node, ast.ImportFrom):
                    modules.add(str(node.module).split(".")[0])
    assert modules <= LIBRARIES | set(sys.stdlib_module_names)


def test_the_sales_files_come_out_of_their_generator_byte_for_byte(courses, tmp_path):
    course = next(course for course in courses if course.key == "python-data")
    generator = course.path / "generators" / "cafe_sales.py"
    subprocess.run([sys.executable, "-B", generator, tmp_path], check=True, timeout=60)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    shipped = {path.name: path.read_bytes() for path in course.assignment("cafe-sales").path.glob("*.csv")}
    assert len(made) == 2
    assert made == shipped
