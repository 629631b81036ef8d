"""What is found in a notebook that was tampered with, and that honest habits are not taken for tampering."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_course import RIGHT, answered, cell_of, code, text

from grader import archive
from grader.reading import Unreadable, read_notebook
from grader.results import Severity
from grader.sanitize import sanitize
from grader.source import SourceAssignment
from grader.source_reading import with_earlier

Change = Callable[[dict[str, Any]], None]


def looked_at(nb: dict[str, Any], source: SourceAssignment) -> tuple[Any, list[tuple[str, str]]]:
    read = read_notebook(json.dumps(nb).encode())
    findings = sanitize(read, source.notebooks[0])
    return read, [(finding.rule, finding.severity.value) for finding in findings]


def edit_test(nb: dict[str, Any]) -> None:
    cell_of(nb, "square_test")["source"] = "pass"


def edit_locked(nb: dict[str, Any]) -> None:
    cell_of(nb, "setup")["source"] = "rows = ['a,b', '1,2']"


def raise_points(nb: dict[str, Any]) -> None:
    cell_of(nb, "square_test")["metadata"]["nbgrader"]["points"] = 300


def strange_points(nb: dict[str, Any]) -> None:
    cell_of(nb, "square_test")["metadata"]["nbgrader"]["points"] = ["x"]


def unlock_test(nb: dict[str, Any]) -> None:
    cell_of(nb, "square_test")["metadata"]["nbgrader"] |= {"solution": True, "locked": False}


def delete_test(nb: dict[str, Any]) -> None:
    nb["cells"].remove(cell_of(nb, "square_test"))


def duplicate_test(nb: dict[str, Any]) -> None:
    nb["cells"].append(copy.deepcopy(cell_of(nb, "square_test")))


def reorder(nb: dict[str, Any]) -> None:
    nb["cells"][2], nb["cells"][5] = nb["cells"][5], nb["cells"][2]


def forge_id(nb: dict[str, Any]) -> None:
    meta = {"grade_id": "bonus", "grade": True, "solution": False, "locked": True, "points": 50, "schema_version": 3}
    nb["cells"].append(code("1", {"nbgrader": meta}))


def other_kernel(nb: dict[str, Any]) -> None:
    nb["metadata"]["kernelspec"] = {"name": "bash", "display_name": "Bash", "language": "bash"}


def skip_test(nb: dict[str, Any]) -> None:
    cell_of(nb, "square_test")["metadata"]["tags"] = ["skip-execution"]


def test_to_text(nb: dict[str, Any]) -> None:
    cell = cell_of(nb, "square_test")
    cell["cell_type"] = "markdown"
    del cell["outputs"], cell["execution_count"]


TAMPERED = {
    "test edited": (edit_test, "locked-cell-edited"),
    "locked cell edited": (edit_locked, "locked-cell-edited"),
    "points raised": (raise_points, "points-changed"),
    "points that are none": (strange_points, "points-changed"),
    "test made a solution": (unlock_test, "flags-changed"),
    "test deleted": (delete_test, "cell-deleted"),
    "test duplicated": (duplicate_test, "cell-duplicated"),
    "cells reordered": (reorder, "cells-reordered"),
    "grade id forged": (forge_id, "unknown-grade-id"),
    "another kernel": (other_kernel, "kernelspec-changed"),
    "test tagged to be skipped": (skip_test, "test-skipped"),
    "test turned into text": (test_to_text, "cell-type-changed"),
}
test_to_text.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize(("change", "rule"), TAMPERED.values(), ids=TAMPERED)
def test_tampering_is_found_and_repaired(
    change: Change, rule: str, released: dict[str, Any], source: SourceAssignment
) -> None:
    nb = answered(released, RIGHT)
    change(nb)
    read, findings = looked_at(nb, source)
    assert (rule, Severity.SUSPECT) in findings
    for cell in read.cells:
        meta = cell.metadata.get("nbgrader")
        if meta is None:
            continue
        wanted = source.notebooks[0].cells[meta["grade_id"]]
        assert dict(meta) == wanted.metadata
        assert cell.cell_type == wanted.cell_type
        assert not wanted.locked or cell.source == wanted.source
        assert "skip-execution" not in cell.metadata.get("tags", [])


def save_again(nb: dict[str, Any]) -> None:
    nb["nbformat_minor"] = 4
    nb["metadata"] |= {"language_info": {"name": "python", "version": "3.12.1"}, "widgets": {}, "toc": {"a": 1}}
    for number, cell in enumerate(nb["cells"]):
        cell.pop("id", None)
        cell["metadata"] |= {"collapsed": False, "scrolled": True, "tags": ["mine"], "jupyter": {"source_hidden": True}}
        cell["metadata"]["execution"] = {"iopub.status.busy": "2026"}
        if cell["cell_type"] == "code":
            cell["execution_count"] = number
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["x"]}]


def add_cells(nb: dict[str, Any]) -> None:
    nb["cells"].insert(3, code("square(3)"))
    nb["cells"].append(text("메모"))
    nb["cells"].append(code("%timeit square(3)"))


def other_line_ends(nb: dict[str, Any]) -> None:
    for cell in nb["cells"]:
        cell["source"] = "".join(cell["source"]).replace("\n", "\r\n") + "\r\n"


def rename_kernel(nb: dict[str, Any]) -> None:
    nb["metadata"]["kernelspec"] = {"name": ".venv", "display_name": ".venv (3.12.1)", "language": "python"}


def no_kernel(nb: dict[str, Any]) -> None:
    del nb["metadata"]["kernelspec"]


def split_answer(nb: dict[str, Any]) -> None:
    cell = copy.deepcopy(cell_of(nb, "square"))
    cell["source"] = "import math"
    nb["cells"].insert(2, cell)


def unmarked_metadata(nb: dict[str, Any]) -> None:
    meta = {"grade": False, "grade_id": "cell-1a2b3c", "locked": False, "schema_version": 3, "solution": False}
    nb["cells"].insert(1, code("x = 1", {"nbgrader": meta}))
    nb["cells"].insert(1, code("y = 1", {"nbgrader": {}}))


HONEST = {
    "saved by another JupyterLab": save_again,
    "cells added": add_cells,
    "Windows line ends": other_line_ends,
    "another Python's kernel": rename_kernel,
    "no kernel": no_kernel,
    "answer split in two": split_answer,
    "metadata that means nothing": unmarked_metadata,
}


@pytest.mark.parametrize("change", HONEST.values(), ids=HONEST)
def test_honest_habits_are_not_suspect(change: Change, released: dict[str, Any], source: SourceAssignment) -> None:
    nb = answered(released, RIGHT)
    change(nb)
    read, findings = looked_at(nb, source)
    assert [rule for rule, severity in findings if severity == Severity.SUSPECT] == []
    kept = [cell.metadata["nbgrader"]["grade_id"] for cell in read.cells if "nbgrader" in cell.metadata]
    assert kept == list(source.notebooks[0].cells)


def test_who_fetched_an_earlier_release_is_not_suspect(
    released: dict[str, Any], source: SourceAssignment, tmp_path: Path
) -> None:
    earlier = answered(released, RIGHT)
    cell_of(earlier, "square_test")["source"] = "assert square(1) == 1"
    cell_of(earlier, "square_test")["metadata"]["nbgrader"]["points"] = 1
    _, findings = looked_at(earlier, source)
    assert {rule for rule, _ in findings} == {"locked-cell-edited", "points-changed"}
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "p1.ipynb").write_text(json.dumps(earlier))
    bundle = tmp_path / "bundle"
    bundle.write_bytes(archive.pack(tmp_path / "release"))
    _, findings = looked_at(earlier, with_earlier(source, [bundle]))
    assert findings == []


NOT_NOTEBOOKS = {
    "nothing": b"",
    "no JSON": b"hello",
    "binary": bytes(range(256)),
    "a list": b"[]",
    "no cells": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
    "cells that are none": b'{"nbformat": 4, "cells": 7}',
    "a future format": b'{"nbformat": 5, "cells": []}',
    "an ancient format": b'{"nbformat": 1, "cells": []}',
    "no format": b'{"cells": []}',
    "a bottomless pit": b"[" * 100_000,
    "deep metadata": b'{"nbformat": 4, "cells": [], "metadata": ' + b'{"a":' * 500 + b"1" + b"}" * 500 + b"}",
    "broken version 3": b'{"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code"}]}]}',
}


@pytest.mark.parametrize("data", NOT_NOTEBOOKS.values(), ids=NOT_NOTEBOOKS)
def test_what_is_no_notebook_is_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(Unreadable) as refused:
        read_notebook(data)
    assert refused.value.text.en.endswith(".")
    assert refused.value.text.ko.endswith(".")


def test_half_valid_cells_are_left_out_and_half_characters_replaced() -> None:
    cells = [1, {}, {"cell_type": "code"}, {"cell_type": "code", "source": 5}, {"cell_type": "x", "source": ""}]
    cells.append({"cell_type": "code", "source": ["a = '\ud800'\n", "b"], "metadata": None, "outputs": "nonsense"})
    nb = read_notebook(json.dumps({"nbformat": 4, "cells": cells}).encode())
    assert [cell.source for cell in nb.cells] == ["", "a = '?'\nb"]


def test_version_3_notebooks_are_brought_up_to_date() -> None:
    cell = {
        "cell_type": "code",
        "input": "x = 1",
        "language": "python",
        "metadata": {},
        "outputs": [],
        "collapsed": False,
    }
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": [cell], "metadata": {}}]}
    assert [c.source for c in read_notebook(json.dumps(old).encode()).cells] == ["x = 1"]


def test_a_notebook_without_a_kernelspec_in_the_source_keeps_its_own(
    released: dict[str, Any], source: SourceAssignment
) -> None:
    bare = replace(source, notebooks=(replace(source.notebooks[0], kernelspec={}),))
    read, findings = looked_at(released, bare)
    assert findings == []
    assert read.metadata["kernelspec"]["name"] == "python3"
