"""The fork sandbox at work: notebooks in one interpreter, and jobs of two sides led cell by cell."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from forked import QUICK, errors, job, printed
from processes import descendants
from small_course import code, notebook
from waiting import wait_for

from grader.sandbox.base import (
    Cancelled,
    CellCode,
    Ending,
    Limits,
    Opening,
    SandboxJob,
    SandboxResult,
    SandboxUnavailable,
    Side,
)
from grader.sandbox.detect import best_sandbox, probe
from grader.sandbox.fork import ForkSandbox, is_python
from grader.sandbox.process import ProcessSandbox
from grader.sandbox.warm_imports import find_warm_imports

pytestmark = pytest.mark.namespaces


@pytest.fixture(scope="module")
def fork() -> Iterator[ForkSandbox]:
    sandbox = ForkSandbox()
    yield sandbox
    sandbox.close()


def run(sandbox: ForkSandbox, *cells: str, files: Path | None = None, **limits: float) -> SandboxResult:
    job = SandboxJob(notebook=notebook(*map(code, cells)), files=files, limits=Limits(**limits))  # type: ignore[arg-type]
    return sandbox.run(job)


def test_every_layer_holds_or_says_what_stands_in_for_it() -> None:
    layers = probe()
    assert [layer.name for layer in layers if not layer.holds and layer.substitute is None] == []
    assert {layer.name for layer in layers} >= {"user", "capabilities", "files", "network", "seccomp", "memory"}


def test_the_best_sandbox_is_this_one() -> None:
    sandbox = best_sandbox(production=True)
    assert isinstance(sandbox, ForkSandbox)
    sandbox.close()


def test_a_notebook_runs_as_in_jupyter(fork: ForkSandbox) -> None:
    result = run(
        fork, "x = 20\nprint('하나')", "x + 1", "1 / 0", "!echo shell", "%%time\ny = 1", "import sys; sys.exit()"
    )
    assert result.ending is Ending.FINISHED
    assert printed(result.cells[0]) == "하나\n"
    assert result.cells[1].outputs[0]["data"] == {"text/plain": "21"}
    assert errors(result.cells[2]) == ["ZeroDivisionError"]
    assert printed(result.cells[3]).strip() == "shell"
    assert result.cells[4].execution_count == 5
    assert errors(result.cells[5]) == ["SystemExit"]
    assert result.language_info is not None
    assert result.language_info["version"] == sys.version.split()[0]


def test_a_display_that_a_later_cell_updates_is_updated(fork: ForkSandbox) -> None:
    result = run(fork, "h = display('one', display_id=True)", "h.update('two')")
    assert result.cells[0].outputs[0]["data"] == {"text/plain": "'two'"}


def test_files_are_copied_in_and_what_is_written_stays_inside(fork: ForkSandbox, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "helper.py").write_text("VALUE = 7\n")
    (tmp_path / "link").symlink_to("/etc/passwd")
    source = (
        "import helper, os\nprint(helper.VALUE, open('data/a.csv').read(), sorted(os.listdir('.')))\n"
        "open('data/a.csv', 'w')"
    )
    result = run(fork, source, files=tmp_path)
    assert printed(result.cells[0]) == "7 a,b\n1,2\n ['data', 'helper.py']\n"
    assert (tmp_path / "data" / "a.csv").read_text() == "a,b\n1,2\n"


def test_an_endless_cell_is_interrupted_and_the_rest_runs(fork: ForkSandbox) -> None:
    result = run(fork, "while True:\n    pass", "print('next')", cell=1.0, wall=30.0)
    assert result.ending is Ending.FINISHED
    assert errors(result.cells[0]) == ["KeyboardInterrupt", "CellTimeoutError"]
    assert printed(result.cells[1]) == "next\n"


def test_a_notebook_that_takes_too_long_keeps_what_was_done(fork: ForkSandbox) -> None:
    result = run(fork, "print('one')", "import time\ntime.sleep(60)", "print('three')", cell=60.0, wall=2.0)
    assert result.ending is Ending.TIMEOUT
    assert result.reason is not None
    assert result.reason.ko.startswith("제한 시간 2초")
    assert printed(result.cells[0]) == "one\n"
    assert 2 not in result.cells


def test_a_cell_with_the_tag_that_skips_it_is_not_run(fork: ForkSandbox) -> None:
    cell = code("print('no')", {"tags": ["skip-execution"]})
    result = fork.run(SandboxJob(notebook=notebook(cell, code("print('yes')"))))
    assert list(result.cells) == [1]
    assert result.cells[1].execution_count == 1


@pytest.mark.parametrize(
    ("metadata", "python"),
    [
        ({}, True),
        ({"kernelspec": {"name": "python3"}}, True),
        ({"kernelspec": {"name": "course-env", "language": "python"}}, True),
        ({"kernelspec": {"name": "ir", "language": "R"}}, False),
        ({"kernelspec": {"name": "ir"}, "language_info": {"name": "R"}}, False),
        ({"kernelspec": {"name": "bash"}}, False),
        ({"kernelspec": "nonsense"}, True),
    ],
    ids=["nothing said", "python3", "named environment", "R", "R by its info", "by name alone", "no kernel"],
)
def test_only_python_is_forked(metadata: dict[str, object], python: bool) -> None:
    assert is_python({"metadata": metadata, "cells": []}) is python


def test_only_known_modules_are_kept_warm() -> None:
    sources = [
        "import pandas as pd, os\nfrom matplotlib.pyplot import plot",
        "x = 'import scipy'",
        "  import torchlike",
    ]
    assert find_warm_imports(sources) == {"numpy", "pandas", "matplotlib"}


def test_imports_are_warm_and_the_random_state_is_a_new_one(fork: ForkSandbox) -> None:
    source = (
        "import sys\nprint('numpy' in sys.modules)\nimport numpy, random\nprint(numpy.random.rand(), random.random())"
    )
    seen = []
    for _ in range(2):
        with job(fork, imports=frozenset({"numpy"})) as one:
            seen.append(one.work(source).splitlines())
    assert seen[0][0] == seen[1][0] == "True"
    assert seen[0][1] != seen[1][1]


def test_a_module_that_is_not_installed_is_left_to_the_job(fork: ForkSandbox, caplog: pytest.LogCaptureFixture) -> None:
    with job(fork, imports=frozenset({"no_such_module"})) as one:
        assert errors(one.run(Side.WORK, "import no_such_module")) == ["ModuleNotFoundError"]
    assert "no_such_module" in caplog.text


def test_both_sides_start_from_the_preamble(fork: ForkSandbox) -> None:
    preamble = (CellCode(0, "import random\nrandom.seed(1)\nlimit = 3\nprint('set up')"),)
    with job(fork, judged=True, preamble=preamble, imports=frozenset({"numpy"})) as one:
        assert printed(one.interpreters.preamble[0]) == "set up\n"
        drawn = one.work("print(limit, random.random())")
        assert drawn == "3 0.13436424411240122\n"
        assert one.judge("print(limit, random.random())") == drawn


def test_seeds_of_numpy_survive_the_split(fork: ForkSandbox) -> None:
    preamble = (CellCode(0, "import numpy as np\nnp.random.seed(1)"),)
    with job(fork, judged=True, preamble=preamble, imports=frozenset({"numpy"})) as one:
        assert one.work("print(np.random.rand())") == one.judge("print(np.random.rand())") == "0.417022004702574\n"


def test_cells_are_numbered_across_both_sides_and_silent_ones_are_not(fork: ForkSandbox) -> None:
    with job(fork, judged=True) as one:
        sides = one.interpreters
        assert sides.run(Side.WORK, CellCode(0, "1")).execution_count == 1
        assert sides.run(Side.JUDGE, CellCode(0, "1"), silent=True).execution_count is None
        assert sides.run(Side.JUDGE, CellCode(1, "1")).execution_count == 2
        assert sides.run(Side.WORK, CellCode(2, "1")).execution_count == 3


def test_the_work_folder_is_shared_and_given_files_are_kept_as_they_were(fork: ForkSandbox, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("VALUE = 7\n")
    with job(fork, judged=True, files=tmp_path, given=tmp_path) as one:
        one.work("open('helper.py', 'w').write('VALUE = 8')\nopen('made.txt', 'w').write('by work')")
        assert one.judge("import helper\nprint(helper.VALUE, open('made.txt').read())") == "7 by work\n"
        one.judge("open('answer.txt', 'w').write('by judge')")
        assert one.work("import helper\nprint(helper.VALUE, open('answer.txt').read())") == "8 by judge\n"


def test_a_job_without_a_judge_side_refuses_to_judge(fork: ForkSandbox) -> None:
    with job(fork) as one, pytest.raises(ValueError, match="judged=True"):
        one.judge("1")


def test_several_threads_run_jobs_at_once(fork: ForkSandbox) -> None:
    seen: list[str] = []

    def work(number: int) -> None:
        with job(fork, judged=True) as one:
            seen.append(one.work(f"import time\ntime.sleep(0.2)\nprint({number})"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [f"{number}\n" for number in range(6)]


def test_a_dead_warm_parent_is_replaced(fork: ForkSandbox) -> None:
    with job(fork) as one:
        one.work("1")
    (parent,) = [parent for parent in fork.parents.all() if not parent.imports]
    parent.process.kill()
    parent.process.wait()
    with job(fork) as one:
        assert one.work("print('again')") == "again\n"


def test_only_a_few_warm_parents_stay() -> None:
    sandbox = ForkSandbox(most_parents=1)
    try:
        for name in ("cmath", "decimal"):
            with job(sandbox, imports=frozenset({name})) as one:
                one.work("1")
        assert [parent.imports for parent in sandbox.parents.all()] == [("decimal",)]
    finally:
        sandbox.close()


def test_a_run_can_be_given_up(fork: ForkSandbox) -> None:
    cancel = threading.Event()
    threading.Timer(0.5, cancel.set).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        fork.run(SandboxJob(notebook=notebook(code("import time\ntime.sleep(60)"))), cancel)
    assert time.monotonic() - began < 8


def test_a_killed_worker_takes_its_jobs_along(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(
        "from grader.sandbox.fork import ForkSandbox\nfrom grader.sandbox.base import *\n"
        "job = ForkSandbox().open(Opening(judged=True))\nprint('up', flush=True)\n"
        "job.run(Side.WORK, CellCode(0, 'import time; time.sleep(600)'))\n"
    )
    worker = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert worker.stdout
    with worker.stdout:
        assert worker.stdout.readline() == "up\n"
        tree = descendants(worker.pid)
        assert len(tree) == 4
        worker.kill()
        worker.wait()
    wait_for("the end of the job after its worker", lambda: not any(_runs(pid) for pid in tree), 10)


def _runs(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def _running(word: str) -> list[int]:
    """Processes below this one whose command line holds `word`."""
    found = []
    for pid in descendants(os.getpid()):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


ORDINARY = """
import sys
sys.path.insert(0, {checkout!r})
from grader.sandbox.base import *
from grader.sandbox.fork import ForkSandbox
sandbox = ForkSandbox()
print([layer.name for layer in sandbox.layers() if not layer.holds])
with sandbox.open(Opening(judged=True)) as job:
    job.run(Side.WORK, CellCode(0, "open('a', 'w').write('b')"))
    run = job.run(Side.JUDGE, CellCode(1, "import os; print(open('a').read(), os.getuid())"))
    print(run.outputs[0]["text"].strip())
    bomb = "import os\\nx = [os.urandom(2 ** 20) * 60 for _ in range(8)]\\nimport time; time.sleep(5)"
