"""The trusted side of an assignment: what its cells must be, as values read from nbgrader's gradebook or source.

Owns the reading of `source_cell` and its companions. Marking works on these values alone, so it needs no connection to
the gradebook while a student's code is running.
"""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from cohorts.errors import Invalid, NotFound
from grader import archive
from grader.hidden import Hidden, find_hidden


@dataclass(frozen=True)
class SourceCell:
    """A cell nbgrader knows by its grade id. `max_score` is None for cells without points."""

    name: str
    cell_type: str
    source: str
    checksum: str | None
    locked: bool
    grade: bool
    solution: bool
    task: bool
    max_score: float | None

    @property
    def is_graded(self) -> bool:
        return self.grade or self.task

    @property
    def flags(self) -> tuple[bool, bool, bool, bool]:
        return self.grade, self.solution, self.locked, self.task

    @property
    def is_manual(self) -> bool:
        """Whether a person scores it: a written answer, a free answer in code, a task."""
        return self.task or (self.grade and (self.solution or self.cell_type != "code"))

    @property
    def metadata(self) -> dict[str, Any]:
        """nbgrader's metadata for this cell (schema version 3)."""
        meta: dict[str, Any] = {
            "grade": self.grade,
            "grade_id": self.name,
            "locked": self.locked,
            "schema_version": 3,
            "solution": self.solution,
            "task": self.task,
            "cell_type": self.cell_type,
        }
        if self.checksum is not None:
            meta["checksum"] = self.checksum
        if self.is_graded:
            meta["points"] = self.max_score
        return meta


@dataclass(frozen=True)
class Given:
    """A cell as a release handed it out; `flags` are grade, solution, locked, task."""

    source: str
    cell_type: str
    points: float | None
    flags: tuple[bool, bool, bool, bool]


@dataclass(frozen=True)
class SourceNotebook:
    """One notebook of an assignment. `cells` maps grade ids to cells, in their order in the notebook.

    `earlier` maps grade ids to what students got under them in any release: nothing that was ever given out is an edit.
    """

    name: str
    kernelspec: Mapping[str, Any]
    cells: Mapping[str, SourceCell]
    hidden: Mapping[str, Hidden] = field(default_factory=dict)
    earlier: Mapping[str, frozenset[Given]] = field(default_factory=dict)

    @property
    def graded(self) -> list[SourceCell]:
        return [cell for cell in self.cells.values() if cell.is_graded]


@dataclass(frozen=True)
class SourceAssignment:
    """An assignment's notebooks, in nbgrader's order (by name)."""

    name: str
    notebooks: tuple[SourceNotebook, ...]


def build_notebook(name: str, kernelspec: Mapping[str, Any], cells: Iterable[SourceCell]) -> SourceNotebook:
    """A source notebook, its hidden regions found."""
    known = {cell.name: cell for cell in cells}
    hidden = {key: found for key, cell in known.items() if cell.grade and (found := find_hidden(cell.source))}
    return SourceNotebook(name, kernelspec, known, hidden)


def read_gradebook(db_url: str, assignment: str, source_folder: Path | None = None) -> SourceAssignment:
    """The assignment as nbgrader's gradebook has it, after `generate_assignment`.

    `source_folder` (source/<assignment>) tells the order of the cells; without it the order they were saved in counts.
    """
    from nbgrader import api
    from sqlalchemy import create_engine, select
    from sqlalchemy.orm import Session

    engine = create_engine(db_url)
    try:
        with Session(engine) as session:
            row = session.scalar(select(api.Assignment).where(api.Assignment.name == assignment))
            if row is None:
                raise NotFound(
                    f"The gradebook has no assignment called {assignment!r}. Release it first (nbgrader "
                    "generate_assignment).",
                    f"성적부에 과제 {assignment!r}이(가) 없습니다. 먼저 배포하세요(nbgrader generate_assignment).",
                )
            notebooks = tuple(_notebook_of(notebook, source_folder) for notebook in row.notebooks)
    finally:
        engine.dispose()
    return SourceAssignment(assignment, notebooks)


def flags_of(meta: Mapping[str, Any]) -> tuple[bool, bool, bool, bool]:
    """What nbgrader takes a cell with this metadata for: grade, solution, locked, task."""
    grade, solution = bool(meta.get("grade")), bool(meta.get("solution"))
    return grade, solution, not solution and (grade or bool(meta.get("locked"))), bool(meta.get("task"))


