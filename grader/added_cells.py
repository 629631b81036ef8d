"""Cells that came into an assignment after a student had fetched it: put into the submission where they belong.

Owns which cells those are: a cell that some release of the assignment lacks may honestly be missing, and a test among
them has to run all the same. Whatever every release handed out stays as the student left it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from grader.source import SourceCell, SourceNotebook


def add_cells(nb: Any, source: SourceNotebook) -> None:
    """Put the cells of `source` that not every release had, and `nb` lacks, behind those they follow in the source."""
    if not source.in_every_release:  # nothing is known of what was handed out
        return
    places = {key: index for index, cell in enumerate(nb.cells) if (key := _key(cell)) is not None}
    behind = -1
    for key, cell in source.cells.items():
        if key in places:
            behind = max(behind, places[key])
        elif key not in source.in_every_release:
            behind = _place(nb, cell, behind, places)


def _place(nb: Any, cell: SourceCell, behind: int, places: dict[str, int]) -> int:
    """Insert `cell` after the cell number `behind`; returns its own number."""
    from nbformat import from_dict

    made: dict[str, Any] = {"cell_type": cell.cell_type, "source": cell.source, "metadata": {"nbgrader": cell.metadata}}
    if cell.cell_type == "code":
        made |= {"outputs": [], "execution_count": None}
    if (nb.nbformat, nb.nbformat_minor) >= (4, 5):
        made["id"] = "added-" + hashlib.sha256(cell.name.encode()).hexdigest()[:16]
    index = len(nb.cells) if behind < 0 else behind + 1
    nb.cells.insert(index, from_dict(made))
    for key, place in places.items():
        if place >= index:
            places[key] = place + 1
    places[cell.name] = index
    return index


def _key(cell: Any) -> str | None:
    meta = cell.metadata.get("nbgrader")
    key = meta.get("grade_id") if isinstance(meta, Mapping) else None
    return key if isinstance(key, str) else None
