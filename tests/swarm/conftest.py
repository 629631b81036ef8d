"""What the tests on a Swarm share: one rig of three nodes with two GPU slots each, and a hub on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from swarm_campus import IMAGE, NETWORK, SUBNET, SwarmCampus, bare_image, swarm_campus
from swarm_rig import Rig, swarm_rig
from waiting import wait_for


@pytest.fixture(scope="session")
def rig() -> Iterator[Rig]:
    """Three nodes that are on the labs' network, with the image that holds nothing."""
    with swarm_rig(3) as rig:
        image = bare_image()
        for node in rig.nodes:
            node.api.import_image_from_data(image, repository=IMAGE, tag="latest")
        manager = rig.manager
        manager.docker("network", "create", "--driver", "overlay", "--attachable", "--subnet", SUBNET, NETWORK)
        manager.docker(
            *("service", "create", "--detach", "--name", "keeper", "--mode", "global", "--network", NETWORK),
            *("--no-resolve-image", "--endpoint-mode", "dnsrr", "--mount", "type=bind,src=/usr,dst=/usr,ro"),
            *(f"{IMAGE}:latest", "sleep", "infinity"),
        )
        wait_for("every node is on the labs' network", lambda: "3/3" in manager.docker("service", "ls"))
        yield rig


@pytest.fixture(scope="module")
def campus(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwarmCampus]:
    with swarm_campus(rig, tmp_path_factory.mktemp("campus")) as campus:
        yield campus