def number_of(value: Any) -> float | None:
    """`value` as a number, None where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def with_earlier(source: SourceAssignment, bundles: Iterable[Path]) -> SourceAssignment:
    """`source`, knowing what its cells looked like in the released `bundles` (gzipped tars)."""
    given: dict[str, dict[str, set[Given]]] = {notebook.name: {} for notebook in source.notebooks}
    for bundle in bundles:
        for name, key, cell in _cells_in_bundle(bundle):
            if name in given:
                given[name].setdefault(key, set()).add(cell)
    notebooks = (
        replace(notebook, earlier={key: frozenset(cells) for key, cells in given[notebook.name].items()})
        for notebook in source.notebooks
    )
    return replace(source, notebooks=tuple(notebooks))


@lru_cache(maxsize=64)
def _cells_in_bundle(bundle: Path) -> tuple[tuple[str, str, Given], ...]:
    """Notebook, grade id and content of every cell nbgrader knows; a stored bundle never changes."""
    found: list[tuple[str, str, Given]] = []
    with tempfile.TemporaryDirectory() as folder:
        with bundle.open("rb") as handle:
            archive.unpack(handle, Path(folder))
        for path in sorted(Path(folder).glob("*.ipynb")):
            for cell in read_any_notebook(path).cells:
                meta = cell.metadata.get("nbgrader", {})
                if isinstance(meta.get("grade_id"), str):
                    given = Given(cell.source, cell.cell_type, number_of(meta.get("points")), flags_of(meta))
                    found.append((path.stem, meta["grade_id"], given))
    return tuple(found)


def _notebook_of(row: Any, source_folder: Path | None) -> SourceNotebook:
    grade = {cell.name: cell.max_score for cell in row.grade_cells}
    task = {cell.name: cell.max_score for cell in row.task_cells}
    solution = {cell.name for cell in row.solution_cells}
    cells = {
        cell.name: SourceCell(
            name=cell.name,
            cell_type=cell.cell_type,
            source=cell.source or "",
            checksum=cell.checksum,
            locked=bool(cell.locked),
            grade=cell.name in grade,
            solution=cell.name in solution,
            task=cell.name in task,
            max_score=grade.get(cell.name, task.get(cell.name)),
        )
        for cell in row.source_cells
    }
    order = _order_in(source_folder / f"{row.name}.ipynb") if source_folder else []
    names = [name for name in order if name in cells] + [name for name in cells if name not in order]
    return build_notebook(row.name, json.loads(row.kernelspec or "{}"), (cells[name] for name in names))


def _order_in(path: Path) -> list[str]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        metas = [cell.get("metadata", {}).get("nbgrader", {}) for cell in raw["cells"]]
        return [meta["grade_id"] for meta in metas if isinstance(meta.get("grade_id"), str)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def read_source_notebook(path: Path) -> SourceNotebook:
    """The notebook an instructor wrote (with solutions and hidden tests), as `generate_assignment` would save it."""
    from nbgrader import utils
    from nbgrader.nbgraderformat import MetadataValidator
    from nbgrader.preprocessors import CheckCellMetadata, ClearSolutions, ComputeChecksums, LockCells

    nb = read_any_notebook(path)
    if any("AUTOTEST" in cell.source for cell in nb.cells if cell.cell_type == "code"):
        raise Invalid(
            f"{path.name} uses nbgrader's AUTOTEST; its tests have to be made first. Run `nbgrader "
            "generate_assignment` in the course folder and mark with `bitgoeul autograde`.",
            f"{path.name}은(는) nbgrader AUTOTEST를 씁니다. 강좌 폴더에서 `nbgrader generate_assignment`로 검사를 만든 "
            "뒤 `bitgoeul autograde`로 채점하세요.",
        )
    nb = MetadataValidator().upgrade_notebook_metadata(copy.deepcopy(nb))
    resources: dict[str, Any] = {"nbgrader": {"notebook": path.stem, "language": "python"}}
    resources["metadata"] = {}
    try:
        for preprocessor in (LockCells, ClearSolutions, CheckCellMetadata, ComputeChecksums):
            nb, resources = preprocessor().preprocess(nb, resources)
    except Exception as error:
        raise Invalid(
            f"{path.name} is not a valid nbgrader source notebook: {error}. Run `nbgrader validate` on it.",
            f"{path.name}은(는) 올바른 nbgrader 원본 노트북이 아닙니다: {error}. `nbgrader validate`로 확인하세요.",
        ) from error
    cells = []
    for cell in nb.cells:
        if not (utils.is_grade(cell) or utils.is_solution(cell) or utils.is_locked(cell) or utils.is_task(cell)):
            continue
        meta = cell.metadata.nbgrader
        graded = utils.is_grade(cell) or utils.is_task(cell)
        cells.append(
            SourceCell(
                name=meta["grade_id"],
                cell_type=cell.cell_type,
                source=cell.source,
                checksum=meta.get("checksum"),
                locked=utils.is_locked(cell),
                grade=utils.is_grade(cell),
                solution=utils.is_solution(cell),
                task=utils.is_task(cell),
                max_score=float(meta["points"]) if graded else None,
            )
        )
    return build_notebook(path.stem, nb.metadata.get("kernelspec", {}), cells)


def read_any_notebook(path: Path) -> Any:
    """The notebook at `path`, brought to nbformat 4; Invalid, in a sentence, where it is none."""
    from grader.reading import Unreadable, read_notebook

    try:
        return read_notebook(path.read_bytes())
    except OSError as error:
        raise Invalid(
            f"{path} can't be read: {error.strerror}. Check the path.",
            f"{path}을(를) 읽을 수 없습니다: {error.strerror}. 경로를 확인하세요.",
        ) from error
    except Unreadable as error:
        raise Invalid(f"{path.name}: {error.text.en}", f"{path.name}: {error.text.ko}") from error
