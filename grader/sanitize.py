"""Making a submission trustworthy before it runs: every known cell gets back what is the instructor's.

Owns the rules of tampering that can be seen in a notebook. Follows nbgrader's ClearOutput, DeduplicateIds,
OverwriteKernelspec, OverwriteCells and CheckCellMetadata, and gives the same notebook for honest work; where those
would trust the submission's own metadata (what is graded, what is locked), the gradebook's is written over it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from courses.model import Text
from grader.added_cells import add_cells
from grader.hidden import find_hidden
from grader.results import Finding, Severity
from grader.source import SourceCell, SourceNotebook, flags_of, number_of

SKIP_TAG = "skip-execution"  # nbclient leaves out a cell with this tag: a test that never runs never fails
FLAGS = ("grade", "solution", "locked", "task")
PYTHON = "python"
MARK_SCHEME = ("BEGIN MARK SCHEME", "END MARK SCHEME")


def sanitize(nb: Any, source: SourceNotebook) -> list[Finding]:
    """Restore `nb` (from `reading.read_notebook`) in place; returns what was found on the way."""
    findings = list(_restore_kernelspec(nb, source))
    add_cells(nb, source)
    last = {key: index for index, cell in enumerate(nb.cells) if (key := grade_id(cell)) in source.cells}
    seen: Counter[str] = Counter()
    for index, cell in enumerate(nb.cells):
        key = grade_id(cell)
        if key is None or key not in source.cells:
            if key not in source.earlier:
                findings += _unknown(cell, key, source)
            cell.metadata.pop("nbgrader", None)
            continue
        seen[key] += 1
        if last[key] != index:  # nbgrader keeps the last of several
            cell.metadata.pop("nbgrader", None)
            continue
        findings += _restore_cell(cell, source.cells[key], source)
    findings += _duplicates(seen, source)
    findings += _missing(seen, source)
    if source.ordered:
        findings += _order([key for key, _ in sorted(last.items(), key=lambda item: item[1]) if key], source)
    return findings


def grade_id(cell: Any) -> str | None:
    """The grade id a cell claims, None where it claims none."""
    meta = cell.metadata.get("nbgrader")
    key = meta.get("grade_id") if isinstance(meta, Mapping) else None
    return key if isinstance(key, str) else None


def released_source(cell: SourceCell) -> str:
    """The cell as the student got it: without hidden tests and mark schemes."""
    return _released(cell.source)


@lru_cache(maxsize=4096)
def _released(text: str) -> str:
    for begin, end in (("BEGIN HIDDEN TESTS", "END HIDDEN TESTS"), MARK_SCHEME):
        text = "\n".join(find_hidden(text, begin, end).visible.values())
    return text


def _finding(
    rule: str, severity: Severity, source: SourceNotebook | str, cell: str | None, ko: str, en: str
) -> Finding:
    name = source if isinstance(source, str) else source.name
    return Finding(rule, severity, name, cell, Text(ko=ko, en=en))


def _restore_kernelspec(nb: Any, source: SourceNotebook) -> Iterator[Finding]:
    given = nb.metadata.get("kernelspec")
    wanted = dict(source.kernelspec)
    if not wanted:
        return
    nb.metadata["kernelspec"] = wanted
    if not isinstance(given, Mapping) or given.get("name") == wanted.get("name"):
        return
    language = str(given.get("language") or "").lower()
    name = str(given.get("name"))[:60]
    honest = language == str(wanted.get("language", PYTHON)).lower() or (not language and PYTHON in name.lower())
    yield _finding(
        "kernelspec-changed",
        Severity.NOTE if honest else Severity.SUSPECT,
        source,
        None,
        f"커널이 {name!r}(으)로 바뀌어 있어 원래 커널로 되돌렸습니다.",
        f"The kernel was changed to {name!r}; the original one was put back.",
    )


def _unknown(cell: Any, key: str | None, source: SourceNotebook) -> Iterator[Finding]:
    meta = cell.metadata.get("nbgrader")
    if not isinstance(meta, Mapping) or not any(meta.get(flag) for flag in FLAGS):
        return
    shown = (key or "")[:60]
    yield _finding(
        "unknown-grade-id",
        Severity.SUSPECT,
        source,
        shown or None,
        f"과제에 없는 채점 셀 {shown!r}이(가) 있어 일반 셀로 다루었습니다.",
        f"A cell claims the grade id {shown!r}, which the assignment does not have; it was treated as an ordinary one.",
    )


def _restore_cell(cell: Any, wanted: SourceCell, source: SourceNotebook) -> Iterator[Finding]:
    meta = cell.metadata["nbgrader"]
    notebook = source.name
    yield from _changed_metadata(cell, meta, wanted, source)
    if cell.cell_type != wanted.cell_type:
        _set_type(cell, wanted.cell_type)
    cell.metadata["nbgrader"] = type(cell.metadata)(wanted.metadata)
    if wanted.locked:
        given_out = (given.source for given in source.earlier.get(wanted.name, ()))
        allowed = {wanted.source, released_source(wanted), *given_out}
        if _squash(cell.source) not in {_squash(text) for text in allowed}:
            yield _finding(
                "locked-cell-edited",
                Severity.SUSPECT,
                notebook,
                wanted.name,
                f"고칠 수 없는 셀 {wanted.name!r}의 내용이 바뀌어 있어 원래 내용으로 되돌렸습니다.",
                f"The locked cell {wanted.name!r} had been edited; its original content was put back.",
            )
        cell.source = wanted.source
    tags = cell.metadata.get("tags")
    if wanted.locked and wanted.grade and isinstance(tags, list) and SKIP_TAG in tags:
        cell.metadata["tags"] = [tag for tag in tags if tag != SKIP_TAG]
        yield _finding(
            "test-skipped",
            Severity.SUSPECT,
            notebook,
            wanted.name,
            f"검사 셀 {wanted.name!r}에 실행을 건너뛰는 태그가 있어 지웠습니다.",
            f"The test cell {wanted.name!r} carried a tag that skips it; the tag was removed.",
        )


def _changed_metadata(
    cell: Any, meta: Mapping[str, Any], wanted: SourceCell, source: SourceNotebook
) -> Iterator[Finding]:
    notebook = source.name
    earlier = source.earlier.get(wanted.name, frozenset())
    if cell.cell_type not in {wanted.cell_type, *(given.cell_type for given in earlier)}:
        yield _finding(
            "cell-type-changed",
            Severity.SUSPECT if wanted.locked else Severity.NOTE,
            notebook,
            wanted.name,
            f"셀 {wanted.name!r}의 종류가 {cell.cell_type}(으)로 바뀌어 있어 {wanted.cell_type}(으)로 되돌렸습니다.",
            f"The cell {wanted.name!r} had become {cell.cell_type}; it was made {wanted.cell_type} again.",
        )
    flags = flags_of(meta)
    changed = [name for name, now, then in zip(FLAGS, flags, wanted.flags, strict=True) if now != then]
    if changed and flags not in {given.flags for given in earlier}:
        yield _finding(
            "flags-changed",
            Severity.SUSPECT,
            notebook,
            wanted.name,
            f"셀 {wanted.name!r}의 채점 표시({', '.join(changed)})가 바뀌어 있어 되돌렸습니다.",
            f"The marks nbgrader puts on cell {wanted.name!r} ({', '.join(changed)}) were changed; they were put back.",
        )
    points = {wanted.max_score, *(given.points for given in earlier)}
    if wanted.is_graded and "points" in meta and number_of(meta["points"]) not in points:
        yield _finding(
            "points-changed",
            Severity.SUSPECT,
            notebook,
            wanted.name,
            f"셀 {wanted.name!r}의 배점이 {str(meta['points'])[:20]}(으)로 바뀌어 있어 {wanted.max_score:g}점으로 "
            "되돌렸습니다.",
            f"The points of cell {wanted.name!r} had been set to {str(meta['points'])[:20]}; they are "
            f"{wanted.max_score:g} again.",
        )


def _duplicates(seen: Counter[str], source: SourceNotebook) -> Iterator[Finding]:
    for key, times in seen.items():
        if times > 1:
            yield _finding(
                "cell-duplicated",
                Severity.SUSPECT if source.cells[key].locked else Severity.NOTE,
                source,
                key,
                f"셀 {key!r}이(가) {times}번 들어 있어 마지막 것을 채점했습니다.",
                f"The cell {key!r} is there {times} times; the last one was marked.",
            )


def _missing(seen: Counter[str], source: SourceNotebook) -> Iterator[Finding]:
    for key, cell in source.cells.items():
        if key not in seen:
            yield _finding(
                "cell-deleted",
                Severity.SUSPECT if cell.locked else Severity.NOTE,
                source,
                key,
                f"셀 {key!r}이(가) 지워져 있습니다.",
                f"The cell {key!r} was deleted.",
            )


def _order(given: list[str], source: SourceNotebook) -> Iterator[Finding]:
    wanted = [key for key in source.cells if key in set(given)]
    if given != wanted:
        moved = next(key for key, expected in zip(given, wanted, strict=True) if key != expected)
        yield _finding(
            "cells-reordered",
            Severity.SUSPECT,
            source,
            moved,
            f"셀의 순서가 바뀌어 있습니다({moved!r}부터).",
            f"The cells are in another order than in the assignment (from {moved!r} on).",
        )


def _set_type(cell: Any, kind: str) -> None:
    cell["cell_type"] = kind
    if kind == "code":
        cell.pop("attachments", None)
        cell["outputs"] = []
        cell["execution_count"] = None
    else:
        cell.pop("outputs", None)
        cell.pop("execution_count", None)


def _squash(text: str) -> str:
    return "".join(text.split())
