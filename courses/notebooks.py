"""How many points a source notebook is worth, read from its JSON alone.

Knows nbgrader's cell metadata, schema version 3. Imports neither nbformat nor nbgrader: a catalogue loads quickly.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from courses.model import Text
from courses.problems import Refusal

NBFORMAT = 4
SCHEMA_VERSION = 3


def notebook_points(path: Path) -> float:
    """What the graded cells of the notebook at `path` add up to.

    Refusal if it is no notebook, or its nbgrader metadata is one that nbgrader would refuse.
    """
    cells = [_nbgrader(cell) for cell in _cells(path)]
    cells = [meta for meta in cells if meta]
    for meta in cells:
        if meta.get("schema_version") != SCHEMA_VERSION:
            raise Refusal(
                Text(
                    f"nbgrader 메타데이터는 schema_version {SCHEMA_VERSION}이어야 합니다",
                    f"must hold nbgrader metadata of schema_version {SCHEMA_VERSION}",
                ),
                Text("`nbgrader update`를 실행하세요", "run `nbgrader update` on it"),
            )
    _check_ids(cells)
    return sum(_points(meta) for meta in cells)


def _cells(path: Path) -> list[dict[str, Any]]:
    try:
        notebook = json.loads(path.read_bytes())
    except ValueError:  # of JSON and of UTF-8 alike
        raise _unreadable(
            "JSON으로 읽을 수 있는 노트북이어야 합니다", "must be a notebook that reads as JSON"
        ) from None
    cells = notebook.get("cells") if isinstance(notebook, dict) and notebook.get("nbformat") == NBFORMAT else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise _unreadable(f"nbformat {NBFORMAT} 노트북이어야 합니다", f"must be a notebook in nbformat {NBFORMAT}")
    return cells


def _nbgrader(cell: dict[str, Any]) -> dict[str, Any]:
    metadata = cell.get("metadata")
    found = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def _check_ids(cells: list[dict[str, Any]]) -> None:
    ids = [meta.get("grade_id") for meta in cells if meta.get("grade") or meta.get("solution") or meta.get("locked")]
    for grade_id, times in Counter(ids).items():
        if not grade_id or times > 1:
            raise Refusal(
                Text(
                    f"nbgrader 셀마다 서로 다른 grade_id가 있어야 합니다: {grade_id!r} {times}번",
                    f"must give every nbgrader cell a grade_id of its own: {grade_id!r} stands there {times} times",
                ),
                Text("셀의 grade_id를 바꾸세요", "change the grade_id of the cell"),
            )


def _points(meta: dict[str, Any]) -> float:
    if not (meta.get("grade") or meta.get("task")):
        return 0.0
    points = meta.get("points")
    if isinstance(points, bool) or not isinstance(points, int | float) or points < 0:
        grade_id = meta.get("grade_id")
        raise Refusal(
            Text(
                f"채점하는 셀마다 0 이상의 배점이 있어야 합니다: {grade_id!r}의 배점은 {points!r}",
                f"must give every graded cell points of 0 or more: {grade_id!r} has {points!r}",
            ),
            Text("셀의 points를 고치세요", "correct the points of the cell"),
        )
    return float(points)


def _unreadable(korean: str, english: str) -> Refusal:
    return Refusal(
        Text(korean, english),
        Text("JupyterLab에서 열어 다시 저장하세요", "open it in JupyterLab and save it again"),
    )
