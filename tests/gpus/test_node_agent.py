"""`bitgoeul node` as a process: what the portal is told, what people see, what happens while the portal is away."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from nvml_stand_in import COMPILER, NO_COMPILER, build_library, environment
from waiting import wait_for

pytestmark = pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)

TOKEN = "n0de" * 10
CARD = "card\nuuid GPU-1\nname NVIDIA H200\nmemory 143771\nused 2000\n"
HALVES = "card\nuuid GPU-2\nname NVIDIA H200\nmemory 143771\nmode 1\n"
SLICE = "mig\nuuid MIG-{0}\nname NVIDIA H200 MIG 1g.18gb\nmemory 16384\nused 13\ninstance {0} 0\nload 0\n"
SCENE = CARD + "load 0.83\n" + HALVES + SLICE.format(1) + SLICE.format(2)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_library(tmp_path_factory.mktemp("nvml"))


@dataclass
class Portal:
    """The portal's address for readings, as the contract has it; `answer` is the status it gives."""

    url: str = ""
    answer: int = 200
    asked: list[int] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def portal() -> Iterator[Portal]:
    told = Portal()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            right = self.path == "/services/portal/api/gpus/readings"
            status = 404 if not right else told.answer
            if self.headers["Authorization"] != f"token {TOKEN}":
                status = 401
            told.asked.append(status)
            if status == 200:
                told.taken.append(json.loads(body))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}/services/portal"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Node:
    """`bitgoeul node` on a machine with the stand-in's cards."""

    library: Path
    folder: Path
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def play(self, scene: str) -> None:
        whole = self.folder / "scene.new"
        whole.write_text(scene)
        whole.replace(self.folder / "scene.txt")

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self._command(arguments), env=self._environment(settings), capture_output=True, text=True)

    def start(self, portal: Portal, **settings: str) -> subprocess.Popen[str]:
        told = {"BITGOEUL_PORTAL_URL": portal.url, "BITGOEUL_NODE_TOKEN": TOKEN, **settings}
        with (self.folder / "log").open("w") as log:
            process = subprocess.Popen(
                self._command(["--interval", "1"]), env=self._environment(told), stderr=log, text=True
            )
        self.running.append(process)
        return process

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def _command(self, arguments: Any) -> list[str]:
        return [sys.executable, "-m", "portal.cli", "node", *arguments]

    def _environment(self, settings: dict[str, str]) -> dict[str, str]:
        return {**environment(self.library, self.folder / "scene.txt"), "BITGOEUL_NODE_NAME": "node1", **settings}


@pytest.fixture
def node(library: Path, tmp_path: Path) -> Iterator[Node]:
    machine = Node(library, tmp_path)
    machine.play(SCENE)
    yield machine
    for process in machine.running:
        process.kill()
        process.wait()


