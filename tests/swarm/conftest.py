"""What the tests on a Swarm share: one rig of three nodes with two GPU slots each, and a campus on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from swarm_campus import HUB, NETWORK, SUBNET, SwarmCampus, swarm_campus
from swarm_labs import IMAGE, ROOT, SEEN, VENV, bare_image
from swarm_rig import Rig, swarm_rig
from waiting import wait_for

RIG = pytest.StashKey[Rig]()
CRASHED = pytest.StashKey[list[str]]()
#: the exit status of a session that an engine's own crash ended: it says nothing of the campus, and may be run again
ENGINE_CRASHED = 75


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failure tells how the engines are; after one's crash no further test is tried."""
    report = yield
    rig = item.config.stash.get(RIG, None)
    if report.failed and rig is not None:
        report.sections.append(("the rig's engines", rig.story()))
        if rig.crashed:
            item.config.stash[CRASHED] = rig.crashed
            item.session.shouldstop = f"the engine of {', '.join(rig.crashed)} crashed; how, is told above"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    if CRASHED in session.config.stash:
        session.exitstatus = ENGINE_CRASHED


@pytest.fixture(scope="session")
def rig(pytestconfig: pytest.Config) -> Iterator[Rig]:
    """Three nodes that are on the labs' network, with the image that holds nothing."""
    with swarm_rig(3) as rig:
        pytestconfig.stash[RIG] = rig
        image = bare_image()
        for node in rig.nodes:
            node.api.import_image_from_data(image, repository=IMAGE, tag="latest")
        manager = rig.manager
        manager.docker(
            *("network", "create", "--driver", "overlay", "--attachable", "--internal", "--subnet", SUBNET, NETWORK)
        )
        # cap-add and bind propagation as deploy/stack.yml has them
        seen = [
            f"type=bind,src={folder},dst={at},readonly"
            for folder, at in (SEEN | {"/etc/alternatives": "/etc/alternatives"}).items()
        ]
        seen.append("type=bind,src=/run/docker/netns,dst=/var/run/docker/netns,readonly,bind-propagation=rslave")
        manager.docker(
            *("service", "create", "--detach", "--name", "guard", "--mode", "global", "--network", NETWORK),
            *("--no-resolve-image", "--endpoint-mode", "dnsrr", "--cap-drop", "ALL"),
            *("--cap-add", "NET_ADMIN", "--cap-add", "SYS_ADMIN", "--cap-add", "DAC_OVERRIDE"),
            *(word for mount in seen for word in ("--mount", mount)),
            *(
                "--env",
                f"PYTHONPATH={ROOT}",
                "--env",
                "PATH=/usr/sbin:/usr/bin",
                "--env",
                f"BITGOEUL_LAB_SUBNET={SUBNET}",
            ),
            *("--env", f"BITGOEUL_LAB_HUB_URL=http://{HUB}:8081"),
            *(f"{IMAGE}:latest", str(VENV / "bin" / "python"), "-m", "hub_config.swarm_guard"),
        )
        wait_for("every node is guarded", lambda: "3/3" in manager.docker("service", "ls"))
        yield rig
        del pytestconfig.stash[RIG]


@pytest.fixture(scope="session")
def hub(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwarmCampus]:
    with swarm_campus(rig, tmp_path_factory.mktemp("campus")) as campus:
        yield campus


@pytest.fixture(scope="module")
def campus(hub: SwarmCampus) -> Iterator[SwarmCampus]:
    """The hub, with no lab of an earlier module's."""
    yield hub
    hub.stop_servers()
