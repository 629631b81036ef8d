"""CPU time of processes, as a second witness of work on a device."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import wait_for

from gpus.node.process_time import ProcessTimes, sees_every_process

SLEEPS = "import sys; print(flush=True); sys.stdin.read()"
WORKS = "print(flush=True)\nwhile True: pass"


@pytest.fixture
def start() -> Iterator[Callable[[str], int]]:
    running: list[subprocess.Popen[bytes]] = []

    def begin(code: str) -> int:
        process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        running.append(process)
        assert process.stdout
        process.stdout.readline()
        return process.pid

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_process_that_computes_spends_cpu_time_and_one_that_waits_spends_none(start: Callable[[str], int]) -> None:
    worker, sleeper, clock = start(WORKS), start(SLEEPS), Clock()
    times = ProcessTimes(clock)
    times.share([worker]), times.share([sleeper])
    times.settle()
    begun = cpu_seconds(worker)
    wait_for("a tenth of a second of work", lambda: cpu_seconds(worker) >= begun + 0.1)
    clock.seconds = 1.0
    assert times.share([sleeper]) == 0.0
    share = times.share([worker, sleeper])
    assert share is not None
    assert round(share, 6) >= 0.1


def test_a_process_that_is_new_or_gone_makes_the_share_unknown(start: Callable[[str], int]) -> None:
    here, clock = start(SLEEPS), Clock()
    times = ProcessTimes(clock)
    assert times.share([here]) is None
    times.settle()
    clock.seconds = 1.0
    assert times.share([here]) == 0.0
    assert times.share([here, start(SLEEPS)]) is None
    assert times.share([here, 2**22 + 1]) is None


def test_no_process_spends_nothing() -> None:
    assert ProcessTimes(Clock()).share([]) == 0.0


def test_a_process_id_that_another_process_has_taken_over_is_new(tmp_path: Path) -> None:
    clock = Clock()
    times = ProcessTimes(clock, tmp_path)
    (tmp_path / "7").mkdir()
    stat = "7 (a (strange) name) S " + " ".join(["0"] * 10) + " 100 50 0 0 20 0 1 0 {began} 0 0"
    (tmp_path / "7/stat").write_text(stat.format(began=1000))
    times.share([7])
    times.settle()
    clock.seconds = 10.0
    assert times.share([7]) == 0.0
    (tmp_path / "7/stat").write_text(stat.format(began=2000))
    assert times.share([7]) is None


@pytest.mark.parametrize(("link", "sees"), [("pid:[4026531836]", True), ("pid:[4026532291]", False), (None, False)])
def test_a_container_with_its_own_process_ids_does_not_see_every_process(
    tmp_path: Path, link: str | None, sees: bool
) -> None:
    (tmp_path / "self/ns").mkdir(parents=True)
    if link:
        (tmp_path / "self/ns/pid").symlink_to(link)
    assert sees_every_process(tmp_path) is sees
