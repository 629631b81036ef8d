"""Leases: a slice has one holder, whoever asks at the same time; books and scheduler agree in the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random

import pytest
from gpu_campus import GpuCampus, declare
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cohorts.errors import Conflict
from gpus.desk import Held, Place
from gpus.hardware import Hardware
from gpus.inventory import free_slices
from gpus.leases import end, grant, granted, open_leases, run
from gpus.models import Lease, Slice
from gpus.writer import deciding

Campus = Callable[[Hardware], GpuCampus]


def lend_to(session: Session, campus: GpuCampus, slice_id: int, holder: str) -> None:
    """A lease of that slice, whether it is free or not."""
    grant(
        session,
        granted(
            slice_id,
            holder=holder,
            profile=campus.hardware.profile("gpu"),
            cohort_id=None,
            track="",
            until=None,
            answer_by=None,
            class_session_id=None,
            now=campus.now,
        ),
    )


def test_a_free_slice_is_lent_at_once_with_its_device(campus_with: Campus) -> None:
    campus = campus_with(declare(1))
    campus.students(1)
    got = campus.ask("s01")
    assert isinstance(got, Held)
    assert (got.device, got.node, got.kind) == ("GPU-node1-0", "node1", "gpu")


def test_asking_again_gives_the_same_lease(campus_with: Campus) -> None:
    campus = campus_with(declare(2))
    campus.students(1)
    first, second = campus.ask("s01"), campus.ask("s01")
    assert isinstance(first, Held)
    assert isinstance(second, Held)
    assert first.id == second.id


def test_a_lab_without_a_slice_needs_no_lease(campus_with: Campus) -> None:
    campus = campus_with(declare(1))
    campus.students(1)
    assert campus.ask("s01", "cpu") is None


def test_the_database_refuses_a_second_lease_of_a_slice(any_campus_with: Campus) -> None:
    campus = any_campus_with(declare(1))
    campus.students(2)
    campus.lent("s01")
    with pytest.raises(IntegrityError), deciding(campus.database) as session:
        lend_to(session, campus, session.scalars(select(Slice.id)).one(), "s02")


def test_people_who_ask_at_the_same_moment_get_distinct_slices_and_the_others_a_place(any_campus_with: Campus) -> None:
    campus = any_campus_with(declare(5))
    names = campus.students(12)
    got: dict[str, Held | Place | None] = {}
    gate = threading.Barrier(len(names))

    def ask(name: str) -> None:
        gate.wait()
        got[name] = campus.ask(name)

    threads = [threading.Thread(target=ask, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    devices = [one.device for one in got.values() if isinstance(one, Held)]
    assert len(devices) == len(set(devices)) == 5
    places = [campus.desk.look(name, campus.now)[1] for name, one in got.items() if isinstance(one, Place)]
    assert sorted(place.position for place in places if place) == [1, 2, 3, 4, 5, 6, 7]


def test_slices_are_taken_from_the_nodes_in_turn(campus_with: Campus) -> None:
    campus = campus_with(declare(6, nodes=3))
    nodes = [campus.lent(name).node for name in campus.students(6)]
    assert sorted(nodes[:3]) == sorted(nodes[3:]) == ["node1", "node2", "node3"]


def test_the_scheduler_has_the_last_word_about_the_device(any_campus_with: Campus) -> None:
    """Two leases whose servers got each other's slice change places; the index never sees one slice twice."""
    campus = any_campus_with(declare(2))
    campus.students(2)
    first, second = campus.ask("s01"), campus.ask("s02")
    assert isinstance(first, Held)
    assert isinstance(second, Held)
    with deciding(campus.database) as session:
        run(session, session.get_one(Lease, first.id), device=second.device, node="node1", now=campus.now)
    with campus.database.read() as session:
        devices = {lease.holder: lease.slice.device for lease in session.scalars(select(Lease))}
        ended = [lease.ended_at for lease in session.scalars(select(Lease))]
    assert devices == {"s01": second.device, "s02": first.device}
    assert ended == [None, None]


def test_slices_know_whether_they_are_lent_whatever_happens_to_leases(any_campus_with: Campus) -> None:
    """Also what no part of the campus does: rows that an administrator takes out by hand."""
    campus = any_campus_with(declare(4))
    random = Random(4)
    for number in range(60):
        with deciding(campus.database) as session:
            open_now = open_leases(session)
            free = free_slices(session, "gpu")
            match random.choice(["grant", "grant", "end", "swap", "delete"]):
                case "grant" if free:
                    lend_to(session, campus, random.choice(free), f"s{number}")
                case "end" if open_now:
                    end(random.choice(open_now), "stopped", campus.now)
                case "swap" if open_now:
                    device = random.choice(session.scalars(select(Slice.device)).all())
                    run(session, random.choice(open_now), device=device, node="node1", now=campus.now)
                case "delete" if number % 2 and open_now:
                    session.delete(random.choice(open_now))
                case "delete":
                    session.execute(delete(Lease).where(Lease.ended_at.is_not(None)))
        with campus.database.read() as session:
            lent = set(session.scalars(select(Slice.id).where(Slice.lent)))
            assert lent == {lease.slice_id for lease in open_leases(session)}
            assert lent.isdisjoint(free_slices(session, "gpu"))
            assert len(lent) + len(free_slices(session, "gpu")) == 4


def test_ending_twice_is_harmless_and_the_slice_is_free_once(campus_with: Campus) -> None:
    campus = campus_with(declare(1))
    campus.students(2)
    lease = campus.lent("s01")
    campus.desk.ended(lease.id, "stopped", campus.now)
    campus.lent("s02")
    campus.desk.ended(lease.id, "stopped", campus.now)
    assert campus.holders() == {"s02"}


def test_other_hardware_waits_for_the_server_that_has_the_slice_to_be_gone(campus_with: Campus) -> None:
    campus = campus_with(declare(1))
    campus.students(2)
    campus.lent("s01")
    with pytest.raises(Conflict):
        campus.ask("s01", "cpu")
    assert campus.holders() == {"s01"}
    assert campus.desk.ask("s01", "cpu", campus.now, no_server=True) is None
    assert campus.holders() == set()
