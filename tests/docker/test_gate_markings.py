"""Markings in containers through the gate; and ways out, tried on a real engine with and without it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from engines import IMAGE, left_on
from forked import QUICK, errors, job
from gate_process import GateProcess, wire
from gate_requests import SITE, changed, folder_body, lab_body, marking_body, marking_plan

from grader.sandbox.base import CellCode, Side
from grader.sandbox.container import ContainerKind, ContainerSandbox
from grader.sandbox.container_engine import Engine

pytestmark = pytest.mark.docker

CAMPUS = f"gt{secrets.token_hex(4)}"
WORKER = f"tests-{CAMPUS}"
ENGINE = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GateProcess]:
    settings = {
        "BITGOEUL_CAMPUS": CAMPUS,
        "BITGOEUL_LAB_NETWORK": SITE.network,
        "BITGOEUL_LAB_DNS": "10.9.9.9",
        "BITGOEUL_LAB_OFFERINGS": SITE.offerings,
        "BITGOEUL_LAB_COURSE_DATA": SITE.course_data,
        "BITGOEUL_WORKER_IMAGE": IMAGE,
    }
    gate = GateProcess(tmp_path_factory.mktemp("gate"), settings)
    yield gate
    gate.close()


@pytest.fixture(scope="module")
def sandbox(gate: GateProcess) -> Iterator[ContainerSandbox]:
    sandbox = ContainerSandbox(ContainerKind(IMAGE), worker=WORKER, engine=Engine(gate.client("grader")))
    yield sandbox
    sandbox.close()


@pytest.fixture
def engine() -> Iterator[docker.APIClient]:
    """The engine itself; what a test made there is removed."""
    client = docker.APIClient(base_url=ENGINE, version="auto", timeout=60)
    yield client
    for one in client.containers(all=True, filters={"label": f"gate-test={CAMPUS}"}):
        client.remove_container(one["Id"], force=True, v=True)
    for volume in client.volumes(filters={"name": f"{CAMPUS}-minji-home"})["Volumes"] or []:
        client.remove_volume(volume["Name"])
    client.close()


def test_a_job_is_judged_between_two_containers(sandbox: ContainerSandbox, gate: GateProcess, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("x" * 3_000_000)
    making = CellCode(0, "open('made.txt', 'w').write(open('data.txt').read()[:3])")
    with job(sandbox, judged=True, files=tmp_path, preamble=(making,)) as one:
        assert errors(one.interpreters.preamble[0]) == []
        assert one.work("print(open('made.txt').read())") == "xxx\n"
        assert one.judge("print(open('made.txt').read())") == "xxx\n"
    assert left_on(sandbox.engine, WORKER) == []
    assert gate.refused == []


def test_a_cell_is_interrupted_and_a_stubborn_job_is_ended(sandbox: ContainerSandbox, gate: GateProcess) -> None:
    with job(sandbox, limits=replace(QUICK, cell=1)) as one:
        assert errors(one.run(Side.WORK, "while True: pass")) == ["KeyboardInterrupt", "CellTimeoutError"]
        assert one.work("print(1)") == "1\n"
    assert left_on(sandbox.engine, WORKER) == []
    assert gate.refused == []


def test_every_layer_holds_through_the_gate(sandbox: ContainerSandbox) -> None:
    assert [(layer.name, layer.reason.en) for layer in sandbox.layers() if not layer.holds] == []


def test_a_missing_image_is_said_as_the_engine_says_it(sandbox: ContainerSandbox) -> None:
    assert not sandbox.engine.has_image("bitgoeul-no-such-image")
    assert sandbox.engine.has_image(IMAGE)


def test_a_container_ends_whose_grader_hangs_up(sandbox: ContainerSandbox, gate: GateProcess) -> None:
    engine = sandbox.engine
    container = engine.create(marking_plan(judged=False))
    try:
        stream = engine.attach(container)
        engine.start(container, marking_plan(judged=False))
        assert not engine.gone(container, 0)
        stream.close()
        assert engine.gone(container, 30)
    finally:
        engine.remove(container)


def own(body: dict[str, Any]) -> dict[str, Any]:
    """With the label by which this module finds what it made; the gate never sees it."""
    return body | {"Image": IMAGE, "Labels": body["Labels"] | {"gate-test": CAMPUS}}


def lab() -> dict[str, Any]:
    body = lab_body(site=replace(SITE, campus=CAMPUS)) | {"Image": IMAGE}
    body["HostConfig"]["Mounts"] = []
    return body


MACHINE = {"Type": "bind", "Source": "/", "Target": "/machine", "ReadOnly": True}
SOCKET = {"Type": "bind", "Source": "/etc/hostname", "Target": "/var/run/docker.sock"}
DRIVER = {
    **{"Type": "volume", "Source": f"{CAMPUS}-minji-home", "Target": "/home/learner", "ReadOnly": False},
    "VolumeOptions": {"DriverConfig": {"Name": "local", "Options": {"type": "none", "o": "bind", "device": "/"}}},
}
WAYS_OUT = {
    "privileged": ("HostConfig.Privileged", True),
    "privileged in small letters": ("HostConfig.privileged", True),
    "a capability": ("HostConfig.CapAdd", ["SYS_ADMIN"]),
    "the machine's network": ("HostConfig.NetworkMode", "host"),
    "the machine's processes": ("HostConfig.PidMode", "host"),
    "the machine's files": ("HostConfig.Mounts", [MACHINE]),
    "a file of the machine": ("HostConfig.Mounts", [SOCKET]),
    "the machine's files in the old way": ("HostConfig.Binds", ["/:/machine"]),
    "the machine's files by a volume's driver": ("HostConfig.Mounts", [DRIVER]),
    "a device": (
        "HostConfig.Devices",
        [{"PathOnHost": "/dev/zero", "PathInContainer": "/dev/sda", "CgroupPermissions": "rwm"}],
    ),
    "no seccomp": ("HostConfig.SecurityOpt", ["seccomp=unconfined"]),
    "unmasked paths": ("HostConfig.MaskedPaths", ["/proc/nothing"]),
    "root": ("User", "0:0"),
}


@pytest.mark.parametrize(("place", "value"), WAYS_OUT.values(), ids=WAYS_OUT)
@pytest.mark.parametrize("whose", ["hub", "grader"])
def test_a_container_with_a_way_out_is_made_by_the_engine_and_not_through_the_gate(
    gate: GateProcess, engine: docker.APIClient, whose: str, place: str, value: Any
) -> None:
    body = changed(lab() if whose == "hub" else marking_body(judged=False), place, value)
    name = {"name": f"{CAMPUS}-minji"} if whose == "hub" else {}
    with wire(ENGINE.removeprefix("unix://")) as bare, wire(gate.socket(whose)) as through:
        control = bare.post("/containers/create", params=name, json=own(body))
        assert control.status_code == 201, control.text
        engine.remove_container(control.json()["Id"], v=True)
        refused = through.post("/containers/create", params=name, json=body)
    assert refused.status_code == 403, refused.text
    assert "Refused by the gate" in refused.json()["message"]


@pytest.mark.parametrize("whose", ["hub", "grader"])
def test_what_is_asked_for_without_a_way_out_is_made(gate: GateProcess, engine: docker.APIClient, whose: str) -> None:
    body = lab() if whose == "hub" else marking_body(judged=False)
    name = {"name": f"{CAMPUS}-minji"} if whose == "hub" else {}
    with wire(gate.socket(whose)) as through:
        made = through.post("/containers/create", params=name, json=body)
        assert made.status_code == 201, made.text
        assert through.get(f"/containers/{made.json()['Id']}/json").status_code == 200
        assert through.delete(f"/containers/{made.json()['Id']}", params={"force": 1}).status_code == 204
    with pytest.raises(docker.errors.NotFound):
        engine.inspect_container(made.json()["Id"])


def ask_all(client: httpx.Client, container: str) -> dict[str, int]:
    """What comes of touching somebody's container in every way; what is made is removed."""
    found = {}
    for what, method, path, body in (
        ("start", "POST", f"/containers/{container}/start", None),
        ("look", "GET", f"/containers/{container}/json", None),
        ("read", "GET", f"/containers/{container}/logs?stdout=1", None),
        ("copy out", "GET", f"/containers/{container}/archive?path=/etc/hostname", None),
        ("enter", "POST", f"/containers/{container}/exec", {"Cmd": ["true"]}),
        ("change", "POST", f"/containers/{container}/update", {"PidsLimit": 77}),
        ("keep", "POST", f"/commit?container={container}&repo={CAMPUS}-kept", {}),
        ("call otherwise", "POST", f"/containers/{container}/rename?name={CAMPUS}-other", None),
        ("signal", "POST", f"/containers/{container}/kill?signal=10", None),
        ("stop", "POST", f"/containers/{container}/stop?t=0", None),
        ("remove", "DELETE", f"/containers/{container}?force=1", None),
    ):
        found[what] = client.request(method, path, json=body).status_code
    client.delete(f"/images/{CAMPUS}-kept")
    return found


