"""deploy/stack.yml as a manager takes it: what runs where. Its images aren't here, so nothing of it starts."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from swarm_labs import ROOT
from swarm_rig import Rig

pytestmark = pytest.mark.swarm
SECRETS = ("proxy_token", "portal_token", "lease_token", "session_secret", "database_password", "oauth_client_secret")


@pytest.fixture(scope="module")
def services(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """The specifications of the stack's services, by name."""
    folder = tmp_path_factory.mktemp("secrets")
    for name in SECRETS:
        (folder / name).write_text(secrets.token_hex(32))
    given = {
        **{"PUBLIC_URL": "https://campus.example.kr", "ADMINS": "boss", "CAMPUS_DATA": "/srv/campus"},
        **{
            "SECRETS": str(folder),
            "DOCKER_HOST": rig.manager.host,
            "REGISTRY": "missing-",
            "DATABASE_IMAGE": "missing",
        },
    }
    file = str(ROOT / "deploy" / "stack.yml")
    command = ["docker", "stack", "deploy", "--resolve-image", "never", "--compose-file", file, "campus"]
    done = subprocess.run(command, env=os.environ | given, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    listed = rig.manager.api.services(filters={"label": "com.docker.stack.namespace=campus"})
    yield {one["Spec"]["Name"].removeprefix("campus_"): one["Spec"] for one in listed}
    rig.manager.docker("stack", "rm", "campus")


def test_graders_and_guards_are_on_every_node_and_portals_are_several(services: dict[str, dict[str, Any]]) -> None:
    assert sorted(services) == ["database", "grader", "guard", "hub", "portal", "proxy"]
    assert [name for name, spec in sorted(services.items()) if "Global" in spec["Mode"]] == ["grader", "guard"]
    assert services["portal"]["Mode"]["Replicated"]["Replicas"] == 2


def test_the_engine_s_socket_is_the_hub_s_alone(services: dict[str, dict[str, Any]]) -> None:
    holders = [
        name
        for name, spec in services.items()
        if any("docker.sock" in mount["Source"] for mount in spec["TaskTemplate"]["ContainerSpec"].get("Mounts", []))
    ]
    assert holders == ["hub"]


def test_labs_are_on_no_network_with_the_database(rig: Rig, services: dict[str, dict[str, Any]]) -> None:
    names = {network["Id"]: network["Name"] for network in rig.manager.api.networks()}
    on = {
        service: {names[network["Target"]] for network in spec["TaskTemplate"]["Networks"]}
        for service, spec in services.items()
    }
    assert on["database"] == {"campus_back"}
    assert {service for service, networks in on.items() if "bitgoeul-labs" in networks} == {
        *("guard", "hub", "portal", "proxy")
    }


def test_no_secret_stands_in_a_service_s_environment(services: dict[str, dict[str, Any]]) -> None:
    told = [
        entry
        for spec in services.values()
        for entry in spec["TaskTemplate"]["ContainerSpec"].get("Env", [])
        if any(word in entry.partition("=")[0] for word in ("TOKEN", "SECRET", "PASSWORD"))
    ]
    assert told
    assert [entry for entry in told if not entry.partition("=")[2].startswith("/run/secrets/")] == []
