"""Starts on a Swarm: what a lab gets, what the person who waits is told, and what Swarm refuses."""

from __future__ import annotations

import re
import threading
import time

import pytest
from swarm_campus import SwarmCampus

pytestmark = pytest.mark.swarm


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        ("gpu-no-image", "No such image: bitgoeul-missing:1"),
        ("gpu-elsewhere", "no suitable node (insufficient resources on 3 nodes)"),
    ],
    ids=["an image that no node has", "a slice that is declared, and that no node has"],
)
def test_who_can_t_be_placed_is_told_why_and_leaves_nothing(campus: SwarmCampus, profile: str, reason: str) -> None:
    begun = time.monotonic()
    told = campus.refusal("wanted", profile)
    assert reason in told
    assert re.search("[가-힣]", told)
    assert time.monotonic() - begun < 15
    assert campus.services() == []
    assert campus.books.lent() == {}
    assert campus.books.ends_of("wanted")[-1] == "failed"


def test_what_swarm_rejects_by_mistake_is_asked_for_again(campus: SwarmCampus) -> None:
    """Any change of a node's record makes Swarm 20.10 reject a task with a generic resource on it."""
    done = threading.Event()
    before = campus.log.count("asking again")

    def change() -> None:
        number = 0
        while not done.is_set():
            for node in campus.rig.nodes:
                number += 1
                campus.rig.manager.docker("node", "update", "--label-add", f"change={number}", node.name)
                if campus.log.count("asking again") > before:
                    return

    changing = threading.Thread(target=change)
    changing.start()
    try:
        campus.start_server("patient", "gpu-slice")
    finally:
        done.set()
        changing.join()
    assert campus.log.count("asking again") > before
    campus.stop_server("patient")


def test_a_long_korean_name_gets_a_lab(campus: SwarmCampus) -> None:
    name = "김민지-" * 10 + "인공지능"
    campus.start_server(name)
    assert campus.ask_lab(name)["user"] == name
    assert all(len(service) <= 63 for service in campus.services())
    campus.stop_server(name)


def test_a_lab_has_its_limits_its_home_and_a_named_volume_and_no_rights(campus: SwarmCampus) -> None:
    campus.start_server("minji")
    spec = campus.task("minji")["Spec"]
    assert spec["Resources"]["Limits"] == {"MemoryBytes": 2**30, "NanoCPUs": 10**9, "Pids": 128}
    status = campus.inside("minji", "cat", "/proc/self/status").stdout
    assert re.search(r"CapBnd:\s+0+\n", status)
    assert re.search(r"NoNewPrivs:\s+1\n", status)
    assert campus.inside("minji", "id", "-u").stdout == "1000\n"
    assert "65536" in campus.inside("minji", "df", "--output=size", "/dev/shm").stdout
    assert campus.inside("minji", "touch", "/opt/mine").returncode != 0
    kinds = {mount["Target"]: mount["Type"] for mount in spec["ContainerSpec"]["Mounts"]}
    assert kinds["/scratch"] == "volume"
    assert kinds["/home/learner"] == "bind"
    assert campus.inside("minji", "sh", "-c", "echo kept > /home/learner/note").returncode == 0
    campus.stop_server("minji")
    assert (campus.data / "homes" / "minji" / "note").read_text() == "kept\n"


def test_the_spawn_page_tells_in_both_languages_what_swarm_does(campus: SwarmCampus) -> None:
    campus.enrol("onlooker")
    assert campus.choose("onlooker", "gpu-slice").status_code == 200
    events = campus.progress("onlooker")
    assert events[-1]["ready"]
    told = " ".join(event["message"] for event in events)
    assert re.search("node[123] 노드에서 .* 있습니다", told)
    assert re.search("(on|to) node[123]", told)
    campus.stop_server("onlooker")


def test_jupyter_runs_in_a_lab(campus: SwarmCampus) -> None:
    campus.start_server("real-minji")
    assert "version" in campus.ask_lab("real-minji", "api")
    campus.stop_server("real-minji")


def test_labs_spread_over_nodes_and_keep_off_one_that_is_drained(campus: SwarmCampus) -> None:
    names = [f"cpu{number}" for number in range(4)]
    campus.rig.node("node2").available("drain")
    try:
        campus.start_servers(*names)
        # how evenly depends on what is still ending where
        assert {campus.node_of(name) for name in names} == {"node1", "node3"}
    finally:
        campus.rig.node("node2").available("active")
    for name in names:
        campus.stop_server(name)
