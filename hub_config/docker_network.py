"""The labs' network on one engine: a bridge on which labs don't reach each other, with a range of addresses for them.

    python -m hub_config.docker_network      make it, or say how the one that is there differs

The hub makes it at its first start of a lab. It is made beforehand where something has to listen at its gateway.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import docker
import docker.errors
from docker.utils import kwargs_from_env

from hub_config.containers import CAMPUS_LABEL
from hub_config.environment import Environment, SettingsError
from hub_config.firewall_rules import gateway_of, labs_range
from hub_config.lab_network import LabNetwork, read_lab_network
from hub_config.lab_settings import read_campus

BRIDGE_NAME = "com.docker.network.bridge.name"
BETWEEN_CONTAINERS = "com.docker.network.bridge.enable_icc"
#: what has to be, for the fence to hold
_WANTED = {BETWEEN_CONTAINERS: "false"}


class NetworkError(Exception):
    """The network that is there isn't as it must be; the message names how, and the fix."""


def ensure_network(client: Any, network: LabNetwork, campus: str) -> bool:
    """Make the labs' network; whether it had to be made. NetworkError where one of that name differs."""
    try:
        found = client.inspect_network(network.name)
    except docker.errors.NotFound:
        client.create_network(**build_network(network, campus), check_duplicate=True)
        return True
    if faults := differences(found, network):
        raise NetworkError(
            f"The network {network.name} is there, but {'; '.join(faults)}. Stop the labs, remove it with "
            f"`docker network rm {network.name}`, and start again; or name another with BITGOEUL_LAB_NETWORK."
        )
    return False


def build_network(network: LabNetwork, campus: str) -> dict[str, Any]:
    """The labs' network, as docker-py's create_network takes it."""
    pool = docker.types.IPAMPool(
        subnet=str(network.subnet), iprange=str(labs_range(network.subnet)), gateway=gateway_of(network.subnet)
    )
    return {
        "name": network.name,
        "driver": "bridge",
        "options": {BRIDGE_NAME: network.bridge, **_WANTED},
        "ipam": docker.types.IPAMConfig(pool_configs=[pool]),
        "labels": {CAMPUS_LABEL: campus},
        "enable_ipv6": False,
    }


def differences(found: dict[str, Any], network: LabNetwork) -> list[str]:
    """How the network that the engine has differs from the one that the fence is for."""
    options = found.get("Options") or {}
    pools = (found.get("IPAM") or {}).get("Config") or [{}]
    wanted = [
        ("its driver", found.get("Driver"), "bridge"),
        ("its bridge", options.get(BRIDGE_NAME), network.bridge),
        ("enable_icc", options.get(BETWEEN_CONTAINERS), "false"),
        ("its subnet", pools[0].get("Subnet"), str(network.subnet)),
        ("its range of addresses", pools[0].get("IPRange"), str(labs_range(network.subnet))),
        ("IPv6", bool(found.get("EnableIPv6")), False),
    ]
    return [f"{what} is {is_!r} and must be {must!r}" for what, is_, must in wanted if is_ != must]


def main() -> int:
    env = Environment(os.environ)
    try:
        campus = read_campus(env)
        network = read_lab_network(
            env,
            campus=campus,
            hub_api_url=env.url("HUB_API_URL", "http://127.0.0.1:8081/hub/api"),
            portal_url=env.url("PORTAL_URL", "http://127.0.0.1:8010/services/portal"),
        )
        client = docker.APIClient(version="auto", **kwargs_from_env())
        try:
            made = ensure_network(client, network, campus)
        finally:
            client.close()
    except (SettingsError, NetworkError, docker.errors.DockerException) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"The labs' network {network.name} {'is made' if made else 'is there'}: {network.subnet}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
