"""deploy/stack.yml on three nodes: what runs where, and with which rights."""

from __future__ import annotations

from functools import partial

import pytest
from class_play import Play
from confinement import assert_every_layer_holds, assert_no_rights_are_left
from stack_campus import StackCampus
from swarm_campus import NETWORK
from swarm_node import Node

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


def test_graders_and_guards_are_on_every_node_and_portals_are_several(campus: StackCampus) -> None:
    one, everywhere = (1, 1), (3, 3)
    assert campus.states() == {
        **{"database": one, "hub": one, "proxy": one, "portal": (2, 2)},
        **{"grader": everywhere, "guard": everywhere, "keeper": everywhere},
    }
    for service, nodes in {"grader": 3, "guard": 3, "keeper": 3, "portal": 2}.items():
        assert len({node.name for node, _ in campus.containers(service)}) == nodes


def test_the_engine_s_socket_is_the_hub_s_alone(campus: StackCampus) -> None:
    holders = [
        name
        for name, spec in campus.specs().items()
        if any("docker.sock" in mount["Target"] for mount in spec["TaskTemplate"]["ContainerSpec"].get("Mounts", []))
    ]
    assert holders == ["hub"]


def test_labs_are_on_no_network_with_the_database(campus: StackCampus) -> None:
    names = {network["Id"]: network["Name"] for network in campus.rig.manager.api.networks()}
    on = {
        service: {names[network["Target"]] for network in spec["TaskTemplate"]["Networks"]}
        for service, spec in campus.specs().items()
    }
    assert on["database"] == {"bitgoeul_back"}
    assert {service for service, networks in on.items() if NETWORK in networks} == {"guard", "hub", "portal", "proxy"}


def test_no_secret_stands_in_a_service_s_environment(campus: StackCampus) -> None:
    told = [
        entry
        for spec in campus.specs().values()
        for entry in spec["TaskTemplate"]["ContainerSpec"].get("Env", [])
        if any(word in entry.partition("=")[0] for word in ("TOKEN", "SECRET", "PASSWORD"))
    ]
    assert told
    assert [entry for entry in told if not entry.partition("=")[2].startswith("/run/secrets/")] == []


def test_graders_are_told_no_secret_but_the_database_s(campus: StackCampus) -> None:
    [place, *_] = campus.containers("grader")
    assert campus.within(place, "ls", "/run/secrets").split() == ["database_password"]


@pytest.mark.parametrize("service", ["portal", "grader"])
def test_a_program_that_was_given_rights_has_none_left_when_it_begins(campus: StackCampus, service: str) -> None:
    for place in campus.containers(service):
        assert_no_rights_are_left(partial(campus.within, place))


def test_every_layer_of_the_sandbox_holds_where_work_is_marked(campus: StackCampus) -> None:
    for place in [*campus.containers("grader"), *campus.containers("portal")]:
        assert_every_layer_holds(partial(campus.within, place))


def test_the_command_of_the_campus_runs_beside_it(campus: StackCampus) -> None:
    assert "Usage: bitgoeul" in campus.deploy("admin")
    told = campus.deploy("admin", "doctor", "--site")
    assert "http://portal:8010/services/portal/api/health, hub in step" in told
    assert "postgresql+psycopg://campus:***@database/campus" in told


def test_every_node_s_guard_finds_its_labs_network_guarded(campus: StackCampus) -> None:
    for place in campus.containers("guard"):
        campus.within(place, "python3", "-P", "-m", "hub_config.swarm_guard", "--healthy")


def test_labs_reach_the_portal_and_neither_each_other_nor_the_database(campus: StackCampus, play: Play) -> None:
    labs = campus.labs()
    one, other = (labs[name] for name in sorted(labs)[:2])
    networks = other[0].api.inspect_container(other[1])["NetworkSettings"]["Networks"]
    assert reach(campus, one, "portal", 8010) == "reached"
    assert reach(campus, one, "hub", 8081) == "reached"
    assert reach(campus, other, "127.0.0.1", 8888) == "reached"
    for host, port in ((networks[NETWORK]["IPAddress"], 8888), ("proxy", 8001), ("database", 5432)):
        assert reach(campus, one, host, port) != "reached"


def reach(campus: StackCampus, place: tuple[Node, str], host: str, port: int) -> str:
    """What becomes of a lab's call of that port: "reached", or why not."""
    code = f"""
import socket
try:
    socket.create_connection(({host!r}, {port}), 5)
    print("reached")
except OSError as error:
    print(error)
"""
    return campus.within(place, "python", "-c", code).strip()
