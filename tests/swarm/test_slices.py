"""A class on three nodes with two GPU slots each: everybody gets a slice, and nobody gets another's."""

from __future__ import annotations

import pytest
from swarm_campus import SwarmCampus
from waiting import wait_for

pytestmark = pytest.mark.swarm
STUDENTS = [f"student{number}" for number in range(6)]


def test_six_students_get_six_slices_on_three_nodes(campus: SwarmCampus) -> None:
    took = campus.start_servers(*STUDENTS, profile="gpu-slice")
    print("seconds from click to ready:", [round(seconds, 1) for seconds in took])
    said = {campus.desk.leases[name]: campus.desk.running[campus.desk.leases[name]] for name in STUDENTS}
    assert sorted(one["device"] for one in said.values()) == sorted(s for node in campus.rig.nodes for s in node.slots)
    assert sorted(one["node"] for one in said.values()) == ["node1", "node1", "node2", "node2", "node3", "node3"]
    for name in STUDENTS:
        seen = campus.inside(name, "sh", "-c", "echo $DOCKER_RESOURCE_GPU").stdout.strip()
        assert seen == said[campus.desk.leases[name]]["device"]


def test_the_portal_is_told_what_the_swarm_has(campus: SwarmCampus) -> None:
    wait_for("the warden has told of six servers", lambda: len(campus.desk.engine.get("servers", [])) == 6)
    nodes = {node["name"]: node for node in campus.desk.engine["nodes"]}
    assert sorted(nodes) == ["node1", "node2", "node3"]
    assert nodes["node2"] == {
        "name": "node2",
        "state": "ready",
        "availability": "active",
        "slices": [{"kind": "GPU", "device": "GPU-node2-0"}, {"kind": "GPU", "device": "GPU-node2-1"}],
    }
    told = {server["username"]: server for server in campus.desk.engine["servers"]}
    lease = campus.desk.leases["student3"]
    assert told["student3"] == {"lease": lease, "username": "student3", **campus.desk.running[lease]}


def test_the_seventh_student_is_told_where_to_wait_and_leaves_nothing_behind(campus: SwarmCampus) -> None:
    answer = campus.ask_for_server("seventh", "gpu-slice")
    assert answer.status_code == 409
    assert "모두 사용 중입니다." in answer.json()["message"]
    assert campus.service("seventh") not in campus.services()


def test_a_slice_that_is_returned_is_the_next_one_s(campus: SwarmCampus) -> None:
    lease = campus.desk.leases["student2"]
    device = campus.desk.running[lease]["device"]
    campus.stop_server("student2")
    assert campus.desk.reasons(lease) == ["stopped"]
    campus.start_server("seventh", "gpu-slice")
    assert campus.desk.running[campus.desk.leases["seventh"]]["device"] == device


def test_a_lab_without_a_lease_sees_no_card(campus: SwarmCampus) -> None:
    campus.start_server("walkin", "cpu")
    seen = campus.inside("walkin", "sh", "-c", "echo $NVIDIA_VISIBLE_DEVICES,$DOCKER_RESOURCE_GPU").stdout.strip()
    assert seen == "void,"
