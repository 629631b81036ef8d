"""How labs on a Swarm end: stopped, by themselves, with their hub; each leaves nothing and gives its slice back."""

from __future__ import annotations

import contextlib
import threading

import httpx
import pytest
from swarm_campus import SwarmCampus
from waiting import wait_for

from gpus.models import NodeState

pytestmark = pytest.mark.swarm


def wait_until_seen_ended(campus: SwarmCampus, name: str) -> None:
    wait_for(f"the hub sees that the lab of {name} has ended", lambda: not campus.model(name).get("servers"))
    assert campus.service(name) not in campus.services()


def test_a_stop_returns_when_the_lab_is_down_and_the_next_start_is_another_lab(campus: SwarmCampus) -> None:
    campus.start_server("minji", "gpu-slice")
    born = campus.ask_lab("minji")["born"]
    (campus.data / "homes" / "minji" / "slow-to-stop").write_text("3")
    tasks = campus.rig.manager.api.tasks(filters={"service": campus.service("minji")})
    campus.stop_server("minji")
    [status] = [task["Status"] for task in tasks]
    for node in campus.rig.nodes:
        running = [one["Id"] for one in node.api.containers()]
        assert status["ContainerStatus"]["ContainerID"] not in running
    campus.start_server("minji", "gpu-slice")
    assert campus.ask_lab("minji")["born"] > born
    (campus.data / "homes" / "minji" / "slow-to-stop").unlink()
    campus.stop_server("minji")


def test_a_stop_removes_the_service_before_its_task_is_down(campus: SwarmCampus) -> None:
    """A manager crashes when a service is removed in the moment in which it forgets a task that has ended."""
    campus.start_server("slow", "gpu-slice")
    (campus.data / "homes" / "slow" / "slow-to-stop").write_text("3")
    node, status = campus.rig.node(campus.node_of("slow")), campus.task("slow")["Status"]
    stopping = threading.Thread(target=campus.stop_server, args=("slow",))
    stopping.start()
    wait_for("the service is removed", lambda: campus.service("slow") not in campus.services())
    running = [one["Id"] for one in node.api.containers()]
    stopping.join()
    assert status["ContainerStatus"]["ContainerID"] in running


def test_a_second_stop_is_harmless(campus: SwarmCampus) -> None:
    campus.start_server("twice", "gpu-slice")
    lease = campus.lease("twice").id
    campus.rig.manager.docker("service", "rm", campus.service("twice"))
    campus.stop_server("twice")
    assert campus.books.ended(lease) in ("stopped", "lost")
    assert "Traceback" not in campus.log


def test_a_lab_that_failed_is_not_begun_anew_and_its_service_goes(campus: SwarmCampus) -> None:
    campus.start_server("crash", "gpu-slice")
    lease = campus.lease("crash").id
    campus.ask_lab("crash", "end?3")
    wait_until_seen_ended(campus, "crash")
    assert campus.books.ended(lease) == "failed"


def test_a_drained_node_s_labs_end_and_their_owners_start_elsewhere(campus: SwarmCampus) -> None:
    campus.start_server("mover", "gpu-slice")
    node = campus.rig.node(campus.node_of("mover"))
    lease = campus.lease("mover").id
    node.available("drain")
    try:
        wait_until_seen_ended(campus, "mover")
        assert campus.books.ended(lease) == "stopped"
        campus.start_server("mover", "gpu-slice")
        assert campus.node_of("mover") != node.name
        drained = {node.name: NodeState.DRAINED}
        wait_for("the portal knows of the drain", lambda: campus.books.nodes() == campus.books.nodes() | drained)
        assert not [device for device in campus.books.lendable() if device in node.slots]
    finally:
        node.available("active")
    campus.stop_server("mover")


def test_a_lab_whose_task_is_replaced_lives_on_for_the_hub(campus: SwarmCampus) -> None:
    """Two tasks overlap in an update by hand: the newest counts."""
    campus.start_server("updated")
    campus.rig.manager.docker("service", "update", "--force", "--detach", campus.service("updated"))
    wait_for(
        "there are two tasks",
        lambda: len(campus.rig.manager.api.tasks(filters={"service": campus.service("updated")})) == 2,
    )
    seen = campus.log.count("GET /hub/api/users")
    wait_for(
        "the hub has looked again",
        lambda: campus.model("updated") and campus.log.count("GET /hub/api/users") > seen + 40,
    )
    assert campus.model("updated")["servers"]
    campus.stop_server("updated")


def test_a_killed_hub_finds_its_labs_again(campus: SwarmCampus) -> None:
    campus.start_servers("a", "b", "c", profile="gpu-slice")
    born = {name: campus.ask_lab(name)["born"] for name in "abc"}
    campus.kill_hub()
    campus.start_hub()
    wait_for("all are there again", lambda: all(campus.model(name).get("servers") for name in "abc"))
    assert {name: campus.ask_lab(name)["born"] for name in "abc"} == born
    leases = [campus.lease(name).id for name in "abc"]
    for name in "abc":
        campus.stop_server(name)
    assert [campus.books.ended(lease) for lease in leases] == ["stopped"] * 3


def test_a_hub_killed_in_the_middle_of_a_start_leaves_no_lab_and_no_lease(campus: SwarmCampus) -> None:
    campus.enrol("half")

    def ask() -> None:
        with contextlib.suppress(httpx.HTTPError):  # the hub is killed before it answers
            campus.choose("half", "gpu-slice")

    asking = threading.Thread(target=ask)
    asking.start()
    wait_for("the service is made", lambda: campus.service("half") in campus.services(), every=0.02)
    lease = campus.lease("half").id
    campus.kill_hub()
    asking.join()
    campus.start_hub()
    wait_until_seen_ended(campus, "half")
    wait_for("the lease has ended", lambda: campus.books.ended(lease))
    campus.start_server("half", "gpu-slice")
    campus.stop_server("half")
