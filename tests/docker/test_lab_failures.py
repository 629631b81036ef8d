"""Starts that fail: a sentence in both languages, the slice given back, nothing left on the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import docker
import docker.errors
import pytest
from container_campus import IMAGE, PROFILES, ContainerCampus
from docker.utils import kwargs_from_env
from own_engine import PLACE
from waiting import wait_for
from world import SILENT, SITE, World

from hub_config.container_body import build_body
from hub_config.engine_errors import explain
from hub_config.leases import Hardware

pytestmark = [pytest.mark.labs, pytest.mark.timeout(600)]

Change = Callable[[Mapping[str, Mapping[str, Any]]], None]


@pytest.fixture
def change_hardware(campus: ContainerCampus) -> Iterator[Change]:
    """Changes what the campus lends, for one test."""
    yield campus.change_hardware
    campus.change_hardware({})


def left_of(campus: ContainerCampus, name: str) -> list[Any]:
    return [one for one in campus.containers() if one["Labels"]["kr.bitgoeul.user"] == name]


def test_an_image_that_is_nowhere_is_named_and_the_slice_given_back(
    campus: ContainerCampus, change_hardware: Change
) -> None:
    change_hardware({"gpu-slice": {"image": "bitgoeul-no-such-image"}})
    status, message = campus.refusal("unlucky", "gpu-slice")
    assert status == 503
    assert "bitgoeul-no-such-image" in message
    assert "이미지" in message
    assert "image" in message
    assert campus.books.ends_of("unlucky") == ["failed"]
    assert left_of(campus, "unlucky") == []


def test_an_image_that_takes_long_keeps_nobody_else_waiting(
    campus: ContainerCampus, change_hardware: Change, world: World
) -> None:
    change_hardware({"gpu-slice": {"image": f"{SITE}:{SILENT}/bitgoeul-lab-gpu"}})
    answers: list[Any] = []
    slow = threading.Thread(target=lambda: answers.append(campus.ask_start("patient", "gpu-slice")))
    slow.start()
    wait_for("the pull begins", lambda: "patient waits for the image" in campus.hub_log, 60)
    for name in ("quick", "quicker"):
        campus.start_lab(name)
        campus.stop_lab(name)
    assert campus.server("patient")["pending"] == "spawn"
    slow.join()
    assert answers[0].status_code in (202, 503), answers[0].text
    wait_for("waiting is given up, the pull isn't", lambda: not campus.server("patient"), 150)
    assert "reason=pulling" in campus.hub_log


def test_hardware_that_doesn_t_exist_is_refused_with_the_portal_s_words(campus: ContainerCampus) -> None:
    there = ", ".join(PROFILES)
    assert campus.refusal("dreamer", "quantum") == (
        403,
        f"'quantum' 장비가 없습니다. 있는 장비: {there}.\nThere is no hardware 'quantum'; there is: {there}.",
    )


def test_a_lab_that_dies_while_it_starts_is_told_at_once_and_its_last_words_are_logged(campus: ContainerCampus) -> None:
    lab = campus.start_lab("breaker")
    script = "mkdir -p ~/.jupyter && echo \"raise SystemExit('the last words')\" > ~/.jupyter/jupyter_server_config.py"
    assert lab.run("sh", "-c", script)[0] == 0
    campus.stop_lab("breaker")
    asked = campus.ask_start("breaker", "gpu-slice")
    assert asked.status_code in (202, 500), asked.text  # whoever asks doesn't wait for longer than a moment
    wait_for("the start is given up, and its lease given back", lambda: not campus.server("breaker"), 60)
    assert "reason=died" in campus.hub_log
    assert "the last words" in campus.hub_log
    assert campus.books.ends_of("breaker") == ["failed"]
    assert left_of(campus, "breaker") == []


def test_a_grading_server_without_its_folder_says_what_to_do(campus: ContainerCampus) -> None:
    grader = campus.add_offering("nowhere")
    refused = campus.api("POST", f"/users/{grader}/server")
    assert refused.status_code == 409
    assert "folder of the course" in refused.json()["message"]


def test_a_limit_of_the_disk_is_held_or_said_once_to_be_missing_and_labs_are_read_only_instead(
    campus: ContainerCampus, change_hardware: Change
) -> None:
    change_hardware({"cpu": {"disk": "128M"}})
    for name in ("limited", "limited-too"):
        lab = campus.start_lab(name)
        assert lab.container["HostConfig"]["ReadonlyRootfs"] == (not PLACE)
        if PLACE:  # /tmp lies in the image then, not in memory
            assert lab.run("sh", "-c", "head -c 64M /dev/zero > /tmp/enough")[0] == 0
            assert lab.run("sh", "-c", "head -c 128M /dev/zero > /tmp/too-much")[0] != 0
        campus.stop_lab(name)
    assert campus.hub_log.count("This engine can't limit what containers write") == (0 if PLACE else 1)


def test_a_home_s_quota_is_held_or_said_to_be_missing_and_never_pretended(campus: ContainerCampus) -> None:
    lab = campus.start_lab("hoarder")
    options = campus.engine.api.inspect_volume("test-hoarder-home")["Options"]
    assert options == ({"size": str(256 << 20)} if PLACE else None)
    assert campus.hub_log.count("This engine can't limit volumes; homes have NO quota") == (0 if PLACE else 1)
    assert lab.run("sh", "-c", "head -c 200M /dev/zero > ~/enough")[0] == 0
    too_much = lab.run("sh", "-c", "head -c 100M /dev/zero > ~/too-much")
    assert (too_much[0] != 0) == bool(PLACE), too_much
    campus.stop_lab("hoarder")


def test_an_engine_without_a_gpu_runtime_is_told_apart() -> None:
    """On the engine that the environment names, which has none."""
    client = docker.APIClient(version="auto", **kwargs_from_env())
    if client.info().get("Runtimes", {}).get("nvidia"):
        pytest.skip("this engine has a GPU runtime; nothing to enable")
    hardware = Hardware("gpu", image=IMAGE, memory=0, cpus=0, shm=0, pids=0, disk=0)
    body = build_body(
        name="test-no-gpu-runtime",
        hardware=hardware,
        device="GPU-none",
        environment={},
        labels={},
        mounts=[],
        work_folder="/tmp",
        network="none",
    )
    made = client.create_container_from_config(body, "test-no-gpu-runtime")["Id"]
    try:
        with pytest.raises(docker.errors.APIError) as refusal:
            client.start(made)
    finally:
        client.remove_container(made, force=True)
        client.close()
    assert explain(refusal.value).reason == "no-gpu-runtime"
