"""A test finds the assignment's own files as they were given, unless the reference solution changed them as well."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from forked import Forked, errors, job, printed

from grader.judge.given import REWRITTEN
from grader.sandbox.base import CellCode, CellRun, Limits, Side
from grader.sandbox.fork import ForkSandbox

pytestmark = pytest.mark.namespaces
LIMITS = Limits(wall=30, cell=10, grace=1, scratch=4 * 1024 * 1024)
GENUINE = "name,people\nKwangju,1437\n"
FORGED = "name,people\n"
READ = "print(open('data/cities.csv').read(), end='')"
FORGE = f"open('data/cities.csv', 'w').write({FORGED!r})"


@pytest.fixture(scope="module")
def fork() -> Iterator[ForkSandbox]:
    sandbox = ForkSandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def one(fork: ForkSandbox, tmp_path: Path) -> Iterator[Forked]:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cities.csv").write_text(GENUINE)
    (tmp_path / "other.txt").write_text("other")
    with job(fork, judged=True, files=tmp_path, given=tmp_path, environment={}, imports=frozenset(), preamble=(),
             limits=LIMITS) as made:  # fmt: skip
        yield made


def judged(one: Forked, source: str, **context: object) -> CellRun:
    one.cells += 1
    return one.interpreters.run(Side.JUDGE, CellCode(one.cells, source), context=context)


CHANGES = {
    "written": FORGE,
    "replaced by another file": f"import os\nopen('new', 'w').write({FORGED!r})\nos.replace('new', 'data/cities.csv')",
    "removed": "import os\nos.remove('data/cities.csv')",
    "a link to another file": "import os\nos.remove('data/cities.csv')\nos.symlink('../other.txt', 'data/cities.csv')",
    "a pipe": "import os\nos.remove('data/cities.csv')\nos.mkfifo('data/cities.csv')",
    "a folder": "import os\nos.remove('data/cities.csv')\nos.mkdir('data/cities.csv')",
    "in a folder that is a link": "import os\nos.rename('data', 'moved')\nos.mkdir('made')\n"
    f"os.symlink('made', 'data')\nopen('made/cities.csv', 'w').write({FORGED!r})",
    "in a folder that is gone": "import shutil\nshutil.rmtree('data')",
    "through memory": "import mmap\nhandle = open('data/cities.csv', 'r+b')\nmap_ = mmap.mmap(handle.fileno(), 0)\n"
    "map_[:] = map_[:].upper()",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_the_student_did_to_a_file_is_not_what_a_test_reads(change: str, one: Forked) -> None:
    one.work(change)
    run = judged(one, READ)
    assert printed(run) == GENUINE
    assert run.evidence["faults"] == []


def test_the_student_has_the_own_version_again_afterwards(one: Forked) -> None:
    one.work(FORGE)
    assert printed(judged(one, READ)) == GENUINE
    assert one.work(READ + "\nimport os\nprint(os.listdir('data'))") == FORGED + "['cities.csv']\n"


def test_a_file_that_is_changed_by_a_call_is_genuine_when_the_test_opens_it_next(one: Forked) -> None:
    one.work(f"def f():\n    {FORGE}")
    run = judged(
        one, f"{READ}\nf()\n{READ}\nf()\nimport subprocess\nprint(subprocess.getoutput('cat data/cities.csv'))"
    )
    assert printed(run) == GENUINE * 3
    assert run.evidence["faults"] == []


def test_a_file_that_changes_while_the_test_reads_it_is_a_fault(one: Forked) -> None:
    one.work(
        "import threading, time\nrunning = True\ndef forge():\n    while running:\n        time.sleep(0.001)\n"
        f"        {FORGE}\nthread = threading.Thread(target=forge, daemon=True)\nthread.start()"
    )
    run = judged(one, f"import time\n{READ}\ntime.sleep(0.5)")
    [fault, *_] = run.evidence["faults"]  # the student may be quicker than the judge
    assert "while the test read it" in fault or "can't be put right" in fault


def test_a_file_that_the_reference_changed_is_left_alone(one: Forked) -> None:
    one.work(FORGE)
    assert printed(judged(one, READ, rewritten=["data/cities.csv"])) == FORGED


def test_the_reference_run_notes_what_it_changed(one: Forked) -> None:
    assert judged(one, READ, reference=True, rewritten=None).evidence["operations"] == []
    one.work(f"open('data/cities.csv', 'w').write({GENUINE!r})")  # the same again: it is a result all the same
    run = judged(one, READ, reference=True, rewritten=None)
    assert run.evidence["operations"] == [f"{REWRITTEN}data/cities.csv"]


def test_a_test_may_change_a_file_itself(one: Forked) -> None:
    run = judged(one, f"{READ}\n{FORGE}\n{READ}\nimport os\nos.remove('other.txt')\nos.remove('data/cities.csv')")
    assert (printed(run), errors(run), run.evidence["faults"]) == (GENUINE + FORGED, [], [])
    assert one.work("import os\nprint(os.listdir('.'), os.listdir('data'))") == "['data'] []\n"


def test_a_file_that_can_not_be_put_right_is_a_fault(one: Forked) -> None:
    one.work(
        "import os\n" + FORGE + "\ntry:\n    with open('filler', 'wb', 0) as handle:\n        while True:\n"
        "            handle.write(bytes(4096))\nexcept OSError:\n    pass"
    )
    assert "can't be put right" in judged(one, "pass").evidence["faults"][0]


def test_looking_after_a_few_files_takes_less_than_a_millisecond_a_cell(tmp_path: Path) -> None:
    from grader.judge.given import GivenFiles

    given, work = tmp_path / "given", tmp_path / "work"
    for folder in (given, work):
        folder.mkdir()
        for number in range(5):
            (folder / f"{number}.csv").write_bytes(bytes(20_000))
    files = GivenFiles(str(given), str(work))
    times = []
    for _ in range(30):
        start = time.perf_counter()
        files.begin([])
        files.before_asking()
        files.end()
        times.append(time.perf_counter() - start)
    print(f"{sorted(times)[15] * 1e6:.0f} microseconds")
    assert min(times) < 1e-3
