"""Reading a notebook that somebody handed in: any bytes in, a well-formed nbformat 4 notebook or a sentence out.

Owns the shape of what marking works on. What can't be a cell is left out; nothing here raises anything but Unreadable.
"""

from __future__ import annotations

import json
import math
from typing import Any

from courses.model import Text

CELL_TYPES = ("code", "markdown", "raw")
MOST_CELLS = 5000
MOST_BYTES = 100 * 1024 * 1024
DEEPEST = 60


class Unreadable(Exception):
    """The bytes are no notebook; `text` says why, for the person who handed them in."""

    def __init__(self, english: str, korean: str) -> None:
        super().__init__(english)
        self.text = Text(ko=korean, en=english)


def read_notebook(data: bytes) -> Any:
    """A NotebookNode of nbformat 4 with code, markdown and raw cells. Versions 2 and 3 are brought up to date."""
    import nbformat

    if len(data) > MOST_BYTES:
        raise Unreadable(
            f"The notebook is larger than {MOST_BYTES // 2**20} MiB. Clear its outputs and hand it in again.",
            f"노트북이 {MOST_BYTES // 2**20} MiB보다 큽니다. 출력을 지우고 다시 제출하세요.",
        )
    raw = _json_of(data)
    if b"\\ud" in data or b"\\uD" in data:
        raw = _without_surrogates(raw)
    version = raw.get("nbformat")
    if type(version) is not int or not 2 <= version <= 4:
        raise Unreadable(
            f"The notebook's format version is {version!r}; versions 2 to 4 can be read. Save it with JupyterLab.",
            f"노트북 형식 버전이 {version!r}입니다. 2~4 버전만 읽을 수 있습니다. JupyterLab에서 다시 저장하세요.",
        )
    if version < 4:
        try:
            raw = nbformat.convert(nbformat.from_dict(raw), 4)
        except Exception as error:
            raise _broken(str(error)) from error
    cells = raw.get("cells")
    if not isinstance(cells, list):
        raise _broken("it has no list of cells")
    if len(cells) > MOST_CELLS:
        raise _broken(f"it has more than {MOST_CELLS} cells")
    metadata = raw.get("metadata")
    nb = nbformat.v4.new_notebook(metadata=metadata if isinstance(metadata, dict) else {})
    nb.cells = [cell for number, item in enumerate(cells) if (cell := _cell_of(item, number)) is not None]
    return nb


def _json_of(data: bytes) -> dict[str, Any]:
    try:
        raw = json.loads(data.decode("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Unreadable(
            "The file is not a notebook: it is not valid JSON. Save the notebook again and hand it in.",
            "노트북 파일이 아닙니다(올바른 JSON이 아님). 노트북을 다시 저장해 제출하세요.",
        ) from error
    if not isinstance(raw, dict):
        raise _broken("its top level is not an object")
    if _depth(raw) > DEEPEST:
        raise _broken("its data is nested too deeply")
    return raw


def _without_surrogates(value: Any) -> Any:
    """The same data with half characters, which JSON can hold and no file can, replaced."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


def _no_constant(_word: str) -> float:
    return math.nan  # NaN and Infinity are no JSON, but Python notebooks have them in old metadata


def _depth(value: Any) -> int:
    level = [value]
    depth = 0
    while level and depth <= DEEPEST:
        depth += 1
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
        ]
    return depth


def _broken(what: str) -> Unreadable:
    return Unreadable(
        f"The file is not a notebook that can be marked: {what}. Fetch the assignment again and copy your answers.",
        f"채점할 수 있는 노트북이 아닙니다: {what}. 과제를 다시 받아 답을 옮겨 제출하세요.",
    )


def _cell_of(item: Any, number: int) -> Any | None:
    import nbformat

    if not isinstance(item, dict) or item.get("cell_type") not in CELL_TYPES:
        return None
    source = item.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return None
    metadata = item.get("metadata")
    cell: dict[str, Any] = {
        "id": f"cell-{number}",
        "cell_type": item["cell_type"],
        "metadata": metadata if isinstance(metadata, dict) else {},
        "source": source,
    }
    if item["cell_type"] == "code":
        cell |= {"outputs": [], "execution_count": None}
    attachments = item.get("attachments")
    if item["cell_type"] == "markdown" and isinstance(attachments, dict) and attachments:
        cell["attachments"] = attachments
    return nbformat.from_dict(cell)
