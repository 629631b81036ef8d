"""What marking needs to know of a source before a student's work comes: its reference solution, marked both ways.

Owns the reference notebooks, and the step from them to the profiles of their tests. A machine whose sandbox can't keep
tests apart from students' code gives none.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from grader.course_folder import plain_files, write_notebook
from grader.reference import reference_run
from grader.release_build import Built
from grader.release_findings import by_key
from grader.sandbox.base import Limits, Sandbox
from grader.sanitize import sanitize
from grader.source import SourceNotebook
from grader.source_reading import read_any_notebook, with_layout
from grader.strength import CellProfile

#: Evidence of one notebook, made by running its reference both ways: grade id -> a `strength.CellProfile` as JSON.
Evidence = Mapping[str, Mapping[str, Any]]


def evidence_of(
    source: SourceNotebook, reference: Path, sandbox: Sandbox, limits: Limits, files: Path
) -> Mapping[str, CellProfile]:
    """By grade id the profile of each test cell of the notebook at `reference`, whose runs see `files`."""
    if not sandbox.isolates:
        return {}
    nb = read_any_notebook(reference)
    sanitize(nb, source)
    return reference_run(nb, source, sandbox, limits, files, files).profile


def evidence_of_build(built: Built, source: Path, sandbox: Sandbox, limits: Limits) -> dict[str, Evidence]:
    """By name the evidence of each notebook of the student version `built` of the folder `source`."""
    with tempfile.TemporaryDirectory(prefix="bitgoeul-evidence-") as folder:
        work = Path(folder)
        write_references(built, source, work)
        files = work / "files"
        gather(built.folder, source, files)
        return as_json(with_evidence(built, source, work, files, sandbox, limits))


def with_evidence(
    built: Built, source: Path, work: Path, files: Path, sandbox: Sandbox, limits: Limits
) -> list[SourceNotebook]:
    """The notebooks of `built` with the profiles of their tests, whose references lie below `work`."""
    known: list[SourceNotebook] = []
    for notebook in built.notebooks:
        whole = with_layout(notebook, source / f"{notebook.name}.ipynb")
        path = work / "reference" / f"{notebook.name}.ipynb"
        known.append(replace(whole, profile=evidence_of(whole, path, sandbox, limits, files)))
    return known


def as_json(notebooks: Iterable[SourceNotebook]) -> dict[str, Evidence]:
    """The notebooks' profiles, by name, as `source.with_profiles` takes them back."""
    return {
        notebook.name: {name: profile.to_dict() for name, profile in notebook.profile.items()} for notebook in notebooks
    }


def write_references(built: Built, source: Path, work: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """Write `work`/reference/*.ipynb: the student version with the author's answers. Returns the answers' sources."""
    (work / "reference").mkdir()
    solutions: dict[tuple[str, str], tuple[str, str]] = {}
    for notebook in built.notebooks:
        nb = copy.deepcopy(read_any_notebook(built.folder / f"{notebook.name}.ipynb"))
        original = source / f"{notebook.name}.ipynb"
        answers = by_key(read_any_notebook(original)) if original.is_file() else {}
        for key, cell in by_key(nb).items():
            known = notebook.cells.get(key)
            if known is None or not known.solution or key not in answers:
                continue
            if answers[key].source != cell.source:
                solutions[notebook.name, key] = (answers[key].source, cell.source)
            cell.source = answers[key].source
        write_notebook(nb, work / "reference" / f"{notebook.name}.ipynb")
    return solutions


def gather(released: Path, source: Path, files: Path) -> None:
    """What a run sees beside the notebook when work is marked: the student's files, the author's over them."""
    files.mkdir()
    for folder in (released, source):
        for path in plain_files(folder):
            if path.suffix != ".ipynb":
                copy_ = files / path.relative_to(folder)
                copy_.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy_)
