"""The API of hardware: what the hub, the nodes and people ask over HTTP, and what they are told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from portal_site import Site, run_site

LEASE_TOKEN = "1e" * 32
NODE_TOKEN = "2e" * 32
HARDWARE = {
    "profiles": [
        {"name": "cpu", "title": {"ko": "CPU", "en": "CPU"}, "memory": "1G", "cpus": 1.5},
        {
            "name": "gpu-slice",
            "title": {"ko": "GPU 조각", "en": "GPU slice"},
            "kind": "1g.18gb",
            "image": "bitgoeul-lab-gpu",
            "memory": "8G",
            "cpus": 4,
            "shm": "2G",
        },
    ],
    "nodes": [{"name": "node1", "slices": [{"device": "MIG-1", "kind": "1g.18gb"}]}],
}


@pytest.fixture
def lending(tmp_path: Path, filled_data: Path) -> Iterator[Site]:
    """A campus with one slice."""
    shutil.copytree(filled_data, tmp_path / "data")
    (tmp_path / "data" / "hardware.yaml").write_text(yaml.safe_dump(HARDWARE))
    with run_site(
        tmp_path / "data",
        hardware=tmp_path / "data" / "hardware.yaml",
        lease_token=LEASE_TOKEN,
        node_token=NODE_TOKEN,
    ) as site:
        yield site


def program(site: Site, token: str) -> httpx.Client:
    headers = {"Authorization": f"token {token}"}
    return site.remember(httpx.Client(base_url=f"{site.url}/api/gpus", headers=headers, trust_env=False, timeout=30))


def grant(site: Site, username: str, profile: str = "gpu-slice") -> httpx.Response:
    wanted = {"username": username, "profile": profile, "request": "ab12"}
    return program(site, LEASE_TOKEN).post("/grants", json=wanted)


def mine(site: Site, username: str) -> dict[str, Any]:
    told: dict[str, Any] = site.program(username).get("/api/gpus/mine").json()
    return told


def test_the_hub_gets_limits_image_and_the_leased_device(lending: Site) -> None:
    answer = grant(lending, "haneul.lee")
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "hardware": {
            "name": "gpu-slice",
            "image": "bitgoeul-lab-gpu",
            "memory": 8 * 1024**3,
            "cpus": 4.0,
            "shm": 2 * 1024**3,
            "pids": 512,
            "disk": 0,
        },
        "lease": {"id": 1, "kind": "1g.18gb", "device": "MIG-1", "node": "node1"},
    }


def test_a_lab_that_nobody_chose_hardware_for_gets_none(lending: Site) -> None:
    told = grant(lending, "haneul.lee", "").json()
    assert (told["hardware"]["name"], told["hardware"]["cpus"], told["lease"]) == ("cpu", 1.5, None)


def test_a_grading_server_never_takes_a_slice(lending: Site) -> None:
    told = grant(lending, "grading-jc-2026-1-python-data").json()
    assert (told["hardware"]["name"], told["lease"]) == ("cpu", None)


def test_whoever_finds_it_full_is_told_their_place_in_both_languages(lending: Site) -> None:
    grant(lending, "haneul.lee")
    answer = grant(lending, "minseo.kim")
    told = answer.json()
    assert answer.status_code == 409
    assert told["waiting"]["position"] == 1
    assert told["waiting"]["url"] == "/services/portal/waiting"
    assert told["waiting"]["estimate"] > 0
    assert "대기 순서는 1번" in told["error_ko"]
    assert "number 1 in the queue" in told["error"]
    assert mine(lending, "minseo.kim")["ticket"]["position"] == 1


def test_a_slice_that_is_given_back_is_the_next_persons_turn(lending: Site) -> None:
    lease = grant(lending, "haneul.lee").json()["lease"]["id"]
    grant(lending, "minseo.kim")
    hub = program(lending, LEASE_TOKEN)
    assert hub.post(f"/leases/{lease}/running", json={"device": "MIG-1", "node": "node1"}).status_code == 200
    assert mine(lending, "haneul.lee")["lease"]["state"] == "running"
    assert hub.post(f"/leases/{lease}/ended", json={"reason": "stopped"}).status_code == 200
    assert hub.post(f"/leases/{lease}/ended", json={"reason": "stopped"}).status_code == 200
    told = mine(lending, "minseo.kim")
    assert told["lease"]["state"] == "held"
    assert told["notices"][0]["url"] == "/services/portal/waiting"
    assert "차례" in told["notices"][0]["ko"]


def test_unknown_hardware_is_refused_with_what_there_is(lending: Site) -> None:
    answer = grant(lending, "haneul.lee", "tpu")
    assert answer.status_code == 404
    assert "cpu, gpu-slice" in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "token"),
    [("/grants", "wrong" * 8), ("/grants", NODE_TOKEN), ("/engine", ""), ("/readings", LEASE_TOKEN)],
    ids=["wrong token", "node for hub", "none", "hub for node"],
)
def test_programs_need_their_own_token(lending: Site, path: str, token: str) -> None:
    assert program(lending, token).post(path, json={}).status_code == 401


def test_a_person_can_not_speak_for_the_hub(lending: Site) -> None:
    body = {"username": "haneul.lee", "profile": "gpu-slice"}
    assert lending.program("haneul.lee").post("/api/gpus/grants", json=body).status_code == 401


def test_a_campus_without_these_tokens_lets_no_program_in(tmp_path: Path, filled_data: Path) -> None:
    shutil.copytree(filled_data, tmp_path / "data")
    with run_site(tmp_path / "data") as site:
        assert program(site, "").post("/grants", json={}).status_code == 401
        assert program(site, "x").post("/readings", json={}).status_code == 401


def test_the_engine_tells_of_nodes_and_is_told_what_to_remove(lending: Site) -> None:
    hub = program(lending, LEASE_TOKEN)
    report = {
        "nodes": [
            {"name": "node1", "state": "ready", "availability": "active", "slices": []},
            {
                "name": "node2",
                "state": "ready",
                "availability": "active",
                "slices": [{"kind": "1g.18gb", "device": "MIG-2"}],
            },
        ],
        "servers": [{"lease": 4711, "username": "haneul.lee", "device": "MIG-1", "node": "node1"}],
        "at": datetime.now(UTC).isoformat(),
    }
    answer = hub.post("/engine", json=report)
    assert (answer.status_code, answer.json()) == (200, {"remove": [4711]})
    [stock] = lending.program("sera.oh", ["access:services!service=portal", "tokens"]).get("/api/gpus/stock").json()
    assert (stock["available"], stock["free"]) == (2, 2)


def test_a_nodes_readings_are_kept_with_its_slices(lending: Site) -> None:
    lease = grant(lending, "haneul.lee").json()["lease"]["id"]
    program(lending, LEASE_TOKEN).post(f"/leases/{lease}/running", json={})
    device = {"device": "MIG-1", "kind": "1g.18gb", "busy": 0.83, "memory_used_mib": 1200, "processes": 2}
    told = {"node": "node1", "at": datetime.now(UTC).isoformat(), "driver": "570", "devices": [device], "lost": []}
    assert program(lending, NODE_TOKEN).post("/readings", json=told).json() == {"known": 1}
    admin = lending.program("sera.oh", ["access:services!service=portal", "tokens"])
    [row] = admin.get("/api/gpus/leases").json()
    assert (row["holder"], row["busy"], row["state"]) == ("haneul.lee", 0.83, "running")


def test_an_administrator_takes_a_node_out_of_service_and_back(lending: Site) -> None:
    admin = lending.program("sera.oh", ["access:services!service=portal", "tokens"])
    assert admin.put("/api/gpus/nodes/node1", json={"state": "drained"}).status_code == 200
    assert grant(lending, "haneul.lee").status_code == 409
    assert admin.put("/api/gpus/nodes/node1", json={"state": "ready"}).status_code == 200
    assert admin.put("/api/gpus/nodes/nowhere", json={"state": "ready"}).status_code == 404


def test_a_person_leaves_the_queue(lending: Site) -> None:
    grant(lending, "haneul.lee")
    grant(lending, "minseo.kim")
    told = lending.program("minseo.kim").delete("/api/gpus/mine/ticket").json()
    assert told["ticket"] is None


def test_a_lab_that_says_it_is_used_is_believed_only_about_itself(lending: Site) -> None:
    lease = grant(lending, "haneul.lee").json()["lease"]["id"]
    program(lending, LEASE_TOKEN).post(f"/leases/{lease}/running", json={})
    said = {"busy_kernels": 1, "last_activity": datetime.now(UTC).isoformat()}
    assert lending.program("haneul.lee").post("/api/gpus/activity", json=said).status_code == 200
    assert lending.program("minseo.kim").post("/api/gpus/activity", json=said).status_code == 200


def test_the_declared_hardware_is_checked_when_the_portal_starts(tmp_path: Path, filled_data: Path) -> None:
    from portal.settings import SettingsError

    shutil.copytree(filled_data, tmp_path / "data")
    broken = tmp_path / "data" / "hardware.yaml"
    broken.write_text("profiles: [{name: gpu, title: {ko: a, en: b}, kind: gpu, memory: lots}]")
    from portal_site import make_settings

    from portal.declared_hardware import open_hardware

    with pytest.raises(SettingsError, match=r"memory: 'lots' is no size"):
        open_hardware(make_settings(tmp_path / "data", 1, hardware=broken))
