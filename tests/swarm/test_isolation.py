"""What a lab on the labs' overlay network reaches: hub and portal. Each other thing is tried from inside one."""

from __future__ import annotations

import socket

import pytest
from swarm_campus import HUB, HUB_PORT, PORTAL_PORT, PROXY_API, PUBLIC, SwarmCampus
from waiting import wait_for

pytestmark = pytest.mark.swarm
CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
    print("open")
except OSError as error:
    print("closed", error)
"""


@pytest.fixture(scope="module", autouse=True)
def labs(campus: SwarmCampus) -> None:
    campus.start_servers("insider", "other1", "other2", "other3")
    return


def tries(campus: SwarmCampus, address: str, port: int) -> str:
    done = campus.inside("insider", "/usr/bin/env", "python3", "-c", CONNECT, address, str(port))
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[0]


def address_of(campus: SwarmCampus, name: str) -> str:
    return str(campus.task(name)["NetworksAttachments"][0]["Addresses"][0]).partition("/")[0]


def test_a_lab_reaches_the_hub_s_api_and_the_portal(campus: SwarmCampus) -> None:
    assert {port: tries(campus, HUB, port) for port in (HUB_PORT, PORTAL_PORT)} == {
        HUB_PORT: "open",
        PORTAL_PORT: "open",
    }


def test_a_lab_reaches_no_other_lab_on_its_own_node_or_on_another(campus: SwarmCampus) -> None:
    others = ["other1", "other2", "other3"]
    assert {campus.node_of(name) for name in others} != {campus.node_of("insider")}
    assert {name: tries(campus, address_of(campus, name), 8888) for name in others} == dict.fromkeys(others, "closed")
    # the hub does, or they would not be up
    assert all(campus.ask_lab(name) for name in others)


@pytest.mark.parametrize(
    ("address", "port"),
    [(HUB, PUBLIC), (HUB, PROXY_API), ("169.254.169.254", 80), ("10.213.0.1", 22)],
    ids=["the proxy's public port", "the proxy's own API", "the cloud's metadata", "the network's gateway"],
)
def test_a_lab_reaches_nothing_else_of_the_campus(campus: SwarmCampus, address: str, port: int) -> None:
    assert tries(campus, address, port) == "closed"


def test_a_lab_reaches_neither_its_node_nor_this_machine(campus: SwarmCampus) -> None:
    with socket.create_server((campus.rig.outside, 0)) as listener:
        assert tries(campus, campus.rig.outside, listener.getsockname()[1]) == "closed"
    assert {node.name: tries(campus, node.address, 7946) for node in campus.rig.nodes} == {
        node.name: "closed" for node in campus.rig.nodes
    }


def test_a_guard_that_is_replaced_cuts_no_lab_off(campus: SwarmCampus) -> None:
    node = campus.rig.node(campus.node_of("insider"))
    calls: list[str] = []

    def guards() -> list[str]:
        return [one["Id"] for one in node.api.containers(filters={"label": "com.docker.swarm.service.name=guard"})]

    def another_guards() -> bool:
        calls.append(tries(campus, HUB, HUB_PORT))
        return any(one != former and b"is guarded" in node.api.logs(one) for one in guards())

    [former] = guards()
    node.api.kill(former)
    wait_for("another guard", another_guards)
    assert [*calls, tries(campus, HUB, HUB_PORT)] == ["open"] * (len(calls) + 1)


def test_the_rules_come_back_when_somebody_takes_them_out(campus: SwarmCampus) -> None:
    node = campus.rig.node(campus.node_of("insider"))
    node.at_home("sh", "-c", "for n in /run/docker/netns/1-*; do nsenter --net=$n iptables -F FORWARD; done")
    victim = address_of(campus, "other1")
    wait_for("labs are apart again", lambda: tries(campus, victim, 8888) == "closed")
