"""The fence around labs, before any firewall: what settings become, and which rule decides first."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_address

import pytest

from hub_config.environment import Environment, SettingsError
from hub_config.firewall_rules import (
    NOT_INTERNET,
    Destination,
    Fence,
    forward_rules,
    input_rules,
    labs_range,
    read_destination,
    restore_text,
)
from hub_config.lab_network import LabNetwork, read_lab_network

SUBNET = IPv4Network("10.213.0.0/16")
FENCE = Fence("bitgoeul-labs", SUBNET, ports=(8081, 8010))


def network(**settings: str) -> LabNetwork:
    environ = {f"BITGOEUL_{name}": value for name, value in settings.items()}
    return read_lab_network(
        Environment(environ),
        campus="bitgoeul",
        hub_api_url="http://10.213.0.1:8081/hub/api",
        portal_url="http://10.213.0.1:8010/services/portal",
    )


def decided(rules: list[tuple[str, ...]], address: str, port: int, source: str = "10.213.128.7") -> str:
    """The target of the first rule for a new tcp connection, as the kernel reads them."""
    for rule in rules:
        said = dict(zip(rule[::2], rule[1::2], strict=True))
        if said.get("--ctstate") or ("-s" in said and ip_address(source) not in IPv4Network(said["-s"])):
            continue
        if "-d" in said and ip_address(address) not in IPv4Network(said["-d"]):
            continue
        if said.get("-p", "tcp") != "tcp" or int(said.get("--dport", port)) != port:
            continue
        return said["-j"]
    return "RETURN"


@pytest.mark.parametrize(
    ("address", "port", "verdict"),
    [
        pytest.param("10.213.0.1", 8081, "ACCEPT", id="the hub"),
        pytest.param("10.213.0.9", 8010, "ACCEPT", id="the portal in a container"),
        pytest.param("10.213.0.9", 5432, "REJECT", id="another port there"),
        pytest.param("10.213.128.8", 8888, "REJECT", id="another lab"),
        pytest.param("10.213.128.8", 8081, "REJECT", id="another lab on the hub's port"),
        pytest.param("169.254.169.254", 80, "REJECT", id="metadata"),
        pytest.param("192.168.1.1", 443, "REJECT", id="a private network"),
        pytest.param("1.1.1.1", 443, "REJECT", id="the internet"),
    ],
)
def test_a_lab_reaches_hub_and_portal_and_nothing_else(address: str, port: int, verdict: str) -> None:
    assert decided(forward_rules(FENCE), address, port) == verdict


@pytest.mark.parametrize("private", NOT_INTERNET)
def test_the_internet_is_no_private_network(private: str) -> None:
    fence = Fence("bitgoeul-labs", SUBNET, ports=(8081,), internet=True)
    inside = str(IPv4Network(private).network_address + 1)
    assert decided(forward_rules(fence), inside, 443) == "REJECT"
    assert decided(forward_rules(fence), "1.1.1.1", 443) == "RETURN"


def test_what_the_site_allows_is_reached_there_and_not_on_this_machine_unless_a_port_is_named() -> None:
    allowed = (read_destination("10.9.0.0/16"), read_destination("10.8.0.5:5000"))
    fence = Fence("bitgoeul-labs", SUBNET, ports=(), allowed=allowed)
    assert decided(forward_rules(fence), "10.9.3.3", 22) == "ACCEPT"
    assert decided(forward_rules(fence), "10.8.0.5", 5000) == "ACCEPT"
    assert decided(forward_rules(fence), "10.8.0.5", 5001) == "REJECT"
    assert decided(input_rules(fence), "10.9.3.3", 22) == "REJECT"
    assert decided(input_rules(fence), "10.8.0.5", 5000) == "ACCEPT"


def test_labs_never_get_an_address_that_counts_as_the_campus_s() -> None:
    assert labs_range(SUBNET) == IPv4Network("10.213.128.0/17")
    assert labs_range(IPv4Network("10.1.4.0/22")) == IPv4Network("10.1.6.0/23")


def test_a_hub_elsewhere_is_let_through_under_its_address() -> None:
    fence = network(LAB_HUB_URL="http://10.5.5.5:8081", LAB_PORTAL_URL="https://portal:8443/services/portal").fence
    assert Destination(IPv4Network("10.5.5.5/32"), 8081) in fence.allowed
    assert fence.ports == (8443,)


def test_resolvers_are_reached_over_udp_and_tcp() -> None:
    fence = network(LAB_DNS="10.0.0.53").fence
    assert {(one.port, one.protocol) for one in fence.allowed} == {(53, "udp"), (53, "tcp")}


def test_both_chains_are_replaced_in_one_step() -> None:
    text = restore_text(FENCE)
    assert text.startswith("*filter\n:BGL-FORWARD-bitgoeul-labs - [0:0]\n")
    assert text.endswith("COMMIT\n")
    assert all(len(line.split()[0]) <= 29 for line in text.splitlines() if line.startswith(":"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"LAB_ALLOW": "mirror.kr:80"}, ["mirror.kr:80", "IPv4 address"], id="a name"),
        pytest.param({"LAB_ALLOW": "10.1.1.1:0"}, ["'0'", "65535"], id="no port"),
        pytest.param({"LAB_ALLOW": "10.1.1.1:53/sctp"}, ["'sctp'", "tcp nor udp"], id="no protocol"),
        pytest.param({"LAB_SUBNET": "10.1.1.0/24"}, ["10.1.1.0/24", "1024"], id="too small"),
        pytest.param({"LAB_SUBNET": "fd00::/64"}, ["fd00::/64", "IPv4"], id="six"),
        pytest.param({"LAB_DNS": "dns.kr"}, ["dns.kr", "resolvers"], id="a resolver's name"),
        pytest.param({"LAB_NETWORK": "a-name-that-is-long"}, ["15 characters"], id="too long"),
    ],
)
def test_a_wrong_setting_of_the_network_is_named(settings: dict[str, str], words: list[str]) -> None:
    with pytest.raises(SettingsError) as refusal:
        network(**settings)
    for word in words:
        assert word in str(refusal.value)


def test_the_campus_s_own_containers_are_not_fenced_in() -> None:
    assert decided(forward_rules(FENCE), "1.1.1.1", 443, source="10.213.0.9") in ("RETURN", "ACCEPT")
    assert decided(input_rules(FENCE), "192.168.1.1", 5432, source="10.213.0.9") == "RETURN"
