"""What must stay hidden is found in what students get, wherever it shows."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from release_sources import graded
from small_course import code, nbgrader, notebook, text, write

from grader.release_leaks import find_leaks
from grader.release_report import Level, Problem
from grader.source import SourceCell, build_notebook

HIDDEN_TEST = SourceCell(
    "f_test",
    "code",
    "assert f(1) == 10\nimport numpy as np\n### BEGIN HIDDEN TESTS\nimport numpy as np\nsecret = [3, 1, 4, 1, 5]\n"
    'assert f(314) == 3140, "scaled"\nnp.testing.assert_allclose(f(2.5), 25.0)\nassert f(1) == 10\n'
    "### END HIDDEN TESTS",
    None,
    True,
    True,
    False,
    False,
    3,
)


ANSWER = "def f(x):\n    # scale it\n    factor = 10 * sum([1])\n    return factor * x"


BLANK = "def f(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()"


GIVEN = "assert f(1) == 10\nimport numpy as np"


LEAK = "assert f(314) == 3140"


STREAM = {"output_type": "stream", "name": "stdout", "text": "f(314)==3140 failed"}


def zipped(name: str, content: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr(name, content)
    return out.getvalue()


def leaks(folder: Path, nb: dict[str, Any], files: dict[str, str | bytes]) -> list[Problem]:
    write(nb, folder / "p1.ipynb")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    source = build_notebook(
        "p1", {}, [SourceCell("f", "code", BLANK, None, False, False, True, False, None), HIDDEN_TEST]
    )
    return find_leaks(folder, [source], {("p1", "f"): (ANSWER, BLANK)})


def student(*more: dict[str, Any], **changes: Any) -> dict[str, Any]:
    cells = (code(BLANK, nbgrader("f", solution=True)), graded("f_test", GIVEN, 3))
    return notebook(*cells, *more) | changes


def shown(data: dict[str, Any]) -> dict[str, Any]:
    return code("") | {"outputs": [{"output_type": "display_data", "data": data, "metadata": {}}]}


@pytest.mark.parametrize(
    ("nb", "files", "rule", "place"),
    [
        (student(text(f"Hint: `{LEAK}`")), {}, "hidden-test-shows", "p1.ipynb, #3"),
        (student(code(LEAK.replace(" ", "  "))), {}, "hidden-test-shows", "#3"),
        (student(code("") | {"outputs": [STREAM]}), {}, "hidden-test-shows", "#3 (outputs)"),
        (student(shown({"text/html": ["<b>f(314)", " &#61;= 3140</b>"]})), {}, "hidden-test-shows", "#3 (outputs)"),
        (student(text("") | {"metadata": {"note": LEAK}}), {}, "hidden-test-shows", "#3 (metadata)"),
        (student(metadata={"old": {"deep": [LEAK]}}), {}, "hidden-test-shows", "metadata"),
        (
            student(text("") | {"attachments": {"a.txt": {"text/plain": base64.b64encode(LEAK.encode()).decode()}}}),
            {},
            "hidden-test-shows",
            "#3 (attachments)",
        ),
        (student(), {"tests/helper.py": f"def test():\n    {LEAK}\n"}, "hidden-test-shows", "tests/helper.py"),
        (
            student(),
            {"old/p1-draft.ipynb": json.dumps(notebook(code(LEAK)))},
            "hidden-test-shows",
            "p1-draft.ipynb, #1",
        ),
        (student(), {"all.zip": zipped("p1.py", LEAK)}, "hidden-test-shows", "all.zip, all.zip!p1.py"),
        (student(), {"n.py": "np.testing.assert_allclose(f(2.5), 25.0)"}, "hidden-test-shows", "n.py"),
        (student(code("### BEGIN HIDDEN TESTS\n1\n### END HIDDEN TESTS")), {}, "marker-left", None),
        (student(), {"solution.py": "### BEGIN SOLUTION"}, "marker-left", None),
        (student(text("factor = 10 * sum([1])\n    return factor * x")), {}, "solution-shows", "#3"),
        (student(), {"f.py": ANSWER}, "solution-shows", "f.py"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_must_stay_hidden_is_found_wherever_it_shows(
    tmp_path: Path, nb: dict[str, Any], files: dict[str, str | bytes], rule: str, place: str | None
) -> None:
    found = [problem for problem in leaks(tmp_path, nb, files) if problem.rule == rule]
    assert found, "nothing was found"
    assert {problem.level for problem in found} == {Level.REFUSED}
    if place:
        assert {problem.cell for problem in found} == {"f" if rule == "solution-shows" else "f_test"}
        assert place in found[0].text.en


@pytest.mark.parametrize(
    "nb",
    [
        student(),
        student(code("import numpy as np\nassert f(1) == 10")),
        student(text("Scale by a factor of 10; 3140 is only a number.")),
        student(code("factor = 10")),
    ],
    ids=["as generated", "an open test and an import", "a question", "half a line of the answer"],
)
def test_what_students_may_see_is_no_leak(tmp_path: Path, nb: dict[str, Any]) -> None:
    assert leaks(tmp_path, nb, {"data.csv": "a,b\n1,2\n"}) == []
