"""A class on three nodes with two GPU slots each: everybody gets a slice of their own, and who comes later waits."""

from __future__ import annotations

import pytest
from swarm_campus import SwarmCampus
from waiting import wait_for

pytestmark = pytest.mark.swarm
STUDENTS = [f"student{number}" for number in range(6)]
LATE = ["seventh", "eighth"]


def test_six_students_get_six_slices_on_three_nodes(campus: SwarmCampus) -> None:
    took = campus.start_servers(*STUDENTS, profile="gpu-slice")
    print("seconds from click to ready:", [round(seconds, 1) for seconds in took])
    lent = campus.books.lent()
    assert sorted(lent) == STUDENTS
    assert sorted(one.device for one in lent.values()) == sorted(s for node in campus.rig.nodes for s in node.slots)
    for name in STUDENTS:
        seen = campus.inside(name, "sh", "-c", "echo $DOCKER_RESOURCE_GPU").stdout.strip()
        assert (seen, campus.node_of(name)) == (lent[name].device, lent[name].node)


def test_the_seventh_and_the_eighth_are_told_their_place_and_how_long_it_may_take(campus: SwarmCampus) -> None:
    campus.enrol(*LATE)
    assert [campus.choose(name, "gpu-slice").status_code for name in LATE] == [202, 202]
    tickets = [campus.mine(name)["ticket"] for name in LATE]
    assert [ticket["position"] for ticket in tickets] == [1, 2]
    assert all(ticket["estimate"] > 0 for ticket in tickets)
    assert {ticket["reason_ko"] for ticket in tickets} == {"GPU 6개가 모두 쓰이고 있습니다."}
    assert campus.services() == sorted(campus.service(name) for name in STUDENTS)


def test_who_asks_the_hub_itself_is_sent_to_the_same_place(campus: SwarmCampus) -> None:
    told = campus.refusal("eighth", "gpu-slice")
    assert "대기 순서는 2번입니다" in told
    assert "You are number 2 in the queue" in told
    assert campus.service("eighth") not in campus.services()


@pytest.mark.parametrize(
    ("leaver", "comer"), [("student2", "seventh"), ("student4", "eighth")], ids=["the first", "the second"]
)
def test_a_slice_that_is_returned_is_the_turn_of_whoever_waits_longest(
    campus: SwarmCampus, leaver: str, comer: str
) -> None:
    was = campus.lease(leaver)
    campus.stop_server(leaver)
    assert campus.books.ended(was.id) == "stopped"
    turn = wait_for("the turn has come", lambda: campus.mine(comer)["lease"], seconds=10)
    assert turn["state"] == "held"
    behind = [campus.mine(name)["ticket"] for name in LATE[LATE.index(comer) + 1 :]]
    assert [ticket["position"] for ticket in behind] == list(range(1, len(behind) + 1))
    campus.start_server(comer, "gpu-slice")
    assert campus.lease(comer).device == was.device


def test_a_lab_without_a_lease_sees_no_card(campus: SwarmCampus) -> None:
    campus.start_server("walkin", "cpu")
    seen = campus.inside("walkin", "sh", "-c", "echo $NVIDIA_VISIBLE_DEVICES,$DOCKER_RESOURCE_GPU").stdout.strip()
    assert seen == "void,"
