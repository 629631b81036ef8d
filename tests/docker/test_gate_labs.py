"""A hub that is not root and holds no socket of the engine's: the whole life of labs goes through the gate."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from container_campus import DEVICES, IMAGE, ContainerCampus
from gate_process import GateProcess
from own_engine import OwnEngine, own_engine
from waiting import wait_for

pytestmark = [pytest.mark.labs, pytest.mark.timeout(600)]

ACCOUNT = 2000


@pytest.fixture(scope="module")
def engine() -> Iterator[OwnEngine]:
    with own_engine([IMAGE], gpus=True) as engine:
        yield engine


@pytest.fixture(scope="module")
def gate(engine: OwnEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateProcess]:
    folder = tmp_path_factory.mktemp("gate")
    settings = {
        "DOCKER_HOST": engine.host,
        "BITGOEUL_CAMPUS": "test",
        "BITGOEUL_LAB_OFFERINGS": str(folder.parent / "offerings"),
        "BITGOEUL_GATE_HUB_GROUP": str(ACCOUNT),
    }
    gate = GateProcess(folder, settings)
    yield gate
    gate.close()


@pytest.fixture(scope="module")
def campus(engine: OwnEngine, gate: GateProcess) -> Iterator[ContainerCampus]:
    offerings = gate.folder.parent / "offerings"
    settings = {
        "DOCKER_HOST": gate.host("hub"),
        "BITGOEUL_LAB_HOME_QUOTA": "5G",
        "BITGOEUL_LAB_OFFERINGS": str(offerings),
    }
    (offerings / "python").mkdir(parents=True)
    subprocess.run(["chown", "-R", f"{ACCOUNT}:{ACCOUNT}", str(offerings)], check=True)
    with tempfile.TemporaryDirectory(prefix="campus-") as data:
        campus = ContainerCampus(engine, Path(data), settings, account=ACCOUNT)
        try:
            campus.start()
            yield campus
        finally:
            campus.stop()


def test_the_hub_s_account_opens_the_gate_s_socket_and_not_the_engine_s(
    campus: ContainerCampus, gate: GateProcess, engine: OwnEngine
) -> None:
    asking = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    capabilities = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")

    def opens(path: str, group: int) -> bool:
        who = (f"--reuid={ACCOUNT}", f"--regid={group}", "--clear-groups", *capabilities)
        return (
            subprocess.run(["setpriv", *who, sys.executable, "-c", asking, path], capture_output=True).returncode == 0
        )

    assert opens(str(gate.socket("hub")), ACCOUNT)
    assert not opens(str(gate.socket("hub")), ACCOUNT + 1)
    assert not opens(engine.host.removeprefix("unix://"), ACCOUNT)


def test_a_lab_starts_works_stops_and_its_home_is_kept(campus: ContainerCampus, gate: GateProcess) -> None:
    lab = campus.start_lab("keeper")
    assert lab.execute("print(6 * 7)") == "42\n"
    assert lab.call(
        "PUT", "/api/contents/memo.txt", json={"type": "file", "format": "text", "content": "kept"}
    ).is_success
    first = lab.container
    assert first["HostConfig"]["CapDrop"] == ["ALL"]
    assert first["HostConfig"]["ReadonlyRootfs"] is True
    campus.stop_lab("keeper")
    assert [one for one in campus.containers() if one["Id"] == first["Id"]] == []
    again = campus.start_lab("keeper")
    assert again.run("cat", "/home/learner/memo.txt") == (0, "kept")
    campus.stop_lab("keeper")
    assert gate.refused == []


def test_a_lab_with_a_slice_starts(campus: ContainerCampus, gate: GateProcess) -> None:
    lab = campus.start_lab("painter", "gpu-slice")
    [asked] = lab.container["HostConfig"]["DeviceRequests"]
    assert asked["DeviceIDs"] == [campus.books.lent()["painter"].device]
    assert asked["DeviceIDs"][0] in DEVICES
    campus.stop_lab("painter")
    assert gate.refused == []


def test_a_grading_server_writes_its_offering_s_folder_as_the_hub_s_account(
    campus: ContainerCampus, gate: GateProcess
) -> None:
    campus.add_offering("python")
    started = campus.api("POST", "/users/grading-python/server")
    assert started.status_code in (201, 202), started.text

    def is_ready() -> bool:
        server = campus.api("GET", "/users/grading-python").json()["servers"].get("", {})
        return bool(server.get("ready"))

    wait_for("the grading server", is_ready, 120)
    container = campus.container_of("grading-python")
    assert container["Config"]["User"] == f"{ACCOUNT}:{ACCOUNT}"
    assert [(one["Destination"], one["RW"]) for one in container["Mounts"]] == [("/srv/offerings/python", True)]
    campus.api("DELETE", "/users/grading-python/server")
    assert gate.refused == []


def test_an_image_is_pulled_and_the_registry_s_answer_is_heard(campus: ContainerCampus, gate: GateProcess) -> None:
    asked = campus.ask_start("late", "absent")
    assert asked.status_code in (202, 503), asked.text
    wait_for("the engine's words about it", lambda: "https://registry-1.docker.io" in campus.hub_log, 120)
    assert gate.refused == []


def test_the_warden_sees_labs_and_removes_one_whose_lease_has_ended(campus: ContainerCampus, gate: GateProcess) -> None:
    lab = campus.start_lab("watched", "gpu-slice")
    container = lab.container["Id"]
    lease = campus.lease_of("watched")
    wait_for("the warden tells of it", lambda: campus.books.seen_by_engine(lease), 60)
    campus.books.end(lease)
    # the portal gives the hub half a minute to stop it
    wait_for("its end", lambda: container not in [one["Id"] for one in campus.containers()], 90)
    assert f"Removing the lab of watched ({container[:12]}, " in campus.hub_log
    assert "can't be looked at" not in campus.hub_log
    assert gate.refused == []
