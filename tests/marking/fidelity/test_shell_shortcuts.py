"""Ways that are shorter than IPython's lead to the same place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ipykernel.compiler import get_tmp_hash_seed, murmur2_x86
from IPython.core.inputtransformer2 import TransformerManager

from grader.sandbox.shell_hash import hash_of, kept_hash_of
from grader.sandbox.shell_imports import code_of_imports
from grader.sandbox.shell_transforms import SPECIAL, OwnTransforms

LAB = Path(__file__).with_name("shell_lab.py")
CONTENT = Path(__file__).parents[3] / "courses" / "content"

PLAIN = [
    "x = 1",
    "x = 7 % 3 != 1\ny = f'{x:%Y}'",
    "if x:\n    y = 1\n",
    "\n\n# 제목\nfor i in range(3):\n    print(i, end=', ')",
    "def half(x):\n    return x / 2\n\nhalf(\n    4\n)",
    "text = '''\na\n'''",
    "  x = 1\n  y = 2",
    ">>> x = 1\n>>> x",
    "In [3]: x = 1",
    "x = (1,\n     2)",
    "broken(",
    "",
    "x = 1\n   \ny = 2",
    "x = 1\n\t\n",
    "x = 1\r\ny = 2\r\n",
    "x = 1\x0c\n  y = 2",
    "x = 1\n...: y = 2",
    "x = 1\n   ...: y = 2",
    "[ins] In [3]: x = 1",
    "x = 1\nIn [3]: y = 1",
    "x = [...]",
    "[nav]",
    " ",
    "\n",
]
IPYTHONS = [
    "%time x = 1",
    "!ls",
    "files = !ls",
    "now = %timeit -o 1",
    "a = \\\n  %time 1",
    "len?",
    "?len",
    "len??",
    ",print a b",
    ";print a b",
    "/print 1",
    "x = 1\n  %matplotlib inline",
    "%%bash\nls",
    "text = '''\n%not magic\n'''",
    "why = 'what?'",
    "x = 1 # why?",
]


@pytest.mark.parametrize("source", [*PLAIN, *IPYTHONS])
def test_a_cell_is_transformed_as_ipython_would(source: str) -> None:
    assert OwnTransforms().transform_cell(source) == TransformerManager().transform_cell(source)


@pytest.mark.parametrize("source", PLAIN)
def test_a_cell_without_ipythons_syntax_takes_the_short_way(source: str) -> None:
    assert SPECIAL.search(source) is None


def test_most_cells_are_not_even_split_into_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TransformerManager, "transform_cell", None)
    for source in ("x = 1", "def half(x):\n    return x / 2\n\nhalf(\n    4\n)", "# 제목\nfor i in x:\n\n    i + 1\n"):
        assert OwnTransforms().transform_cell(source) == source.rstrip("\n") + "\n"


def test_every_cell_of_the_courses_is_transformed_as_ipython_would() -> None:
    own, ipythons = OwnTransforms(), TransformerManager()
    paths = sorted(CONTENT.glob("*/*/source/*/*.ipynb"))
    cells = [
        "".join(cell["source"])
        for path in paths
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code"
    ]
    assert len(cells) > 100
    assert [cell for cell in cells if own.transform_cell(cell) != ipythons.transform_cell(cell)] == []


def test_a_transformer_that_a_cell_adds_is_asked() -> None:
    class Shout(TransformerManager().token_transformers[0]):  # type: ignore[misc]
        @classmethod
        def find(cls, tokens_by_line: Any) -> Any:
            return cls((1, 0)) if tokens_by_line[0][0].string == "shout" else None

        def transform(self, lines: list[str]) -> list[str]:
            return [lines[0].replace("shout", "SHOUT"), *lines[1:]]

    own = OwnTransforms()
    own.token_transformers.append(Shout)
    assert own.transform_cell("shout = 1") == "SHOUT = 1\n"


@pytest.mark.parametrize(
    "source",
    [
        "import json",
        "import os.path, json as j  # both are here",
        "# 준비\nimport json\n\nfrom collections import Counter, deque as d",
        "from collections import (\n    Counter,\n)",
    ],
)
def test_a_cell_that_only_names_loaded_modules_is_known(source: str) -> None:
    assert code_of_imports(source) is not None


@pytest.mark.parametrize(
    "source",
    [
        "",
        "# only a remark",
        "import json; print(1)",
        "import this_module_is_not_loaded",
        "from json import *",
        "from json import nothing_of_that_name",
        "from __future__ import annotations",
        "from . import json",
        "import json\n%time 1",
        "import json\nx = 1",
        "import (",
        " import json",
        "\nimport json",
        "importance = 1",
    ],
)
def test_any_other_cell_is_not(source: str) -> None:
    assert code_of_imports(source) is None


def test_imports_that_went_the_short_way_leave_what_a_cell_leaves() -> None:
    done = subprocess.run([sys.executable, str(LAB)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    short, long = outcomes["imports_leave_what_a_cell_leaves"], outcomes["imports_after_another_cell"]
    stamps = [[sorted(record.pop("timing")) for record in way["records"]] for way in (short, long)]
    assert stamps[0] == stamps[1]
    assert short == long


@pytest.mark.parametrize("source", [*PLAIN, *IPYTHONS, "값 = '빛고을'", "a", "ab", "abc", "abcd", "x" * 4097])
def test_a_cell_is_named_as_ipykernel_names_it(source: str) -> None:
    assert hash_of(source) == kept_hash_of(source) == murmur2_x86(source, get_tmp_hash_seed())
