"""Markings on slices: at the lowest priority, and only as long as nobody else wants them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from gpu_campus import START, GpuCampus, declare

from gpus.hardware import Hardware
from gpus.jobs import keep_for_job, lend_to_job, return_from_job
from gpus.usage import account, accrue_all
from gpus.writer import deciding

Campus = Callable[[Hardware], GpuCampus]


@pytest.fixture
def campus(campus_with: Campus) -> GpuCampus:
    """Two slices on one node, one on another; four students."""
    made = campus_with(declare(3, nodes=2))
    made.students(4)
    return made


def lend(campus: GpuCampus, job: str, node: str = "node1") -> str | None:
    with deciding(campus.database) as session:
        return lend_to_job(session, campus.hardware, "gpu", job, node, campus.now)


def keep(campus: GpuCampus, job: str) -> bool:
    with deciding(campus.database) as session:
        return keep_for_job(session, job, campus.now)


def give_back(campus: GpuCampus, job: str) -> None:
    with deciding(campus.database) as session:
        return_from_job(session, job, campus.now)


def test_a_marking_gets_a_free_slice_of_its_own_node(campus: GpuCampus) -> None:
    assert lend(campus, "one", "node2") == "GPU-node2-1"
    assert lend(campus, "two", "node2") is None


def test_a_marking_gets_nothing_while_somebody_waits(campus: GpuCampus) -> None:
    for name in ("s01", "s02", "s03"):
        campus.lent(name)
    campus.queued("s04")
    campus.desk.leave("s04", campus.now)
    campus.give_back("s01")
    campus.lent("s04")
    assert lend(campus, "one") is None


def test_a_marking_makes_room_when_somebody_asks(campus: GpuCampus) -> None:
    for name in ("s01", "s02"):
        campus.lent(name)
    device = lend(campus, "one") or lend(campus, "one", "node2")
    assert device is not None
    assert keep(campus, "one")
    campus.queued("s03")
    campus.tend()
    assert not keep(campus, "one")
    give_back(campus, "one")
    assert campus.tend().granted == ["s03"]


def test_a_marking_makes_room_for_a_class(campus: GpuCampus) -> None:
    assert lend(campus, "one") is not None
    campus.add_class(starts=START + timedelta(minutes=30), seats=3)
    kept = []
    for _ in range(16):
        campus.tend()
        kept.append(keep(campus, "one"))
        campus.wait(minutes=1)
    assert kept == [True] * 15 + [False], "the class's slices are kept from its lead on"


def test_a_marking_whose_worker_fell_silent_holds_nothing_for_long(campus: GpuCampus) -> None:
    assert lend(campus, "one") is not None
    campus.wait(minutes=3)
    campus.tend()
    assert campus.holders() == set()


def test_what_markings_use_is_booked_apart(campus: GpuCampus) -> None:
    lend(campus, "one")
    campus.wait(minutes=1)
    keep(campus, "one")
    with deciding(campus.database) as session:
        accrue_all(session, campus.now, timedelta(days=2), "Asia/Seoul")
        assert [one.name for one in account(session, "track")] == ["marking"]
