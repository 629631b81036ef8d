"""Reading a catalogue: what a good one gives, and what is said about each kind of fault."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from courses.catalogue import CatalogueError, Problem, load_catalogue
from courses.model import AttemptPolicy, Text

TITLE = {"ko": "제목", "en": "Title"}


def notebook(*points: float) -> dict[str, Any]:
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {
                "nbgrader": {
                    "grade": True,
                    "grade_id": f"cell-{number}",
                    "locked": True,
                    "points": worth,
                    "schema_version": 3,
                    "solution": False,
                    "task": False,
                }
            },
            "source": [],
            "outputs": [],
        }
        for number, worth in enumerate(points)
    ]
    plain = {"cell_type": "markdown", "id": "plain", "metadata": {}, "source": []}
    return {"cells": [plain, *cells], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


class Folder:
    """A catalogue that is right, to be spoiled in one place."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.course_folder = root / "day" / "python"
        self.first = self.course_folder / "source" / "first" / "first.ipynb"
        self.track: dict[str, Any] = {"title": TITLE, "summary": TITLE, "courses": ["python"]}
        self.course: dict[str, Any] = {
            "title": TITLE,
            "summary": TITLE,
            "hours": 40,
            "assignments": [
                {"key": "first", "title": TITLE, "summary": TITLE, "due_days": 7, "points": 5},
                {"key": "second", "title": TITLE, "summary": TITLE, "due_days": 14, "points": 2},
            ],
        }
        self.write_notebook("first", notebook(2, 3))
        self.write_notebook("second", notebook(2))
        self.write()

    def write(self) -> None:
        dump = {"allow_unicode": True, "sort_keys": False}
        (self.root / "day" / "track.yaml").write_text(yaml.safe_dump(self.track, **dump), encoding="utf-8")
        (self.course_folder / "course.yaml").write_text(yaml.safe_dump(self.course, **dump), encoding="utf-8")

    def write_notebook(self, assignment: str, content: Any) -> None:
        folder = self.course_folder / "source" / assignment
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{assignment}.ipynb").write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def problems_of(folder: Folder) -> list[Problem]:
    folder.write()
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(folder.root)
    return caught.value.problems


def test_a_catalogue_gives_tracks_courses_and_assignments_with_their_defaults(folder):
    catalogue = load_catalogue(folder.root)
    assert [track.key for track in catalogue.tracks] == ["day"]
    course = catalogue.course("day", "python")
    assert (course.track, course.hours, course.hardware, course.points) == ("day", 40, "cpu", 7.0)
    assert course.path == folder.course_folder
    first = course.assignment("first")
    assert first.title == Text(ko="제목", en="Title")
    assert (first.due_days, first.due_time, first.points) == (7, time(23, 59), 5.0)
    assert first.attempts == AttemptPolicy(limit=None, cooldown=timedelta(0), counting="latest")
    assert (first.feedback, first.hardware, first.time_limit) == ("manual", "cpu", timedelta(minutes=2))
    assert first.image is None
    assert first.path == folder.course_folder / "source" / "first"


def test_every_key_can_be_set(folder):
    folder.course |= {"hardware": "gpu-slice", "image": "site/torch-course:2026"}
    folder.course["assignments"][0] |= {
        "due_days": 0,
        "due_time": "9:05",
        "attempts": {"limit": 5, "cooldown": "1h30m", "counting": "best"},
        "feedback": "at-once",
        "hardware": "gpu-full",
        "image": "site/vision",
        "time_limit": "90s",
    }
    folder.write()
    first, second = load_catalogue(folder.root).course("day", "python").assignments
    assert (first.due_days, first.due_time, first.feedback) == (0, time(9, 5), "at-once")
    assert first.attempts == AttemptPolicy(limit=5, cooldown=timedelta(hours=1, minutes=30), counting="best")
    assert (first.hardware, first.time_limit) == ("gpu-full", timedelta(seconds=90))
    assert (first.image, second.image) == ("site/vision", "site/torch-course:2026")
    assert second.hardware == "gpu-slice"


def test_values_are_frozen(folder):
    track = load_catalogue(folder.root).track("day")
    with pytest.raises(dataclasses.FrozenInstanceError):
        track.key = "night"


def test_a_missing_key_names_what_there_is(folder):
    catalogue = load_catalogue(folder.root)
    with pytest.raises(KeyError, match="no track 'night'; there is: day"):
        catalogue.track("night")
    with pytest.raises(KeyError, match="no course 'java'; there is: python"):
        catalogue.course("day", "java")
    with pytest.raises(KeyError, match="no assignment 'third'; there is: first, second"):
        catalogue.course("day", "python").assignment("third")


