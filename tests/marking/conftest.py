"""Fixtures of the marking's tests; the course they mark is in `small_course`."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import small_course
from marking_campus import MarkingCampus, opened

from grader.releases import build_release
from grader.sandbox.fork import ForkSandbox
from grader.source import SourceAssignment
from grader.source_reading import read_gradebook

COURSE_ID = "jc-2026-1-python-data"


@pytest.fixture(scope="session", autouse=True)
def quiet() -> None:
    """nbgrader and nbconvert write a line for every step."""
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.fixture(scope="session")
def sandbox() -> Iterator[ForkSandbox]:
    sandbox = ForkSandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="session")
def released_course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small course after its release; copy it before writing into it."""
    course = tmp_path_factory.mktemp("course")
    small_course.make_source(course)
    build_release(course, COURSE_ID, "ps1")
    return course


@pytest.fixture
def course(released_course: Path, tmp_path: Path) -> Path:
    """A released course of a test's own."""
    return Path(shutil.copytree(released_course, tmp_path / "offerings" / COURSE_ID))


@pytest.fixture(scope="session")
def source(released_course: Path) -> SourceAssignment:
    return read_gradebook(f"sqlite:///{released_course}/gradebook.db", "ps1", released_course / "source" / "ps1")


@pytest.fixture(scope="session")
def released(released_course: Path) -> dict[str, Any]:
    """The notebook as students get it."""
    nb: dict[str, Any] = json.loads((released_course / "release" / "ps1" / "p1.ipynb").read_text(encoding="utf-8"))
    return nb


@pytest.fixture
def campus(course: Path, tmp_path: Path) -> Iterator[MarkingCampus]:
    """A campus on SQLite whose one assignment has been released."""
    with opened(tmp_path, f"sqlite:///{tmp_path / 'bitgoeul.db'}") as campus:
        yield campus


@pytest.fixture(scope="session")
def remembering(sandbox: ForkSandbox) -> ForkSandbox:
    return sandbox