with sandbox.open(Opening(limits=Limits(memory=200 * 2 ** 20))) as job:
    try:
        job.run(Side.WORK, CellCode(0, bomb))
    except SideEnded as ended:
        print(ended.ending)
sandbox.close()
"""


def test_it_also_works_for_an_ordinary_user_where_memory_is_watched_instead(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("the other tests run as an ordinary user already")
    checkout = Path(__file__).resolve().parents[2]
    # an interpreter that everybody may read; as it lies below /tmp, jobs cover its place with their scratch
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    python, packages = tmp_path / "venv" / "bin" / "python", next((tmp_path / "venv" / "lib").glob("*/site-packages"))
    ours = sysconfig.get_paths()["purelib"]
    command = (
        f'mount --bind {ours} {packages} && exec setpriv --reuid=1234 --regid=1234 --clear-groups {python} -B -c "$0"'
    )
    script = ORDINARY.format(checkout=str(checkout))
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command, script], capture_output=True, text=True, check=False, cwd="/"
    )
    assert (done.stdout.splitlines(), done.stderr) == (["['memory']", "b 1000", "memory"], "")


def test_without_namespaces_production_refuses_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = (
        "import os; from grader.sandbox import calls\n"
        "def no(flags): raise OSError(1, 'unshare: Operation not permitted')\n"
    )
    start = "import sys; sys.path.insert(0, sys.argv[1])\n" + refused + "calls.unshare = no\n"
    monkeypatch.setattr("grader.sandbox.parents.START", start + "from grader.sandbox.warm_parent import main; main()")
    with pytest.raises(SandboxUnavailable, match="Allow user namespaces") as told:
        best_sandbox(production=True)
    assert "사용자 네임스페이스를 허용하세요" in told.value.korean
    sandbox = best_sandbox()
    assert isinstance(sandbox, ProcessSandbox)


def test_the_process_sandbox_leads_two_sides_too_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("given")
    sandbox = ProcessSandbox()
    try:
        with sandbox.open(Opening(files=tmp_path, limits=QUICK, judged=True)) as sides:
            source = (
                "import os, subprocess\nsubprocess.Popen(['sleep', '54321'], start_new_session=True)\n"
                "print(os.getcwd())"
            )
            folder = printed(sides.run(Side.WORK, CellCode(0, source))).strip()
            assert printed(sides.run(Side.JUDGE, CellCode(1, "print(open('a.txt').read())"))) == "given\n"
            # a started program is there a moment before its command line can be read
            (detached,) = wait_for("the detached program", lambda: _running("54321"), 5)
        wait_for("the end of a detached program after its job", lambda: not _runs(detached), 5)
        assert not Path(folder).exists()
    finally:
        sandbox.close()