def test_folders_that_start_with_a_dot_or_an_underscore_are_passed_over(folder):
    for name in ("_drafts", ".git"):
        (folder.root / name).mkdir()
        (folder.root / "day" / name).mkdir()
        (folder.course_folder / "source" / name).mkdir()
    assert len(load_catalogue(folder.root).course("day", "python").assignments) == 2


def test_a_byte_order_mark_is_no_problem(folder):
    path = folder.root / "day" / "track.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_catalogue(folder.root).track("day").title.en == "Title"


def spoil_assignment(**values: Any) -> Callable[[Folder], None]:
    return lambda folder: folder.course["assignments"][0].update(values)


def spoil_course(**values: Any) -> Callable[[Folder], None]:
    return lambda folder: folder.course.update(values)


def spoil_track(**values: Any) -> Callable[[Folder], None]:
    return lambda folder: folder.track.update(values)


def without(key: str, where: Callable[[Folder], dict[str, Any]]) -> Callable[[Folder], None]:
    return lambda folder: where(folder).pop(key)


def assignment(folder: Folder) -> dict[str, Any]:
    return folder.course["assignments"][0]


TRACK, COURSE, FIRST = "day/track.yaml", "day/python/course.yaml", "day/python/source/first/first.ipynb"

# id: (how it is spoiled, file, key, value, words of the rule, words of the fix)
FAULTS: dict[str, tuple[Callable[[Folder], Any], str, str, str | None, str, str]] = {
    "no Korean title": (spoil_track(title={"en": "Title"}), TRACK, "title.ko", None, "required", "add ko:"),
    "no English title": (
        spoil_assignment(title={"ko": "제목"}),
        COURSE,
        "assignments[0].title.en",
        None,
        "required",
        "add en:",
    ),
    "blank title": (spoil_course(title={"ko": " ", "en": "T"}), COURSE, "title.ko", "' '", "not empty", "write a text"),
    "title is a number": (
        spoil_course(title={"ko": 2026, "en": "T"}),
        COURSE,
        "title.ko",
        "2026",
        "must be a text",
        "quotes",
    ),
    "title is one text": (spoil_course(title="Python"), COURSE, "title", "'Python'", "mapping", "ko, en"),
    "unknown key": (spoil_course(colour="red"), COURSE, "colour", "'red'", "not a key we know", "use one of title"),
    "misspelt key": (
        spoil_assignment(due_day=3),
        COURSE,
        "assignments[0].due_day",
        "3",
        "not a key",
        "did you mean due_days",
    ),
    "unknown nested key": (
        spoil_assignment(attempts={"max": 3}),
        COURSE,
        "assignments[0].attempts.max",
        "3",
        "not a key",
        "remove it",
    ),
    "missing key": (without("hours", lambda f: f.course), COURSE, "hours", None, "required", "add hours:"),
    "missing due": (without("due_days", assignment), COURSE, "assignments[0].due_days", None, "required", "add due_"),
    "hours as text": (spoil_course(hours="40"), COURSE, "hours", "'40'", "whole number from 1", "without quotes"),
    "hours true": (spoil_course(hours=True), COURSE, "hours", "True", "whole number", "without quotes"),
    "negative due": (
        spoil_assignment(due_days=-1),
        COURSE,
        "assignments[0].due_days",
        "-1",
        "from 0 to",
        "whole number",
    ),
    "time without quotes": (
        spoil_assignment(due_time=1439),
        COURSE,
        "assignments[0].due_time",
        "1439",
        "time from 00:00 to 23:59",
        "put it in quotes",
    ),
    "24:00": (
        spoil_assignment(due_time="24:00"),
        COURSE,
        "assignments[0].due_time",
        "'24:00'",
        "time from",
        '"23:59"',
    ),
    "duration without unit": (
        spoil_assignment(time_limit="90"),
        COURSE,
        "assignments[0].time_limit",
        "'90'",
        "duration such as",
        "units",
    ),
    "duration of nothing": (
        spoil_assignment(time_limit="0s"),
        COURSE,
        "assignments[0].time_limit",
        "'0s'",
        "from 1s to 24h",
        "ample",
    ),
    "cooldown as number": (
        spoil_assignment(attempts={"cooldown": 60}),
        COURSE,
        "assignments[0].attempts.cooldown",
        "60",
        "duration",
        "units",
    ),
    "no attempts at all": (
        spoil_assignment(attempts={"limit": 0}),
        COURSE,
        "assignments[0].attempts.limit",
        "0",
        "whole number from 1",
        "whole number",
    ),
    "counting worst": (
        spoil_assignment(attempts={"counting": "worst"}),
        COURSE,
        "assignments[0].attempts.counting",
        "'worst'",
        "one of latest, best",
        "change it",
    ),
    "feedback never": (
        spoil_assignment(feedback="never"),
        COURSE,
        "assignments[0].feedback",
        "'never'",
        "at-once",
        "change it",
    ),
    "feedback a list": (
        spoil_assignment(feedback=["manual"]),
        COURSE,
        "assignments[0].feedback",
        "['manual']",
        "at-once",
        "change it",
    ),
    "points of nothing": (
        spoil_assignment(points=0),
        COURSE,
        "assignments[0].points",
        "0",
        "above 0",
        "sum of the notebooks",
    ),
    "points not a number": (
        spoil_assignment(points=float("nan")),
        COURSE,
        "assignments[0].points",
        "nan",
        "above 0",
        "sum of the notebooks",
    ),
    "points do not add up": (
        spoil_assignment(points=6),
        COURSE,
        "assignments[0].points",
        "6",
        "must be 5, the sum",
        "write points: 5",
    ),
    "name with capitals": (
        spoil_assignment(key="First"),
        COURSE,
        "assignments[0].key",
        "'First'",
        "lower-case a-z",
        "rename it",
    ),
    "name with an underscore": (
        spoil_assignment(key="first_steps"),
        COURSE,
        "assignments[0].key",
        "'first_steps'",
        "lower-case a-z",
        "rename it",
    ),
    "name that looks like an option": (
        spoil_assignment(key="--force"),
        COURSE,
        "assignments[0].key",
        "'--force'",
        "lower-case a-z",
        "rename it",
    ),
    "name too long": (
        spoil_track(courses=["python", "p" * 65]),
        TRACK,
        "courses[1]",
        "'" + "p" * 58 + "…",
        "at most 64",
        "rename it",
    ),
    "hardware not a name": (spoil_course(hardware="GPU 1"), COURSE, "hardware", "'GPU 1'", "lower-case", "rename it"),
    "image not an image": (
        spoil_course(image="--pull"),
        COURSE,
        "image",
        "'--pull'",
        "container image",
        "docker images",
    ),
    "course twice": (
        spoil_track(courses=["python", "python"]),
        TRACK,
        "courses[1]",
        "'python'",
        "unique: courses[0]",
        "remove one",
    ),
    "assignment twice": (
        lambda folder: folder.course["assignments"].insert(1, dict(assignment(folder))),
        COURSE,
        "assignments[1].key",
        "'first'",
        "unique: assignments[0].key",
        "rename it",
    ),
    "course without folder": (
        spoil_track(courses=["python", "java"]),
        TRACK,
        "courses",
        "'java'",
        "must have its folder day/java",
        "make the folder",
    ),
    "folder without course": (
        lambda folder: (folder.root / "day" / "java").mkdir(),
        TRACK,
        "courses",
        "['python']",
        "must list day/java",
        "list it",
    ),
    "assignment without folder": (
        spoil_assignment(key="zeroth"),
        COURSE,
        "assignments",
        "'zeroth'",
        "folder day/python/source/zeroth",
        "make the folder",
    ),
    "folder without assignment": (
        lambda folder: (folder.course_folder / "source" / "third").mkdir(),
        COURSE,
        "assignments",
        "['first', 'second']",
        "must list day/python/source/third",
        "list it",
    ),
    "assignment without notebook": (
        lambda folder: folder.first.unlink(),
        COURSE,
        "assignments[0].key",
        "'first'",
        "must have a notebook in day/python/source/first",
        ".ipynb",
    ),
    "due before the one before it": (
        spoil_assignment(due_days=15),
        COURSE,
        "assignments[1].due_days",
        "14 days, 23:59",
        "not be due before assignments[0]",
        "order",
    ),
    "due earlier on the same day": (
        lambda folder: folder.course["assignments"][1].update(due_days=7, due_time="12:00"),
        COURSE,
        "assignments[1].due_days",
        "7 days, 12:00",
        "not be due before",
        "order",
    ),
    "no courses": (spoil_track(courses=[]), TRACK, "courses", "[]", "list that is not empty", "'- '"),
    "assignments no list": (
        spoil_course(assignments="first"),
        COURSE,
        "assignments",
        "'first'",
        "list that is not empty",
        "'- '",
    ),
    "assignment no mapping": (
        lambda folder: folder.course["assignments"].append("third"),
        COURSE,
        "assignments[2]",
        "'third'",
        "mapping",
        "key, title",
    ),
    "notebook is no JSON": (
        lambda folder: folder.first.write_text("<html>"),
        FIRST,
        "",
        None,
        "reads as JSON",
        "JupyterLab",
    ),
    "notebook is not UTF-8": (
        lambda folder: folder.first.write_bytes("한글".encode("cp949")),
        FIRST,
        "",
        None,
        "reads as JSON",
        "JupyterLab",
    ),
    "notebook of nbformat 3": (
        lambda folder: folder.write_notebook("first", {"nbformat": 3, "worksheets": []}),
        FIRST,
        "",
        None,
        "nbformat 4",
        "JupyterLab",
    ),
    "notebook with two cells of one id": (
        lambda folder: folder.write_notebook("first", {**notebook(5), "cells": notebook(2, 3)["cells"][1:2] * 2}),
        FIRST,
        "",
        None,
        "'cell-0' stands there 2 times",
        "grade_id",
    ),
    "notebook with negative points": (
        lambda folder: folder.write_notebook("first", notebook(-1)),
        FIRST,
        "",
        None,
        "'cell-0' has -1",
        "correct the points",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_file_key_value_rule_and_fix(name, folder):
    spoil, file, key, value, rule, fix = FAULTS[name]
    folder.write()
    spoil(folder)
    problems = [problem for problem in problems_of(folder) if (problem.file, problem.key) == (file, key)]
    assert len(problems) >= 1
    assert problems[0].value == value
    assert rule in problems[0].rule.en
    assert fix in problems[0].fix.en
    assert problems[0].rule.ko != problems[0].rule.en
    assert str(problems[0]).startswith(f"{file}: {key}" if key else f"{file}: ")


def test_metadata_of_an_older_nbgrader_asks_for_an_update(folder):
    old = notebook(5)
    old["cells"][1]["metadata"]["nbgrader"]["schema_version"] = 2
    folder.write_notebook("first", old)
    (problem,) = problems_of(folder)
    assert (problem.file, problem.fix.en) == (FIRST, "run `nbgrader update` on it")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("title: a\ntitle: b\n", "must not repeat a key: 'title' again on line 2"),
        ("title: {ko: a, ko: b}\n", "must not repeat a key: 'ko' again on line 1"),
        ("title: Python: data\n", "not readable as YAML: line 1"),
        ("title: [\n", "not readable as YAML: line 2"),
        ("title: \x00\n", "not readable as YAML"),
        ("title: !!python/object/apply:os.getcwd []\n", "not readable as YAML: line 1"),
    ],
    ids=["repeated", "repeated inside", "colon", "cut off", "control character", "python object"],
)
def test_a_file_that_is_not_plain_yaml_is_refused_with_its_line(text, rule, folder):
    (folder.root / "day" / "track.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(folder.root)
    (problem,) = caught.value.problems
    assert problem.file == TRACK
    assert rule in problem.rule.en


def test_a_file_in_another_encoding_is_refused(folder):
    (folder.root / "day" / "track.yaml").write_bytes("title: 제목\n".encode("cp949"))
    with pytest.raises(CatalogueError, match="must be saved as UTF-8"):
        load_catalogue(folder.root)


@pytest.mark.parametrize("text", ["", "- a\n", "just text\n"], ids=["empty", "list", "text"])
def test_a_file_that_holds_no_keys_says_which_to_write(text, folder):
    (folder.root / "day" / "track.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueError, match="write the keys title, summary, courses"):
        load_catalogue(folder.root)


@pytest.mark.parametrize("name", ["Day", "my track", "날"], ids=["capital", "blank", "Korean"])
def test_a_folder_whose_name_is_no_key_is_refused(name, folder):
    (folder.root / "day").rename(folder.root / name)
    with pytest.raises(CatalogueError, match="must be a name of lower-case a-z"):
        load_catalogue(folder.root)


def test_a_folder_without_its_file_is_refused(folder):
    (folder.root / "night").mkdir()
    (folder.course_folder / "course.yaml").unlink()
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(folder.root)
    assert [problem.file for problem in caught.value.problems] == [COURSE, "night/track.yaml"]


@pytest.mark.parametrize("exists", [True, False], ids=["empty", "missing"])
def test_a_catalogue_without_a_track_is_refused(exists, tmp_path):
    root = tmp_path / "content"
    if exists:
        root.mkdir()
    with pytest.raises(CatalogueError, match="must hold at least one track"):
        load_catalogue(root)


def test_all_problems_are_told_at_once_in_both_languages(folder):
    folder.track["title"] = {"ko": "제목"}
    folder.course["hours"] = 0
    folder.course["assignments"][0] |= {"points": 6, "due_time": "24:00", "colour": "red"}
    folder.course["assignments"][1] |= {"feedback": "never"}
    folder.write()
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(folder.root)
    error = caught.value
    assert {problem.key for problem in error.problems} == {
        "title.en",
        "hours",
        "assignments[0].points",
        "assignments[0].due_time",
        "assignments[0].colour",
        "assignments[1].feedback",
    }
    assert str(error) == error.text("en")
    assert error.text("en").startswith("the catalogue has 6 problems:")
    assert error.text("ko").startswith("교육과정 목록에 문제가 6개 있습니다:")
    assert len(error.text("ko").splitlines()) == len(error.text("en").splitlines()) == 7
