"""A node's cable is cut: its labs are seen lost, their owners start elsewhere with their files, the node comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from swarm_campus import SwarmCampus
from waiting import wait_for

pytestmark = pytest.mark.swarm
CUT = "node3"


@pytest.fixture(scope="module", autouse=True)
def mended(campus: SwarmCampus) -> Iterator[None]:
    yield
    campus.rig.node(CUT).mend()
    wait_for("the node is back", lambda: state(campus) == "ready")


def state(campus: SwarmCampus) -> str:
    told = campus.rig.manager.api.nodes(filters={"name": CUT})
    return str(told[0]["Status"]["State"])


def labs_on(campus: SwarmCampus, node: str) -> list[str]:
    listed = campus.rig.node(node).api.containers(filters={"label": "kr.bitgoeul.user"})
    return [container["Labels"]["kr.bitgoeul.user"] for container in listed]


def test_a_cut_node_s_labs_are_lost_within_40_s_and_their_owners_start_elsewhere(campus: SwarmCampus) -> None:
    names = ["ann", "bob", "cho"]
    campus.start_servers(*names, profile="gpu-slice")
    here = sorted(slot for node in campus.rig.nodes if node.name != CUT for slot in node.slots)
    unlucky = next(name for name in names if campus.node_of(name) == CUT)
    lucky = [name for name in names if campus.node_of(name) != CUT]
    (campus.data / "homes" / unlucky / "note").write_text("mine")
    lease = campus.lease(unlucky)
    assert lease.node == CUT

    campus.rig.node(CUT).cut()
    begun = time.monotonic()
    seen: dict[str, float] = {}

    def note(what: str, condition: Callable[[], bool]) -> bool:
        if what not in seen and condition():
            seen[what] = round(time.monotonic() - begun, 1)
        return what in seen

    def all_seen() -> bool:
        return all(
            [
                note("Swarm calls it down", lambda: state(campus) == "down"),
                note("the hub sees the lab lost", lambda: not campus.model(unlucky).get("servers")),
                note("the portal sees the lease lost", lambda: campus.books.ended(lease.id) == "lost"),
                note("its slices are lent no more", lambda: campus.books.lendable() == here),
                note("its service is gone", lambda: campus.service(unlucky) not in campus.services()),
            ]
        )

    wait_for("the loss is seen", all_seen, seconds=40)
    print("seconds after the cut:", seen)
    assert all(campus.model(name).get("servers") for name in lucky)

    campus.start_server(unlucky, "gpu-slice")
    assert campus.node_of(unlucky) != CUT
    assert campus.lease(unlucky).device in here
    assert campus.inside(unlucky, "cat", "/home/learner/note").stdout == "mine"
    # cut off as it is, the old lab still runs there
    assert unlucky in labs_on(campus, CUT)


def test_when_the_node_is_back_the_old_lab_ends_and_the_node_is_used_again(campus: SwarmCampus) -> None:
    campus.rig.node(CUT).mend()
    wait_for("Swarm calls it ready", lambda: state(campus) == "ready")
    wait_for("Swarm has ended what ran there", lambda: labs_on(campus, CUT) == [])
    wait_for("its slices are lent again", lambda: len(campus.books.lendable()) == 6)
    new = ["dan", "eve", "fay"]
    campus.start_servers(*new, profile="gpu-slice")
    assert (
        sorted(campus.lease(name).device for name in new if campus.node_of(name) == CUT) == campus.rig.node(CUT).slots
    )


def test_a_node_that_loses_its_power_and_comes_back_is_used_again(campus: SwarmCampus) -> None:
    node = campus.rig.node(CUT)
    lost = labs_on(campus, CUT)
    assert len(lost) == 2
    node.kill()
    wait_for(
        "the hub sees its labs lost", lambda: not any(campus.model(name).get("servers") for name in lost), seconds=40
    )
    node.start()
    node.wait()
    wait_for("Swarm calls it ready", lambda: state(campus) == "ready")
    assert labs_on(campus, CUT) == []
    wait_for("its slices are lent again", lambda: len(campus.books.lendable()) == 6)
    campus.start_servers(*lost, profile="gpu-slice")
    assert {campus.node_of(name) for name in lost} == {CUT}
