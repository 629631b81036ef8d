"""What a lab reaches, tried from inside one: hub and portal, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from container_campus import GATEWAY, HUB, IMAGE, PORTAL, PROXY_API, PUBLIC, ContainerCampus
from container_lab import Lab
from own_engine import OwnEngine
from waiting import wait_for
from world import INTERNET, METADATA, OTHER_SITE, SITE, World

pytestmark = [pytest.mark.labs, pytest.mark.timeout(600)]

CALL = """
import socket, sys
host, port = sys.argv[1:]
try:
    socket.create_connection((host, int(port)), 5).close()
    print("open")
except OSError as error:
    print(type(error).__name__)
"""
DATAGRAM = """
import socket, sys
wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
wire.settimeout(3)
wire.connect((sys.argv[1], int(sys.argv[2])))
try:
    wire.send(b"x"); wire.recv(1); print("open")
except OSError as error:
    print(type(error).__name__)
"""


def call(lab: Lab, host: str, port: int) -> str:
    return lab.run("python", "-c", CALL, host, str(port))[1].strip()


@pytest.fixture(scope="module")
def lab(campus: ContainerCampus) -> Iterator[Lab]:
    yield campus.start_lab("climber")
    campus.stop_lab("climber")


@pytest.fixture(scope="module")
def neighbour(campus: ContainerCampus) -> Iterator[Lab]:
    yield campus.start_lab("neighbour")
    campus.stop_lab("neighbour")


@pytest.fixture(scope="module", autouse=True)
def listeners(campus: ContainerCampus) -> Iterator[None]:
    """What a machine may have open: a database, the engine's port, on every address of it."""
    ports = ["0.0.0.0:5432", "0.0.0.0:2375", "0.0.0.0:22"]
    program = str(Path(__file__).resolve().parents[1] / "support" / "world.py")
    listener = campus.engine.inside(sys.executable, program, *ports, stdout=subprocess.PIPE)
    assert listener.stdout is not None
    assert listener.stdout.readline() == b"open\n"
    yield
    listener.kill()
    listener.wait()
    listener.stdout.close()


@pytest.fixture(scope="module")
def database(campus: ContainerCampus) -> Iterator[str]:
    """The address of a container on another network of the engine's, as a campus's database is; its port is 5432."""
    api = campus.engine.api
    api.create_network("test-inner", driver="bridge")
    serve = ["python", "-c", "import socket; s = socket.create_server(('', 5432)); [s.accept() for _ in iter(int, 1)]"]
    host = api.create_host_config(network_mode="test-inner")
    made = api.create_container(IMAGE, serve, entrypoint=[], name="test-database", host_config=host)["Id"]
    api.start(made)
    address = str(api.inspect_container(made)["NetworkSettings"]["Networks"]["test-inner"]["IPAddress"])
    wait_for("the database listens", lambda: _reached(campus.engine, address, 5432), 30)
    yield address
    api.remove_container(made, force=True)
    api.remove_network("test-inner")


def _reached(engine: OwnEngine, host: str, port: int) -> bool:
    """Whether the machine itself gets through, so that a refusal is the fence's."""
    return engine.run(sys.executable, "-c", CALL, host, str(port)).strip() == "open"


def test_a_lab_reaches_the_hub_s_api_and_the_portal(lab: Lab) -> None:
    assert call(lab, GATEWAY, HUB) == "open"
    assert call(lab, GATEWAY, PORTAL) == "open"
    answer = lab.python(f"import urllib.request as u; print(u.urlopen('http://{GATEWAY}:{HUB}/hub/api').status)")
    assert answer == "200"


def test_a_lab_does_not_reach_another_lab(campus: ContainerCampus, lab: Lab, neighbour: Lab) -> None:
    assert _reached(campus.engine, neighbour.address, 8888)
    assert call(lab, neighbour.address, 8888) != "open"
    assert call(neighbour, lab.address, 8888) != "open"


@pytest.mark.parametrize(
    ("host", "port"),
    [
        pytest.param(GATEWAY, 5432, id="a database on the machine"),
        pytest.param(GATEWAY, 2375, id="the engine's port"),
        pytest.param(GATEWAY, 22, id="ssh"),
        pytest.param(GATEWAY, PUBLIC, id="the proxy"),
        pytest.param("172.17.0.1", 5432, id="the machine by another bridge's address"),
        pytest.param("machine", 5432, id="the machine by its own address"),
        pytest.param("machine", PUBLIC, id="the proxy by the machine's own address"),
        pytest.param(METADATA, 80, id="the cloud's metadata"),
        pytest.param(SITE, 5000, id="the site's network"),
        pytest.param(OTHER_SITE, 80, id="a private network"),
        pytest.param(INTERNET, 80, id="the internet"),
    ],
)
def test_a_lab_does_not_reach(campus: ContainerCampus, lab: Lab, world: World, host: str, port: int) -> None:
    host = campus.engine.address if host == "machine" else host
    assert _reached(campus.engine, host, port)
    assert call(lab, host, port) != "open"


