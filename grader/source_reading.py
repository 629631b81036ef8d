"""Reading the trusted side of an assignment: from nbgrader's gradebook, from an instructor's notebook, from releases.

Owns the statements on nbgrader's `source_cell` and its companions, and what is remembered of files that do not change.
"""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import text

from cohorts.errors import Invalid, NotFound
from grader import archive
from grader.gradebook_file import to_look
from grader.source import (
    Given,
    SourceAssignment,
    SourceCell,
    SourceNotebook,
    build_notebook,
    flags_of,
    number_of,
)


@dataclass(frozen=True)
class Layout:
    """What only the instructor's notebook itself tells: the order of its cells, and its code with solutions."""

    order: tuple[str, ...]
    reference: tuple[str, ...]
    plain: tuple[str, ...]


NO_LAYOUT = Layout((), (), ())


CELLS = text(
    """
    SELECT notebook.name, notebook.kernelspec,
           source_cell.name, source_cell.cell_type, source_cell.source, source_cell.checksum,
           source_cell.locked, MAX(grade_cells.max_score), MAX(task_cells.max_score), COUNT(solution_cells.id)
    FROM notebook
    JOIN assignment ON assignment.id = notebook.assignment_id
    LEFT JOIN source_cell ON source_cell.notebook_id = notebook.id
    LEFT JOIN base_cell ON base_cell.notebook_id = notebook.id AND base_cell.name = source_cell.name
    LEFT JOIN grade_cells ON grade_cells.id = base_cell.id
    LEFT JOIN task_cells ON task_cells.id = base_cell.id
    LEFT JOIN solution_cells ON solution_cells.id = base_cell.id
    WHERE assignment.name = :name
    GROUP BY notebook.name, notebook.kernelspec, source_cell.name, source_cell.cell_type, source_cell.source,
             source_cell.checksum, source_cell.locked
    ORDER BY notebook.name, source_cell.name
    """
)
ASSIGNMENT = text("SELECT id FROM assignment WHERE name = :name")


def read_gradebook(db_url: str, assignment: str, source_folder: Path | None = None) -> SourceAssignment:
    """The assignment as nbgrader's gradebook has it, after `generate_assignment`.

    `source_folder` (source/<assignment>) tells the order of the cells; without it no order is asked for.
    """
    with to_look(db_url).connect() as connection:
        rows = connection.execute(CELLS, {"name": assignment}).all()
        if not rows and connection.scalar(ASSIGNMENT, {"name": assignment}) is None:
            raise NotFound(
                f"The gradebook has no assignment called {assignment!r}. Release it first (nbgrader "
                "generate_assignment).",
                f"성적부에 과제 {assignment!r}이(가) 없습니다. 먼저 배포하세요(nbgrader generate_assignment).",
            )
    notebooks = (
        _notebook_of(name, kernel, tuple(row[2:] for row in cells if row[2] is not None), source_folder)
        for (name, kernel), cells in groupby(rows, key=lambda row: (row[0], row[1]))
    )
    return SourceAssignment(assignment, tuple(notebooks))


def with_earlier(source: SourceAssignment, bundles: Iterable[Path]) -> SourceAssignment:
    """`source`, knowing what its cells looked like in the released `bundles` (gzipped tars)."""
    given: dict[str, dict[str, set[Given]]] = {notebook.name: {} for notebook in source.notebooks}
    always: dict[str, frozenset[str]] = {}
    for bundle in bundles:
        names: dict[str, set[str]] = {}
        for name, key, cell in _cells_in_bundle(bundle):
            if name in given:
                given[name].setdefault(key, set()).add(cell)
                names.setdefault(name, set()).add(key)
        for name, keys in names.items():
            always[name] = always.get(name, frozenset(keys)) & keys
    notebooks = (
        replace(
            notebook,
            earlier={key: frozenset(cells) for key, cells in given[notebook.name].items()},
            in_every_release=always.get(notebook.name, frozenset()),
        )
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


def _notebook_of(
    name: str, kernelspec: str | None, rows: tuple[tuple[Any, ...], ...], source_folder: Path | None
) -> SourceNotebook:
    layout = NO_LAYOUT
    if source_folder is not None:
        layout = _layout_at(source_folder / f"{name}.ipynb")
    return _notebook_from(name, kernelspec or "{}", rows, layout)


@lru_cache(maxsize=256)
def _notebook_from(name: str, kernelspec: str, rows: tuple[tuple[Any, ...], ...], layout: Layout) -> SourceNotebook:
    cells = {
        key: SourceCell(
            name=key,
            cell_type=cell_type,
            source=source or "",
            checksum=checksum,
            locked=bool(locked),
            grade=grade is not None,
            solution=bool(solutions),
            task=task is not None,
            max_score=grade if grade is not None else task,
        )
        for key, cell_type, source, checksum, locked, grade, task, solutions in rows
    }
    names = [key for key in layout.order if key in cells] + [key for key in cells if key not in layout.order]
    found = build_notebook(name, json.loads(kernelspec), (cells[key] for key in names))
    return replace(found, reference=layout.reference, plain=layout.plain, ordered=bool(layout.order))


def with_layout(notebook: SourceNotebook, path: Path) -> SourceNotebook:
    """`notebook`, with what the instructor's own notebook at `path` tells beyond the gradebook's cells."""
    layout = _layout_at(path)
    return replace(notebook, reference=layout.reference, plain=layout.plain)


def _layout_at(path: Path) -> Layout:
    try:
        status = path.stat()
        return _layout_of(path, status.st_mtime_ns, status.st_size, status.st_ino)
    except (OSError, Invalid):
        return NO_LAYOUT


@lru_cache(maxsize=256)
def _layout_of(path: Path, _changed: int, _size: int, _inode: int) -> Layout:
    """The layout of the notebook at `path`, read again when the file has changed."""
    return layout_of(read_any_notebook(path))


def layout_of(nb: Any) -> Layout:
    """The layout of an instructor's notebook (nbformat 4)."""
    metas = [cell.metadata.get("nbgrader", {}) for cell in nb.cells]
    code = [(cell.source, meta) for cell, meta in zip(nb.cells, metas, strict=True) if cell.cell_type == "code"]
    return Layout(
        order=tuple(meta["grade_id"] for meta in metas if isinstance(meta.get("grade_id"), str)),
        reference=tuple(source for source, _ in code),
        plain=tuple(source for source, meta in code if source.strip() and not any(flags_of(meta))),
    )


def read_source_notebook(path: Path) -> SourceNotebook:
    """The notebook an instructor wrote (with solutions and hidden tests), as `generate_assignment` would save it."""
    from nbgrader import utils
    from nbgrader.nbgraderformat import MetadataValidator
    from nbgrader.preprocessors import CheckCellMetadata, ClearSolutions, ComputeChecksums, LockCells

    nb = read_any_notebook(path)
    layout = layout_of(nb)
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
    found = build_notebook(path.stem, nb.metadata.get("kernelspec", {}), cells)
    return replace(found, reference=layout.reference, plain=layout.plain)


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
