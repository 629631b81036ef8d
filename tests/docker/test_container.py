"""The container sandbox at work: cells as the fork sandbox records them, and two sides that judge a notebook."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from engines import IMAGE
from forked import QUICK, errors, job, printed
from judged import failure, planned
from small_course import code, notebook

from grader.sandbox.base import CellCode, Ending, Limits, Opening, SandboxJob, SandboxUnavailable, Side
from grader.sandbox.container import ContainerKind, ContainerSandbox
from grader.sandbox.fork import ForkSandbox

pytestmark = pytest.mark.docker

CELLS = {
    "print": "print('하나')\nimport sys\nprint('둘', file=sys.stderr)",
    "result": "20 + 1",
    "error": "def half(x):\n    return x / 0\nhalf(1)",
    "syntax": "def broken(:",
    "shell": "!echo shell && exit 3",
    "table": "import pandas as pd\npd.DataFrame({'a': [1, 2]})",
    "figure": "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3]);",
    "display": "from IPython.display import HTML\nhandle = display(HTML('<b>one</b>'), display_id='h')",
    "update": "handle.update(HTML('<i>two</i>'))",
    "input": "input('name? ')",
    "async": "import asyncio\nawait asyncio.sleep(0, 'slept')",
    "names": "print(__name__, __doc__)\nsorted(name for name in globals() if not name.startswith('_'))",
    "history": "print(In[2], Out[2])",
    "exit": "import sys\nsys.exit(1)",
}


def test_cells_are_recorded_as_in_the_fork_sandbox(container: ContainerSandbox) -> None:
    nb = notebook(*map(code, CELLS.values()))
    fork = ForkSandbox()
    try:
        expected = fork.run(SandboxJob(notebook=nb))
    finally:
        fork.close()
    found = container.run(SandboxJob(notebook=nb))
    assert found.ending is expected.ending is Ending.FINISHED
    for index, name in enumerate(CELLS):
        got, wanted = found.cells[index], expected.cells[index]
        assert (name, _plain(got.outputs)) == (name, _plain(wanted.outputs))
        assert (name, got.execution_count) == (name, wanted.execution_count)


def _plain(outputs: list[dict[str, Any]]) -> str:
    """Outputs without what differs from run to run, between places of installation, or with a machine's fonts."""
    text = re.sub(r"0x[0-9a-f]+", "0x", str(outputs))
    text = re.sub(r"\S*site-packages", "site-packages", text)
    return re.sub(r"'image/png': '[^']+'", "'image/png'", text)


def test_it_says_which_python_ran(container: ContainerSandbox) -> None:
    result = container.run(SandboxJob(notebook=notebook(code("import sys\nprint(sys.version.split()[0])"))))
    assert result.language_info is not None
    assert printed(result.cells[0]).strip() == result.language_info["version"]