def test_the_portal_is_told_every_few_seconds_what_each_device_does(node: Node, portal: Portal) -> None:
    process = node.start(portal)
    wait_for("two readings", lambda: len(portal.taken) >= 2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    last = portal.taken[1]
    assert (last["node"], last["driver"], last["lost"]) == ("node1", "570.124.06", [])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", last["at"])
    card, *slices = last["devices"]
    assert card["busy"] == pytest.approx(0.83, abs=0.01)
    assert {name: card[name] for name in ("device", "kind", "model", "memory_mib", "memory_used_mib")} == {
        "device": "GPU-1",
        "kind": "gpu",
        "model": "NVIDIA H200",
        "memory_mib": 143771,
        "memory_used_mib": 2000,
    }
    assert [(part["device"], part["kind"], part["busy"]) for part in slices] == [
        ("MIG-1", "1g.18gb", 0.0),
        ("MIG-2", "1g.18gb", 0.0),
    ]


def test_a_card_that_falls_off_the_bus_is_told_as_lost_and_the_agent_goes_on(node: Node, portal: Portal) -> None:
    node.start(portal)
    wait_for("a first reading", lambda: portal.taken)
    node.play(CARD + HALVES + "handle 15\n" + SLICE.format(1) + SLICE.format(2))
    wait_for("a reading with lost devices", lambda: portal.taken[-1]["lost"])
    lost = portal.taken[-1]
    assert [device["device"] for device in lost["devices"]] == ["GPU-1"]
    assert lost["lost"] == [{"device": name, "reason": "GPU is lost"} for name in ("MIG-1", "MIG-2")]


def test_while_the_portal_is_away_the_agent_waits_longer_and_then_tells_again(node: Node, portal: Portal) -> None:
    portal.answer = 503
    node.start(portal)
    wait_for("two refused readings", lambda: portal.asked.count(503) >= 2)
    portal.answer = 200
    wait_for("a reading", lambda: portal.taken)
    # what was refused isn't settled: the first that is taken counts from no look before
    assert portal.taken[0]["devices"][0]["busy"] is None
    wait_for("another", lambda: len(portal.taken) >= 2)
    log = node.log()
    assert log.count("the portal doesn't take this reading (503)") == 1
    assert log.count("the portal takes readings again") == 1


def test_a_wrong_token_is_said_and_tried_on_and_never_logged(node: Node, portal: Portal) -> None:
    wrong = "wrong" * 8
    node.start(portal, BITGOEUL_NODE_TOKEN=wrong)
    wait_for("a refusal in the log", lambda: "BITGOEUL_NODE_TOKEN must be the portal's" in node.log())
    assert portal.taken == []
    assert wrong not in node.log()


def test_a_driver_that_goes_away_and_comes_back_is_opened_anew(node: Node, portal: Portal) -> None:
    node.start(portal)
    wait_for("a first reading", lambda: portal.taken)
    node.play("init 9\n")
    wait_for("trouble in the log", lambda: "no NVIDIA driver in use" in node.log())
    node.play(SCENE)
    before = len(portal.taken)
    wait_for("a reading after it", lambda: len(portal.taken) > before)


def test_people_see_a_table_of_devices_and_of_what_is_wrong(node: Node) -> None:
    node.play(SCENE + "card\nuuid GPU-3\nname NVIDIA H200\nmemory 143771\nmode 1\ncard\nhandle 15\n")
    seen = node.run("--once")
    assert seen.returncode == 0
    assert re.search(r"GPU-1 +gpu +NVIDIA H200 +2,000 / 143,771 MiB +8[23]%", seen.stdout)
    assert re.search(r"MIG-2 +1g\.18gb +NVIDIA H200 +13 / 16,384 MiB +0%", seen.stdout)
    assert "GPU-3: MIG 모드인데 나눈 장치가 없습니다 · in MIG mode, but not divided" in seen.stdout
    assert "card 3: 빌려줄 수 없습니다 · can't be lent: GPU is lost" in seen.stdout


def test_programs_see_the_reading_as_the_portal_would_get_it(node: Node) -> None:
    told = json.loads(node.run("--once", "--json").stdout)
    assert [device["device"] for device in told["devices"]] == ["GPU-1", "MIG-1", "MIG-2"]
    assert told["devices"][0]["busy"] == pytest.approx(0.83, abs=0.01)


def test_a_declaration_is_the_entry_for_the_inventory_and_the_lines_for_the_engine(node: Node) -> None:
    written = node.run("--declare", BITGOEUL_NODE_KINDS="1g.18gb=gpu-slice").stdout
    slices = [
        {"device": "GPU-1", "kind": "gpu"},
        {"device": "MIG-1", "kind": "gpu-slice"},
        {"device": "MIG-2", "kind": "gpu-slice"},
    ]
    assert yaml.safe_load(written) == {"nodes": [{"name": "node1", "slices": slices}]}
    engine = "\n".join(line.removeprefix("#") for line in written.splitlines() if '": "' in line or '": [' in line)
    assert json.loads("{" + engine + "}") == {
        "default-runtime": "nvidia",
        "node-generic-resources": ["gpu=GPU-1", "gpu-slice=MIG-1", "gpu-slice=MIG-2"],
    }
    assert 'swarm-resource = "DOCKER_RESOURCE_GPU,DOCKER_RESOURCE_GPU-SLICE"' in written


@pytest.mark.parametrize("arguments", [["--once"], ["--declare"], []], ids=["look", "declare", "agent"])
def test_a_machine_without_a_driver_is_told_so_in_both_languages(
    node: Node, portal: Portal, arguments: list[str]
) -> None:
    nowhere = {"LD_LIBRARY_PATH": "", "BITGOEUL_PORTAL_URL": portal.url, "BITGOEUL_NODE_TOKEN": TOKEN}
    told = node.run(*arguments, **nowhere)
    assert (told.returncode, told.stdout) == (1, "")
    assert "이 기기에는 쓸 수 있는 NVIDIA 드라이버가 없습니다" in told.stderr
    assert "This machine has no NVIDIA driver in use" in told.stderr


def test_an_agent_without_a_portal_to_tell_says_what_to_set(node: Node) -> None:
    told = node.run()
    assert told.returncode == 2
    assert "BITGOEUL_PORTAL_URL is not set" in told.stderr
