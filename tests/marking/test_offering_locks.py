"""Markings of different students go on side by side; a release and an applied regrade have the offering alone."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from grader.offering_locks import number_of, offering_alone, offering_shared, student_alone

Lock = Callable[[], AbstractContextManager[None]]
SOON = 0.3  # long enough to have got a lock that is free


@contextmanager
def held_elsewhere(lock: Lock) -> Iterator[threading.Event]:
    """Ask for `lock` in another thread; the event says that it has been got. It is given back at the end."""
    got, give_back = threading.Event(), threading.Event()

    def hold() -> None:
        with lock():
            got.set()
            give_back.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield got
    finally:
        give_back.set()
        thread.join(30)


def locks(folder: Path) -> dict[str, Lock]:
    return {
        "kim": lambda: student_alone(folder, "kim"),
        "lee": lambda: student_alone(folder, "lee"),
        "shared": lambda: offering_shared(folder),
        "alone": lambda: offering_alone(folder),
    }


@pytest.mark.parametrize(("first", "second"), [("kim", "lee"), ("kim", "shared"), ("shared", "shared")])
def test_these_go_on_side_by_side(first: str, second: str, tmp_path: Path) -> None:
    of = locks(tmp_path)
    with held_elsewhere(of[first]) as one, held_elsewhere(of[second]) as other:
        assert one.wait(30)
        assert other.wait(30)


@pytest.mark.parametrize(
    ("first", "second"),
    [("kim", "kim"), ("alone", "kim"), ("alone", "shared"), ("alone", "alone"), ("kim", "alone"), ("shared", "alone")],
)
def test_these_wait_for_each_other(first: str, second: str, tmp_path: Path) -> None:
    of = locks(tmp_path)
    with held_elsewhere(of[second] if first == second else of[first]) as one:
        assert one.wait(30)
        waiting = held_elsewhere(of[second])
        other = waiting.__enter__()
        assert not other.wait(SOON)
    assert other.wait(30)
    waiting.__exit__(None, None, None)


def test_who_waits_for_the_whole_offering_lets_nobody_else_in(tmp_path: Path) -> None:
    of = locks(tmp_path)
    with held_elsewhere(of["kim"]) as marking:
        assert marking.wait(30)
        alone = held_elsewhere(of["alone"])
        released = alone.__enter__()
        time.sleep(SOON)
        late = held_elsewhere(of["lee"])
        came_late = late.__enter__()
        assert not came_late.wait(SOON)
        assert not released.is_set()
    assert released.wait(30)
    assert not came_late.wait(SOON)
    alone.__exit__(None, None, None)
    assert came_late.wait(30)
    late.__exit__(None, None, None)


@pytest.mark.parametrize("name", ["kim", "alone"])
def test_a_killed_holder_lets_go(name: str, tmp_path: Path) -> None:
    of = locks(tmp_path)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        with of[name]():
            os.write(write, b"x")
            time.sleep(60)
            os._exit(0)
    assert os.read(read, 1) == b"x"
    with held_elsewhere(of[name]) as got:
        assert not got.wait(SOON)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert got.wait(30)


def test_students_have_numbers_of_their_own() -> None:
    assert len({number_of(f"student{number}") for number in range(2000)}) == 2000