def test_two_sides_judge_a_notebook_with_a_preamble(container: ContainerSandbox, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("RATE = 3\n")
    sources = [
        ("locked", "import random\nimport numpy as np\nimport helper\ndrawn = random.random(), np.random.rand()"),
        ("student", "def triple(x):\n    return helper.RATE * x\nseen = drawn\nopen('made.txt', 'w').write('by work')"),
        ("test", "assert triple(14) == 42"),
        ("test", "assert seen == drawn"),
        ("test", "assert open('made.txt').read() == 'by work'"),
        ("test", "assert triple('a') == 'aa'"),
    ]
    cells = planned(sources)
    opening = Opening(
        files=tmp_path,
        given=tmp_path,
        limits=QUICK,
        imports=frozenset({"numpy"}),
        preamble=(CellCode(0, sources[0][1]),),
        judged=True,
    )
    found: list[str | None] = []
    with container.open(opening) as both:
        assert errors(both.preamble[0]) == []
        assert errors(both.run(Side.WORK, CellCode(1, sources[1][1]))) == []
        for index in range(2, len(sources)):
            run = both.run(Side.JUDGE, CellCode(index, sources[index][1]), context=cells[index]["context"])
            found.append(failure({"outputs": run.outputs}))
            assert run.evidence["faults"] == []
        assert run.execution_count == 6
    assert found == [None, None, None, "AssertionError: "]


def test_what_the_preamble_writes_is_there_once(container: ContainerSandbox, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("data")
    making = "import os\nos.mkdir('made')\nos.remove('data.txt')"
    with job(container, judged=True, files=tmp_path, preamble=(CellCode(0, making),)) as one:
        assert errors(one.interpreters.preamble[0]) == []
        assert one.work("print(os.listdir('.'))") == "['made']\n"
        assert one.judge("print(os.listdir('.'))") == "['made']\n"


def test_an_image_brings_its_own_version_of_nothing_of_ours(container: ContainerSandbox) -> None:
    with job(container) as one:
        assert one.work("import grader.sandbox.loop as m\nprint(m.__file__)") == "/bitgoeul/grader/sandbox/loop.py\n"
        assert one.work("import os\nprint(os.path.exists('/bitgoeul'))") == "False\n"


def test_every_layer_holds(container: ContainerSandbox) -> None:
    assert [(layer.name, layer.reason.en) for layer in container.layers() if not layer.holds] == []
    assert container.require() is container


def test_a_notebook_of_another_language_is_refused(container: ContainerSandbox) -> None:
    nb = notebook(code("1")) | {"metadata": {"kernelspec": {"name": "ir", "language": "R"}}}
    with pytest.raises(SandboxUnavailable, match="another language"):
        container.run(SandboxJob(notebook=nb))


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        pytest.param(ContainerKind("bitgoeul-none"), "'bitgoeul-none' is not on this machine", id="no-image"),
        pytest.param(ContainerKind(IMAGE, devices=("GPU-none",)), "can't give containers a GPU", id="no-gpu"),
        pytest.param(ContainerKind("debian:bookworm-slim"), "has no python3", id="no-python"),
    ],
)
def test_what_a_machine_or_image_lacks_is_said_in_both_languages(
    container: ContainerSandbox, kind: ContainerKind, sentence: str
) -> None:
    with pytest.raises(SandboxUnavailable, match=sentence) as refusal, container.using(kind).open(Opening()):
        pass
    assert re.search("[가-힣]{2}", refusal.value.korean)


def test_a_job_without_a_judge_side_refuses_to_judge(container: ContainerSandbox) -> None:
    with job(container) as one, pytest.raises(ValueError, match="judged=True"):
        one.judge("1")


def test_modules_of_a_job_do_not_include_the_campus() -> None:
    from grader.sandbox.container_job import read_modules

    assert [name for name in read_modules() if name.split(".")[0] != "grader"] == []
    assert "grader.marking" not in read_modules()
    assert Limits().memory > sys.getsizeof(read_modules())


def test_a_job_can_be_watched(container: ContainerSandbox) -> None:
    with job(container) as one:
        one.interpreters.watch([], {})
        assert one.work("import gc\nprint(len(gc.get_objects()) > 0)") == "True\n"
        assert [alarm for alarm in one.interpreters.look().alarms if "gc" in alarm] != []


def test_the_work_folder_is_shared_and_given_files_are_kept_as_they_were(
    container: ContainerSandbox, tmp_path: Path
) -> None:
    (tmp_path / "helper.py").write_text("VALUE = 7\n")
    (tmp_path / "data.txt").write_text("genuine")
    with job(container, judged=True, files=tmp_path, given=tmp_path) as one:
        one.work("for name in ('helper.py', 'data.txt', 'made.txt'):\n    open(name, 'w').write('VALUE = 8')")
        assert one.judge("import helper\nprint(helper.VALUE, open('data.txt').read(), open('made.txt').read())") == (
            "7 genuine VALUE = 8\n"
        )
        one.judge("open('answer.txt', 'w').write('by judge')")
        assert one.work("import helper\nprint(helper.VALUE, open('answer.txt').read())") == "8 by judge\n"
