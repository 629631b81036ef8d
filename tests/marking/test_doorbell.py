"""The doorbell: who waits is woken at the commit, by other processes too, and what a killed one left behind goes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from marking_campus import MarkingCampus, opened

from cohorts.database import Database
from grader import doorbell
from grader.doorbell import Bell, Doorbell, ring

PATIENCE = 20.0


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[MarkingCampus]:
    with opened(tmp_path, database_url) as campus:
        yield campus


def test_a_commit_wakes_who_waits_and_a_rollback_nobody(store: MarkingCampus) -> None:
    with closing(Database(store.database.url)) as elsewhere, Doorbell(elsewhere, Bell.WORK) as bell:
        with store.database.write() as session:
            ring(session, Bell.WORK)
            session.rollback()
        assert not bell.wait(0.2)
        with store.database.write() as session:
            ring(session, Bell.NEWS)
        assert not bell.wait(0.2)
        with store.database.write() as session:
            ring(session, Bell.WORK)
        began = time.monotonic()
        assert bell.wait(PATIENCE)
        assert time.monotonic() - began < PATIENCE / 2
        assert not bell.wait(0.1)


def test_a_ring_that_comes_before_the_waiting_is_heard(store: MarkingCampus) -> None:
    with closing(Database(store.database.url)) as elsewhere, Doorbell(elsewhere, Bell.WORK) as bell:
        for _ in range(3):
            with store.database.write() as session:
                ring(session, Bell.WORK)
        assert bell.wait(PATIENCE)


def test_all_who_wait_are_woken(store: MarkingCampus) -> None:
    woken: list[bool] = []
    ready = threading.Barrier(4)

    def wait() -> None:
        with closing(Database(store.database.url)) as mine, Doorbell(mine, Bell.NEWS) as bell:
            ready.wait()
            woken.append(bell.wait(PATIENCE))

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    ready.wait()
    with store.database.write() as session:
        ring(session, Bell.NEWS)
    for thread in threads:
        thread.join()
    assert woken == [True] * 3


def _wait_forever(url: str, hanging: multiprocessing.Queue[int]) -> None:
    with Doorbell(Database(url), Bell.WORK) as bell:
        hanging.put(os.getpid())
        bell.wait(600)


def test_what_a_killed_process_left_is_removed_by_the_next_ring(tmp_path: Path) -> None:
    with opened(tmp_path, f"sqlite:///{tmp_path / 'campus.db'}") as store:
        context = multiprocessing.get_context("spawn")
        hanging: multiprocessing.Queue[int] = context.Queue()
        process = context.Process(target=_wait_forever, args=(store.database.url, hanging))
        process.start()
        os.kill(hanging.get(timeout=60), signal.SIGKILL)
        process.join(30)
        folder = Path(f"{tmp_path / 'campus.db'}-bells") / "work"
        assert len(list(folder.iterdir())) == 1
        with store.database.write() as session:
            ring(session, Bell.WORK)
        assert list(folder.iterdir()) == []


def test_a_bell_that_can_not_be_hung_up_is_waited_at_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(doorbell.os, "mkfifo", refuse)
    url = f"sqlite:///{tmp_path / 'campus.db'}"
    with opened(tmp_path, url) as store, Doorbell(store.database, Bell.WORK) as bell:
        began = time.monotonic()
        assert not bell.wait(0.1)
        assert time.monotonic() - began >= 0.1