def test_a_lab_does_not_reach_the_proxy_s_api_or_the_engine_s_socket(campus: ContainerCampus, lab: Lab) -> None:
    assert _reached(campus.engine, "127.0.0.1", PROXY_API)
    assert call(lab, "127.0.0.1", PROXY_API) != "open"
    assert call(lab, GATEWAY, PROXY_API) != "open"
    assert lab.run("sh", "-c", "find / -xdev -type s -name '*docker*' 2>/dev/null")[1] == ""


def test_a_lab_does_not_reach_a_database_on_another_network(lab: Lab, database: str) -> None:
    assert call(lab, database, 5432) != "open"


def test_a_lab_has_no_ipv6(lab: Lab) -> None:
    assert lab.run("cat", "/proc/net/if_inet6")[1] == ""
    assert call(lab, "::1", 8888) != "open"


def test_a_lab_can_t_take_another_address_or_make_packets_of_its_own(lab: Lab) -> None:
    raw = lab.run("python", "-c", "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)")
    assert "PermissionError" in raw[1]
    raw = lab.run("python", "-c", "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)")
    assert "PermissionError" in raw[1]
    assert lab.run("unshare", "--user", "--net", "true")[0] != 0


def test_nobody_outside_calls_a_lab(lab: Lab, world: World) -> None:
    tried = world.run(sys.executable, "-c", CALL, lab.address, "8888")
    assert tried.stdout.strip() not in ("", "open"), tried


def test_the_fence_survives_a_restart_of_the_engine(campus: ContainerCampus, lab: Lab, world: World) -> None:
    campus.engine.stop()
    campus.engine.start()
    assert campus.try_command("hub_config.firewall", "check").returncode == 0
    assert call(lab, SITE, 5000) != "open"
    assert call(lab, GATEWAY, HUB) == "open"


def test_rules_that_are_gone_are_missed_and_put_back(campus: ContainerCampus) -> None:
    campus.engine.run("iptables", "-D", "DOCKER-USER", "-i", "test-labs", "-j", "BGL-FORWARD-test-labs")
    missed = campus.try_command("hub_config.firewall", "check")
    assert missed.returncode == 1
    assert "does not begin with the jump" in missed.stderr
    campus.command("hub_config.firewall", "apply")
    campus.command("hub_config.firewall", "apply")
    assert campus.try_command("hub_config.firewall", "check").returncode == 0
    rules = campus.engine.run("iptables", "-S", "DOCKER-USER").splitlines()
    assert len([rule for rule in rules if "BGL-" in rule]) == 2


def test_what_the_site_allows_is_open_and_no_more(campus: ContainerCampus, lab: Lab, world: World) -> None:
    allowed = {"BITGOEUL_LAB_ALLOW": f"{SITE}:5000,{SITE}:53/udp", "BITGOEUL_LAB_INTERNET": "1"}
    before = dict(campus.environment)
    campus.environment |= allowed
    try:
        campus.command("hub_config.firewall", "apply")
        assert call(lab, SITE, 5000) == "open"
        assert call(lab, INTERNET, 80) == "open"
        assert call(lab, SITE, 80) != "open"
        assert call(lab, OTHER_SITE, 80) != "open"
        assert call(lab, METADATA, 80) != "open"
    finally:
        campus.environment = before
        campus.command("hub_config.firewall", "apply")
    assert call(lab, INTERNET, 80) != "open"


def test_a_network_that_isn_t_as_it_must_be_is_refused(campus: ContainerCampus) -> None:
    other = {"BITGOEUL_LAB_NETWORK": "test-loose"}
    campus.engine.api.create_network("test-loose", driver="bridge")
    before = dict(campus.environment)
    campus.environment |= other
    try:
        refused = campus.try_command("hub_config.docker_network")
    finally:
        campus.environment = before
        campus.engine.api.remove_network("test-loose")
    assert refused.returncode == 1
    assert "enable_icc is None and must be 'false'" in refused.stderr
    assert json.dumps("10.213.0.0/16").strip('"') in refused.stderr
