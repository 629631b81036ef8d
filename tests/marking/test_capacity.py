"""How many jobs at once, who has a place, whose fault a time-out was, and what a killed worker leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import nbformat
import pytest

from courses.model import Text
from grader import contention
from grader.capacity import Places, free_memory, places_for, usable_cores
from grader.contention import Conditions, deserves_another_try, timed_out
from grader.exposure import not_run_output
from grader.phases import PhaseClock
from grader.results import MarkingResult, NotebookResult
from grader.sandbox.base import Cancelled, Ending
from grader.workplace import sweep, temporary_folder, workplace

GIB = 1024**3
NUMBERS = {
    "two more than cores": (4.0, 64 * GIB, 1, 6),
    "as many as fit into memory": (16.0, 9 * GIB, 1, 4),
    "shared among workers": (8.0, 64 * GIB, 2, 5),
    "never none": (0.5, GIB, 1, 1),
    "more workers than cores": (2.0, 64 * GIB, 5, 1),
    "a fraction of a core is none": (2.9, 64 * GIB, 1, 4),
}


@pytest.mark.parametrize(("cores", "memory", "workers", "wanted"), NUMBERS.values(), ids=NUMBERS)
def test_jobs_at_once_follow_cores_and_memory(cores: float, memory: int, workers: int, wanted: int) -> None:
    assert places_for(cores, memory, 2 * GIB, workers) == wanted


def test_a_control_group_says_less_than_the_machine(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert usable_cores(tmp_path) == 0.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert usable_cores(tmp_path) == len(os.sched_getaffinity(0))
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 100 kB\nMemAvailable: 50 kB\n")
    assert free_memory(meminfo, tmp_path) == 50 * 1024
    (tmp_path / "memory.max").write_text("40960\n")
    (tmp_path / "memory.current").write_text("10240\n")
    assert free_memory(meminfo, tmp_path) == 30720
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(meminfo, tmp_path) == 50 * 1024


TIMEOUTS = {
    "it ended in time": (False, Conditions(10, cpu=1, stalled=0.9, load_per_core=9), False),
    "starved on a crowded machine": (True, Conditions(30, cpu=9, stalled=0.8, load_per_core=4), True),
    "it had a core to itself": (True, Conditions(30, cpu=29, stalled=0.9, load_per_core=9), False),
    "it slept on an idle machine": (True, Conditions(30, cpu=0.1, stalled=0.01, load_per_core=0.1), False),
    "unknown CPU time, crowded": (True, Conditions(30, stalled=0.4), True),
    "unknown CPU time, quiet": (True, Conditions(30, stalled=0.1, load_per_core=9), False),
    "only the load is known, high": (True, Conditions(30, load_per_core=2.0), True),
    "only the load is known, low": (True, Conditions(30, load_per_core=1.0), False),
    "nothing is known": (True, Conditions(30), False),
    "it took no time": (True, Conditions(0, stalled=1.0), False),
}


@pytest.mark.parametrize(("late", "conditions", "again"), TIMEOUTS.values(), ids=TIMEOUTS)
def test_a_time_out_counts_unless_the_machine_was_too_busy(late: bool, conditions: Conditions, again: bool) -> None:
    assert deserves_another_try(late, conditions) is again


def result_with(*outputs: dict[str, object]) -> MarkingResult:
    cell = nbformat.v4.new_code_cell("x", outputs=[nbformat.from_dict(output) for output in outputs])
    executed = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# x"), cell])
    return MarkingResult((NotebookResult("p1", executed, (), {}, (), (), {}),))


REASON = Text(ko="그만", en="enough")
OUTPUTS = {
    "a cell's time-out": ({"output_type": "error", "ename": "CellTimeoutError", "evalue": "", "traceback": []}, True),
    "the notebook's": (not_run_output(Ending.TIMEOUT, REASON), True),
    "another end": (not_run_output(Ending.MEMORY, REASON), False),
    "another error": ({"output_type": "error", "ename": "ValueError", "evalue": "", "traceback": []}, False),
    "an output": ({"output_type": "stream", "name": "stdout", "text": "CellTimeoutError"}, False),
}


@pytest.mark.parametrize(("output", "late"), OUTPUTS.values(), ids=OUTPUTS)
def test_a_time_out_is_told_by_the_outputs(output: dict[str, object], late: bool) -> None:
    assert timed_out(result_with(output)) is late


def test_the_machine_is_watched_from_here_to_there() -> None:
    ticks = iter([100.0, 102.0])
    conditions = contention.watch(lambda: next(ticks))()
    assert conditions.wall == 2.0
    assert conditions.load_per_core is not None
    assert conditions.stalled is None or conditions.stalled >= 0


def test_who_runs_alone_waits_for_the_others_and_nobody_comes_in_meanwhile() -> None:
    places = Places(2)
    assert places.take(0)
    assert places.take(0)
    assert not places.take(0)
    inside, leave = threading.Event(), threading.Event()

    def alone() -> None:
        with places.alone(threading.Event()):
            inside.set()
            leave.wait(20)
        places.give_back()

    thread = threading.Thread(target=alone)
    thread.start()
    assert not inside.wait(0.3)
    places.give_back()
    assert inside.wait(20)
    assert not places.take(0.05)
    leave.set()
    thread.join()
    assert places.take(1)
    assert places.take(1)


def test_two_who_want_to_run_alone_take_turns() -> None:
    places = Places(2)
    together, most = 0, 0
    lock = threading.Lock()

    def alone() -> None:
        nonlocal together, most
        assert places.take(5)
        with places.alone(threading.Event()):
            with lock:
                together += 1
                most = max(most, together)
            threading.Event().wait(0.05)
            with lock:
                together -= 1
        places.give_back()

    threads = [threading.Thread(target=alone) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == 1
    assert places.idle(0)


def test_who_waits_to_run_alone_stops_when_told_to_and_keeps_its_place() -> None:
    places = Places(2)
    assert places.take(0)
    assert places.take(0)
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled), places.alone(cancel):
        pass
    assert not places.take(0)
    places.give_back()
    assert places.take(0)


def test_phases_are_told_with_their_start_and_what_they_took() -> None:
    ticks = iter([0.0, 1.0, 3.0, 4.0, 6.0, 7.0])
    clock = PhaseClock(lambda: next(ticks))
    for phase in ("reading", "running", "reading", "storing"):
        clock.enter(phase)
    assert clock.told() == {
        "reading": {"at": 1.0, "seconds": 4.0},
        "running": {"at": 3.0, "seconds": 1.0},
        "storing": {"at": 6.0, "seconds": 1.0},
    }


HOLD = """
import sys, time
from pathlib import Path
from grader.workplace import workplace
with workplace(Path(sys.argv[1])) as folder:
    (folder / "big").mkdir()
    print(folder, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_worker_left_goes_when_the_next_one_starts(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    left = Path(process.stdout.readline().strip())
    assert sweep(left.parent) == 0  # its process lives
    assert (left / "big").is_dir()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert left.exists()
    with workplace(tmp_path) as mine:
        assert not left.exists()
        assert mine.parent == left.parent
        assert mine.parent.stat().st_mode & 0o077 == 0
    assert list(left.parent.iterdir()) == []


def test_a_folder_in_the_making_is_left_alone_until_it_is_old(tmp_path: Path) -> None:
    making = tmp_path / "making"
    making.mkdir()
    assert sweep(tmp_path) == 0
    os.utime(making, (0, 0))
    assert sweep(tmp_path) == 1
    assert not making.exists()


def test_a_name_that_somebody_else_took_is_not_used(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    taken = tmp_path / f"bitgoeul-{os.geteuid()}"
    taken.symlink_to(elsewhere)
    with workplace(tmp_path) as mine:
        assert elsewhere not in mine.resolve().parents


def test_what_is_unpacked_lies_in_memory_where_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    usual = Path(tempfile.gettempdir())
    assert temporary_folder(tmp_path, room=1) == tmp_path
    assert temporary_folder(tmp_path, room=1 << 60) == usual
    assert temporary_folder(tmp_path / "missing", room=1) == usual
    monkeypatch.setenv("TMPDIR", "/somewhere")
    assert temporary_folder(tmp_path, room=1) == usual