def test_somebody_else_s_container_is_untouchable_by_any_name(gate: GateProcess, engine: docker.APIClient) -> None:
    alone = engine.create_host_config(network_mode="none")
    name = f"{CAMPUS}-stranger"
    made = engine.create_container(IMAGE, ["sleep", "600"], name=name, labels={"gate-test": CAMPUS}, host_config=alone)[
        "Id"
    ]
    for whose in ("hub", "grader"):
        with wire(gate.socket(whose)) as through:
            for name in (made, made[:12], f"{CAMPUS}-stranger"):
                assert set(ask_all(through, name).values()) == {403}
    assert engine.inspect_container(made)["State"]["Status"] == "created"
    with wire(ENGINE.removeprefix("unix://")) as bare:
        assert [what for what, status in ask_all(bare, made).items() if status >= 400] == []


def test_a_volume_that_mounts_the_machine_is_made_by_the_engine_and_not_through_the_gate(gate: GateProcess) -> None:
    name = f"bitgoeul-{secrets.token_hex(8)}"
    body = folder_body() | {"Name": name}
    escape = body | {"DriverOpts": {"type": "none", "o": "bind", "device": "/"}}
    with wire(ENGINE.removeprefix("unix://")) as bare, wire(gate.socket("grader")) as through:
        assert bare.post("/volumes/create", json=escape).status_code == 201
        assert bare.delete(f"/volumes/{name}").status_code == 204
        assert through.post("/volumes/create", json=escape).status_code == 403
        assert through.post("/volumes/create", json=body).status_code == 201
        assert through.delete(f"/volumes/{name}").status_code == 204
        for whose in ("hub", "grader"):
            with wire(gate.socket(whose)) as asking:
                assert asking.get("/volumes").status_code == 403
                assert asking.post("/build?remote=x").status_code == 403
                assert asking.post("/swarm/init", json={}).status_code == 403


def test_a_pull_s_words_come_as_they_are_said(gate: GateProcess) -> None:
    with wire(gate.socket("hub")) as through:
        pulled = through.post("/images/create", params={"fromImage": f"{CAMPUS}.invalid/none", "tag": "1"})
    assert pulled.status_code in (404, 500)
    assert "invalid" in pulled.json()["message"]
    assert not [line for line in gate.refused if "images/create" in line]
