"""The tests a regrade marks with: the instructor's source as it was at its start, and nbgrader's reading of it.

Owns a bundle a regrade: `source/<assignment>`; `cells.json`, what nbgrader would put into a gradebook; `evidence.json`,
what marking the reference solution both ways has shown of the tests. It is made without touching the offering's
gradebook and release, kept in storage, and unpacked once in each process that marks.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from cohorts.errors import Invalid
from grader import archive
from grader.release_build import build_student_version
from grader.release_evidence import Evidence, evidence_of_build
from grader.releases import IGNORED, keep_source, require_inside
from grader.sandbox.base import Limits, Sandbox
from grader.source import SourceAssignment, SourceCell, SourceNotebook, build_notebook, with_profiles
from grader.source_reading import layout_of, read_any_notebook
from grader.storage import Storage

OPENED_AT_ONCE = 4
CELLS = "cells.json"
EVIDENCE = "evidence.json"


@dataclass(frozen=True)
class RegradeCourse:
    """A regrade's course folder, unpacked, and its assignment. The folder goes when nobody holds this any more."""

    folder: Path
    source: SourceAssignment


@dataclass(frozen=True)
class KeptCourse:
    """What the regrade's row remembers: the source alone, and the whole bundle."""

    source_sha256: str
    course_sha256: str


def keep_course(
    storage: Storage,
    offering: Path,
    offering_id: str,
    assignment: str,
    sandbox: Sandbox,
    place: Sandbox,
    limits: Limits,
    known: Callable[[str], Mapping[str, Evidence] | None],
) -> KeptCourse:
    """Have nbgrader read the source as it is now, in `sandbox`, and mark its reference in `place`.

    Raises Invalid when nbgrader refuses the source. `known` may know the evidence of a source by its SHA-256 already.
    """
    source = offering / "source" / assignment
    if not source.is_dir():
        raise Invalid(
            f"There is no source for '{assignment[:80]}'. Put its notebooks into the course's folder source/.",
            f"'{assignment[:80]}'의 원본이 없습니다. 과목 폴더의 source/에 노트북을 넣으세요.",
        )
    require_inside(offering, source)
    with tempfile.TemporaryDirectory(prefix="bitgoeul-regrade-") as folder:
        course, student = Path(folder, "course"), Path(folder, "student")
        student.mkdir()
        copy = course / "source" / assignment
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns(*IGNORED), symlinks=True)
        source_sha256 = keep_source(storage, course, assignment)
        assert source_sha256 is not None
        built = build_student_version(offering, copy, offering_id, assignment, sandbox, student)
        (course / CELLS).write_text(_dump(built.notebooks), encoding="utf-8")
        evidence = known(source_sha256)
        if evidence is None:
            evidence = evidence_of_build(built, copy, place, limits)
        (course / EVIDENCE).write_text(json.dumps(evidence, ensure_ascii=False), encoding="utf-8")
        with storage.writer() as bundle:
            archive.pack_into(course, bundle, ignore=IGNORED)
    return KeptCourse(source_sha256, bundle.sha256)


@lru_cache(maxsize=OPENED_AT_ONCE)
def open_course(storage: Storage, course_sha256: str, assignment: str) -> RegradeCourse:
    """The kept course; unpacked and read once, however many attempts are marked with it."""
    folder = Path(tempfile.mkdtemp(prefix="bitgoeul-regrade-"))
    with storage.open(course_sha256) as bundle:
        archive.unpack(bundle, folder)
    notebooks = tuple(_load((folder / CELLS).read_text(encoding="utf-8"), folder / "source" / assignment))
    evidence = json.loads((folder / EVIDENCE).read_text(encoding="utf-8"))
    course = RegradeCourse(folder, with_profiles(SourceAssignment(assignment, notebooks), evidence))
    weakref.finalize(course, shutil.rmtree, folder, ignore_errors=True)
    return course


def _dump(notebooks: Sequence[SourceNotebook]) -> str:
    whole = [
        {
            "name": notebook.name,
            "kernelspec": dict(notebook.kernelspec),
            "cells": [asdict(cell) for cell in notebook.cells.values()],
        }
        for notebook in sorted(notebooks, key=lambda notebook: notebook.name)
    ]
    return json.dumps(whole, ensure_ascii=False)


def _load(text: str, source: Path) -> list[SourceNotebook]:
    whole: list[dict[str, Any]] = json.loads(text)
    notebooks = []
    for part in whole:
        layout = layout_of(read_any_notebook(source / f"{part['name']}.ipynb"))
        cells = {cell["name"]: SourceCell(**cell) for cell in part["cells"]}
        ordered = [key for key in layout.order if key in cells] + [key for key in cells if key not in layout.order]
        found = build_notebook(part["name"], part["kernelspec"], (cells[key] for key in ordered))
        notebooks.append(replace(found, reference=layout.reference, plain=layout.plain))
    return notebooks
