"""Which interpreter a cell belongs to: the student's, or the judge's.

Owns the roles of a sanitized notebook's code cells. The student's are the answers and every cell that somebody wrote
or changed; what nbgrader locks, and what the instructor gave out and nobody changed, is trusted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from grader.judge.plan import PlannedCell, Role
from grader.sanitize import SKIP_TAG
from grader.source import SourceNotebook


def roles_of(nb: Any, source: SourceNotebook) -> list[PlannedCell]:
    """The code cells of `nb` (sanitized) that are to be run, in order, each with its role."""
    plain = Counter(text.strip() for text in source.plain)
    cells: list[PlannedCell] = []
    for index, cell in enumerate(nb.cells):
        if cell.cell_type != "code" or not cell.source.strip() or is_skipped(cell):
            continue
        key = cell.metadata.get("nbgrader", {}).get("grade_id")
        cells.append(PlannedCell(index, _role(cell, key, source, plain), key, cell.source))
    return cells


def is_skipped(cell: Any) -> bool:
    """Whether nbclient would leave the cell out."""
    tags = cell.metadata.get("tags")
    return isinstance(tags, list) and SKIP_TAG in tags


def split_preamble(cells: Sequence[PlannedCell]) -> tuple[list[PlannedCell], list[PlannedCell]]:
    """The trusted cells before the first cell that is the student's or a test, and the rest."""
    count = next((n for n, cell in enumerate(cells) if cell.role is not Role.LOCKED), len(cells))
    return list(cells[:count]), list(cells[count:])


def _role(cell: Any, key: str | None, source: SourceNotebook, plain: Counter[str]) -> Role:
    if key is None:
        text = cell.source.strip()
        if plain[text] > 0:
            plain[text] -= 1
            return Role.LOCKED
        return Role.STUDENT
    wanted = source.cells.get(key)
    if wanted is None or wanted.solution:
        return Role.STUDENT
    if wanted.grade:
        return Role.TEST
    return Role.LOCKED if wanted.locked else Role.STUDENT
