"""What happens by itself: idle slices, leases that are over, lost nodes, books that agree with hub and engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from gpu_campus import START, ZONE, GpuCampus, declare
from sqlalchemy import select

from gpus.desk import Held
from gpus.hardware import Hardware
from gpus.inventory import ReportedNode, apply_agent, apply_declared, apply_engine, stock
from gpus.models import Lease, NodeState
from gpus.readings import Reading, take_losses, take_readings
from gpus.reconcile import EngineServer, HubHas, reconcile_with_engine, reconcile_with_hub
from gpus.usage import account, accrue_all
from gpus.writer import deciding

Campus = Callable[[Hardware], GpuCampus]


def read(campus: GpuCampus, busy: float | None, *, minutes: int, processes: int | None = 1, every: int = 1) -> None:
    """The node's agent reads the same for so many minutes, tended each minute."""
    for _ in range(minutes // every):
        campus.wait(minutes=every)
        with deciding(campus.database) as session:
            seen = [Reading("GPU-node1-0", busy, processes, 100)]
            take_readings(session, "node1", seen, campus.now)
        campus.tend()


def stopping(campus: GpuCampus) -> str | None:
    with campus.database.read() as session:
        return session.scalar(select(Lease.stopping))


@pytest.fixture
def lent(campus_with: Campus) -> GpuCampus:
    """A slice that `s01` has; it may be idle for 30 minutes, and is warned of 10 before."""
    campus = campus_with(declare(1, rules={"warn": "10m"}, idle="30m", lease="12h"))
    campus.students(2)
    campus.lent("s01")
    read(campus, 0.9, minutes=1)
    return campus


def test_an_idle_slice_is_warned_of_and_then_taken_back(lent: GpuCampus) -> None:
    read(lent, 0.0, minutes=19)
    with lent.database.read() as session:
        assert session.scalar(select(Lease.idle_warned_at)) is None
    read(lent, 0.0, minutes=2)
    with lent.database.read() as session:
        assert session.scalar(select(Lease.idle_warned_at)) is not None
    assert stopping(lent) is None
    read(lent, 0.0, minutes=10)
    assert stopping(lent) == "idle"


def test_a_slice_that_computes_now_and_then_is_left_alone(lent: GpuCampus) -> None:
    for _ in range(5):
        read(lent, 0.0, minutes=25)
        read(lent, 0.5, minutes=1)
    assert stopping(lent) is None


def test_a_slice_without_readings_is_never_idle(lent: GpuCampus) -> None:
    read(lent, 0.0, minutes=15)
    for _ in range(60):
        lent.wait(minutes=1)
        lent.tend()
    assert stopping(lent) is None


def test_a_gap_in_the_readings_is_no_evidence_of_idleness(lent: GpuCampus) -> None:
    read(lent, 0.0, minutes=100, every=5)
    assert stopping(lent) is None


def test_a_card_that_cannot_tell_is_in_use_while_a_process_is_on_it(lent: GpuCampus) -> None:
    read(lent, None, minutes=60, processes=1)
    assert stopping(lent) is None
    read(lent, None, minutes=60, processes=0)
    assert stopping(lent) == "idle"


def test_an_idle_slice_is_left_alone_in_class(campus_with: Campus) -> None:
    campus = campus_with(declare(1, idle="30m", lease="12h"))
    campus.students(1)
    campus.add_class(starts=START + timedelta(minutes=10), hours=3)
    campus.lent("s01")
    read(campus, 0.9, minutes=1)
    read(campus, 0.0, minutes=120)
    assert stopping(campus) is None


def test_a_lease_goes_on_while_nobody_waits_and_ends_when_somebody_does(campus_with: Campus) -> None:
    """It goes on before its end would be announced, so that an end is always told in time."""
    campus = campus_with(declare(1, lease="1h", rules={"warn": "15m"}))
    campus.students(2)
    campus.lent("s01")
    campus.wait(minutes=45)
    assert campus.tend().stop == {}
    held, _ = campus.desk.look("s01", campus.now)
    assert held is not None
    assert held.until == START + timedelta(minutes=75)
    campus.queued("s02")
    campus.wait(minutes=15)
    assert campus.tend().stop == {}, "fifteen minutes are left, and announced"
    campus.wait(minutes=15)
    assert campus.tend().stop == {"s01": "over"}
    campus.give_back("s01")
    with campus.database.read() as session:
        assert session.scalar(select(Lease.ended_because).where(Lease.holder == "s01")) == "over"
    assert campus.holders() == {"s02"}


def test_after_class_whoever_stays_is_told_before_somebody_else_gets_the_slice(campus_with: Campus) -> None:
    campus = campus_with(declare(1, rules={"warn": "15m", "class_lead": "15m"}))
    campus.students(1)
    campus.students(1, "at-1", "a")
    campus.add_class(starts=START + timedelta(minutes=10), hours=1, seats=1)
    campus.lent("s01")
    campus.wait(minutes=60)
    campus.queued("a01")
    campus.wait(minutes=10)
    assert campus.tend().stop == {}
    campus.wait(minutes=15)
    assert campus.tend().stop == {"s01": "over"}


@pytest.mark.parametrize(("computes_for", "goes_on_for"), [(4, 4), (60, 9)], ids=["a short cell", "a long run"])
def test_what_computes_when_the_time_is_up_may_finish_but_not_for_long(
    campus_with: Campus, computes_for: int, goes_on_for: int
) -> None:
    campus = campus_with(declare(1, lease="30m", rules={"finish": "10m"}))
    campus.students(2)
    campus.lent("s01")
    campus.queued("s02")
    read(campus, 0.9, minutes=30)
    minutes = 0
    while stopping(campus) is None and minutes < 20:
        read(campus, 0.9 if minutes < computes_for else 0.0, minutes=1)
        minutes += 1
    assert minutes - 1 == goes_on_for
    assert stopping(campus) == "over"


def test_what_computes_gives_way_to_a_class(campus_with: Campus) -> None:
    campus = campus_with(declare(1, lease="4h", rules={"finish": "10m"}))
    campus.students(1)
    campus.students(2, "at-1", "a")
    campus.add_class(starts=START + timedelta(minutes=45))
    campus.lent("a01")
    campus.queued("a02")
    read(campus, 0.9, minutes=30)
    assert stopping(campus) == "over"


def test_a_lost_nodes_slices_leave_the_inventory_and_its_leases_end(campus_with: Campus) -> None:
    campus = campus_with(declare(4, nodes=2))
    names = campus.students(4)
    on = {name: campus.lent(name).node for name in names}
    lost = ReportedNode("node2", NodeState.DOWN, ())
    with deciding(campus.database) as session:
        apply_engine(session, [ReportedNode("node1", NodeState.READY, ()), lost], campus.now)
    campus.tend()
    assert campus.holders() == {name for name, node in on.items() if node == "node1"}
    with campus.database.read() as session:
        assert [(one.available, one.away) for one in stock(session)] == [(2, 2)]
    victim = next(name for name, node in on.items() if node == "node2")
    campus.queued(victim)
    with deciding(campus.database) as session:
        apply_engine(session, [ReportedNode(name, NodeState.READY, ()) for name in ("node1", "node2")], campus.now)
    assert campus.tend().granted == [victim]


def test_a_lab_that_a_scheduler_starts_elsewhere_keeps_its_lease_when_the_expected_node_is_lost(
    campus_with: Campus,
) -> None:
    campus = campus_with(declare(0))
    campus.students(1)
    n1, n2 = (ReportedNode(f"n{number}", NodeState.READY, ((f"GPU-n{number}-0", "gpu"),)) for number in (1, 2))
    with deciding(campus.database) as session:
        apply_engine(session, [n1, n2], campus.now)
    got = campus.ask("s01")
    assert isinstance(got, Held)
    lost, other = (n1, n2) if got.node == "n1" else (n2, n1)
    with deciding(campus.database) as session:
        apply_engine(session, [replace(lost, state=NodeState.DOWN), other], campus.now)
    campus.tend()
    campus.desk.running(got.id, device=other.slices[0][0], node=other.name, now=campus.now)
    campus.tend()
    held, _ = campus.desk.look("s01", campus.now)
    assert held is not None
    assert (held.id, held.node) == (got.id, other.name)


def test_who_has_not_yet_taken_a_turn_on_a_lost_node_is_the_next_again(campus_with: Campus) -> None:
    campus = campus_with(declare(2, nodes=2))
    campus.students(4)
    campus.lent("s01")
    other = campus.lent("s02")
    campus.queued("s03")
    campus.queued("s04")
    campus.give_back("s01")
    [turn] = [one for one in ("s03", "s04") if one in campus.holders()]
    assert turn == "s03"
    node = "node1" if other.node == "node2" else "node2"
    with deciding(campus.database) as session:
        state = {node: NodeState.DOWN, other.node: NodeState.READY}
        apply_engine(session, [ReportedNode(name, state[name], ()) for name in sorted(state)], campus.now)
    campus.tend()
    assert campus.holders() == {"s02"}
    assert campus.queued("s03").position == 1
    campus.give_back("s02")
    assert campus.holders() == {"s03"}


def test_slices_that_the_engine_reports_are_lent(campus_with: Campus) -> None:
    campus = campus_with(declare(0))
    campus.students(1)
    with deciding(campus.database) as session:
        apply_engine(session, [ReportedNode("n1", NodeState.READY, (("GPU-n1-0", "gpu"),))], campus.now)
    assert campus.lent("s01").device == "GPU-n1-0"


def test_a_slice_that_left_the_file_is_not_lent_again(campus_with: Campus) -> None:
    campus = campus_with(declare(2))
    campus.students(2)
    campus.lent("s01")
    with deciding(campus.database) as session:
        apply_declared(session, declare(1).nodes, campus.now)
    campus.queued("s02")


def test_a_lease_whose_server_the_hub_does_not_have_ends_after_a_while(campus_with: Campus) -> None:
    campus = campus_with(declare(2))
    campus.students(2)
    campus.lent("s01")
    campus.lent("s02")
    ended = []
    for _ in range(6):
        campus.wait(seconds=5)
        with deciding(campus.database) as session:
            has = {"s02": HubHas("gpu", True)}
            ended += reconcile_with_hub(session, campus.hardware, has, campus.now, timezone=ZONE)
    assert ended == ["s01"]
    assert campus.holders() == {"s02"}


def test_a_hub_that_comes_back_in_time_keeps_the_leases(campus_with: Campus) -> None:
    campus = campus_with(declare(1))
    campus.students(1)
    campus.lent("s01")
    for servers in ({}, {}, {"s01": HubHas("gpu", True)}, {}, {}, {"s01": HubHas("gpu", True)}):
        campus.wait(seconds=9)
        with deciding(campus.database) as session:
            reconcile_with_hub(session, campus.hardware, servers, campus.now, timezone=ZONE)
    assert campus.holders() == {"s01"}


def test_a_container_of_an_ended_lease_is_named_to_be_removed(campus_with: Campus) -> None:
    campus = campus_with(declare(2))
    campus.students(2)
    first, second = campus.lent("s01"), campus.lent("s02")
    campus.give_back("s01")
    here = [EngineServer(first.id, "s01", "", "node1"), EngineServer(second.id, "s02", "", "node1")]
    stray = []
    for seconds in (10, 25):
        campus.wait(seconds=seconds)
        with deciding(campus.database) as session:
            stray.append(reconcile_with_engine(session, campus.hardware, here, campus.now, timezone=ZONE))
    assert stray == [[], [first.id]]


def test_a_slice_whose_container_is_still_there_is_not_lent_again_before_it_is_gone(campus_with: Campus) -> None:
    """The hub forgot a server while its container runs: the container goes first, then the lease."""
    campus = campus_with(declare(1))
    campus.students(2)
    lease = campus.lent("s01")
    campus.queued("s02")
    here = [EngineServer(lease.id, "s01", "", "node1")]
    answers = []
    for step in range(8):
        campus.wait(seconds=5)
        with deciding(campus.database) as session:
            running = here if step < 6 else []
            answers.append(reconcile_with_engine(session, campus.hardware, running, campus.now, timezone=ZONE))
            reconcile_with_hub(session, campus.hardware, {}, campus.now, timezone=ZONE)
        campus.tend()
        assert campus.holders() == ({"s01"} if step < 6 else {"s02"}), step
    assert answers[5] == [lease.id]


def test_use_is_written_as_it_happens_by_person_track_and_month(campus_with: Campus) -> None:
    campus = campus_with(declare(2, share=0.5))
    campus.students(2)
    campus.lent("s01")
    campus.wait(hours=2)
    with deciding(campus.database) as session:
        accrue_all(session, campus.now, timedelta(days=2), ZONE)
        assert [(one.name, one.hours) for one in account(session, "person", "2026-03")] == [("s01", 1.0)]
    campus.lent("s02")
    campus.wait(hours=4)
    campus.give_back("s01")
    with deciding(campus.database) as session:
        accrue_all(session, campus.now, timedelta(days=2), ZONE)
        hours = {one.name: one.hours for one in account(session, "person")}
        tracks = {one.name: one.hours for one in account(session, "track")}
    assert hours == pytest.approx({"s01": 3.0, "s02": 2.0})
    assert tracks == pytest.approx({"job-conversion": 5.0})


def test_use_goes_to_the_month_it_happened_in(campus_with: Campus) -> None:
    campus = campus_with(declare(1, lease="7d"))
    campus.students(1)
    campus.now = START + timedelta(days=29)  # 31 March, 9:00 in Seoul
    campus.lent("s01")
    for _ in range(24):
        campus.wait(hours=1)
        with deciding(campus.database) as session:
            accrue_all(session, campus.now, timedelta(days=2), ZONE)
    with campus.database.read() as session:
        march, april = account(session, "person", "2026-03"), account(session, "person", "2026-04")
    assert (march[0].hours, april[0].hours) == pytest.approx((14, 10))


def test_time_in_which_a_slice_did_nothing_is_told_apart(lent: GpuCampus) -> None:
    read(lent, 0.0, minutes=15)
    with deciding(lent.database) as session:
        accrue_all(session, lent.now, timedelta(days=2), ZONE)
        (one,) = account(session, "kind")
    assert one.idle == pytest.approx(one.hours)


def test_a_card_that_its_agent_lost_twice_is_lent_no_more_and_comes_back_when_it_is_seen(campus_with: Campus) -> None:
    campus = campus_with(declare(1))
    present = []
    for lost in (True, True, False):
        campus.wait(seconds=10)
        with deciding(campus.database) as session:
            devices = [] if lost else [("GPU-node1-0", "gpu")]
            apply_agent(session, "node1", devices, ["GPU-node1-0"] if lost else [], campus.now)
            take_losses(session, "node1", ["GPU-node1-0"] if lost else [], campus.now)
            take_readings(session, "node1", [Reading(name, 0.0, 0, 0) for name, _ in devices], campus.now)
            present.append([one.available for one in stock(session)])
    assert present == [[1], [0], [1]]


def test_a_node_that_only_its_agent_tells_of_lends_what_the_agent_sees(campus_with: Campus) -> None:
    campus = campus_with(declare(0))
    campus.students(1)
    with deciding(campus.database) as session:
        apply_agent(session, "node9", [("MIG-1", "gpu")], [], campus.now)
    assert campus.lent("s01").node == "node9"


def test_a_cpu_lab_that_makes_room_neither_confirms_the_lease_nor_ends_it_at_once(campus_with: Campus) -> None:
    campus = campus_with(declare(1))
    campus.students(1)
    campus.ask("s01")
    states = []
    for _ in range(15):
        campus.wait(seconds=10)
        with deciding(campus.database) as session:
            reconcile_with_hub(session, campus.hardware, {"s01": HubHas("cpu", True)}, campus.now, timezone=ZONE)
            states.append(session.scalars(select(Lease.state)).one())
    assert states[:11] == ["starting"] * 11
    assert states[-1] == "ended", "a lab that stays does not keep a slice for ever"
