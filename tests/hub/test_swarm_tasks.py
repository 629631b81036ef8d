"""What a Swarm says: how a lab ended, in every state of its task; the newest of two; slices by name and by number."""

from __future__ import annotations

from typing import Any

import pytest

from hub_config.swarm_nodes import nodes_report
from hub_config.swarm_tasks import Node, Task, current, ending_of, is_down, read_node, read_task

READY = {"n1": Node("n1", "node1", "ready", "active")}
DOWN = {"n1": Node("n1", "node1", "down", "active")}


def task(state: str, desired: str = "running", **rest: Any) -> Task:
    return Task(id=rest.pop("id", "t1"), service="s1", state=state, desired=desired, node="n1", **rest)


@pytest.mark.parametrize(
    "state",
    ["new", "allocated", "pending", "assigned", "accepted", "preparing", "ready", "starting", "running"],
)
def test_a_lab_lives_in_every_state_up_to_running(state: str) -> None:
    assert ending_of(task(state), READY) is None
    assert not is_down(task(state), READY)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("complete", "stopped"),
        ("shutdown", "stopped"),
        ("remove", "stopped"),
        ("failed", "failed"),
        ("rejected", "failed"),
        ("orphaned", "lost"),
    ],
)
def test_a_lab_has_ended_in_every_state_after_running(state: str, reason: str) -> None:
    ending = ending_of(task(state, "shutdown", reason="why"), READY)
    assert ending is not None
    assert ending.reason == reason
    assert "why" in ending.text
    assert is_down(task(state, "shutdown"), READY)


@pytest.mark.parametrize("nodes", [DOWN, {"other": READY["n1"]}], ids=["its node is down", "its node left"])
def test_a_lab_is_lost_with_its_node_whatever_the_task_says(nodes: dict[str, Node]) -> None:
    for desired in ("running", "shutdown"):
        ending = ending_of(task("running", desired), nodes)
        assert ending is not None
        assert ending.reason == "lost"
    assert is_down(task("running"), nodes)


def test_a_lab_that_swarm_takes_down_has_ended_but_still_answers() -> None:
    leaving = task("running", "shutdown")
    ending = ending_of(leaving, READY)
    assert ending is not None
    assert ending.reason == "stopped"
    assert not is_down(leaving, READY)


def test_of_two_tasks_the_newest_that_is_meant_to_live_counts() -> None:
    old = task("running", "shutdown", id="old", made=("2026-11-28T21:00:00.1Z", "old"))
    new = task("starting", id="new", made=("2026-11-28T21:00:00.2Z", "new"))
    dead = task("rejected", "shutdown", id="dead", made=("2026-11-28T21:00:00.3Z", "dead"))
    assert current([new, dead, old]) == new
    assert current([old, dead]) == dead
    assert current([]) is None


def test_a_task_tells_its_device_and_its_address_on_the_labs_network() -> None:
    told = {
        "ID": "t1",
        "ServiceID": "s1",
        "NodeID": "n1",
        "CreatedAt": "2026-11-28T21:16:09.571508812Z",
        "DesiredState": "running",
        "Status": {"State": "running"},
        "Spec": {"ContainerSpec": {"Labels": {"kr.bitgoeul.user": "minji", "kr.bitgoeul.lease": "7"}}},
        "GenericResources": [{"NamedResourceSpec": {"Kind": "GPU", "Value": "GPU-node1-0"}}],
        "NetworksAttachments": [
            {"Network": {"Spec": {"Name": "other"}}, "Addresses": ["10.9.0.3/24"]},
            {"Network": {"Spec": {"Name": "labs"}}, "Addresses": ["10.213.0.17/16"]},
        ],
    }
    read = read_task(told, "labs")
    assert (read.device, read.address, read.username, read.lease) == ("GPU-node1-0", "10.213.0.17", "minji", "7")


def test_nodes_are_told_with_slices_by_name_and_counted_ones_by_a_made_up_name() -> None:
    told = {
        "ID": "n1",
        "Status": {"State": "disconnected"},
        "Spec": {"Availability": "pause"},
        "Description": {
            "Hostname": "node1",
            "Resources": {
                "GenericResources": [
                    {"NamedResourceSpec": {"Kind": "GPU", "Value": "GPU-a"}},
                    {"DiscreteResourceSpec": {"Kind": "SSD", "Value": 2}},
                ]
            },
        },
    }
    assert nodes_report([read_node(told)]) == [
        {
            "name": "node1",
            "state": "down",
            "availability": "pause",
            "slices": [
                {"kind": "GPU", "device": "GPU-a"},
                {"kind": "SSD", "device": "node1-SSD-1"},
                {"kind": "SSD", "device": "node1-SSD-2"},
            ],
        }
    ]
