"""A campus whose labs are containers of an engine of its own: real proxy, hub and portal on the engine's machine.

Only the lease desk is a stand-in (lease_desk.py). The hub listens at the gateway of the labs' network, as on a machine
without Compose.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import websocket
from own_engine import OwnEngine
from waiting import wait_for

from hub_config.environment import Environment
from hub_config.lab_network import read_lab_network
from portal.campus_tree import Addresses, build_environment, prepare_data
from portal.demo import demo_password

ROOT = Path(__file__).resolve().parents[2]
PROXY = ROOT / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
IMAGE = "bitgoeul-lab-cpu"
GATEWAY = "10.213.0.1"
PUBLIC, HUB, DESK, PORTAL, PROXY_API = 8000, 8081, 8010, 8011, 8001
HARDWARE = {
    "cpu": {"image": IMAGE, "memory": 1 << 30, "cpus": 1.0, "shm": 64 << 20, "pids": 256, "disk": 0},
    "gpu-slice": {
        **{"image": IMAGE, "memory": 1 << 30, "cpus": 1.0, "shm": 64 << 20, "pids": 256, "disk": 0},
        "devices": ["GPU-11111111-aaaa", "MIG-22222222-bbbb"],
    },
    "absent": {"image": "bitgoeul-no-such-image", "memory": 0, "cpus": 0, "shm": 0, "pids": 0, "disk": 0},
}


#: what a site may add, here for tests: an unwaited disk, which a killed hub loses nothing by, and closer looks at labs
ADDITIONS = """
from sqlalchemy import event
from sqlalchemy.engine import Engine

@event.listens_for(Engine, "connect")
def hurry(connection, record):
    connection.execute("PRAGMA synchronous=OFF")

c.Spawner.poll_interval = 5
c.CampusDockerSpawner.start_timeout = 120
"""


@dataclass
class ContainerCampus:
    """Starts and stops the campus's programs on the engine's machine; acts for people."""

    engine: OwnEngine
    data: Path
    settings: dict[str, str] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=lambda: json.loads(json.dumps(HARDWARE)))
    #: who the hub is, besides root: an account that may read this test's Python wherever it lies, and no more
    account: int | None = None
    _programs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        prepare_data(self.data)
        self.lease_token = secrets.token_hex(32)
        self.environment = build_environment(
            os.environ, self.data, Addresses(self.engine.address, PUBLIC, HUB, DESK, PROXY_API)
        ) | {
            "DOCKER_HOST": self.engine.host,
            "BITGOEUL_SPAWNER": "docker",
            "BITGOEUL_CAMPUS": "test",
            "BITGOEUL_LEASE_TOKEN": self.lease_token,
            "BITGOEUL_HUB_LISTEN": GATEWAY,
            "BITGOEUL_HUB_API_URL": f"http://{GATEWAY}:{HUB}/hub/api",
            "BITGOEUL_PORTAL_URL": f"http://{GATEWAY}:{DESK}/services/portal",
            "BITGOEUL_ADMINS": "boss",
            "PYTHONPATH": str(ROOT),
            **self.settings,
        }
        self.say_hardware(self.hardware)
        (self.data / "jupyterhub_config.d").mkdir()
        (self.data / "jupyterhub_config.d" / "10-tests.py").write_text(ADDITIONS)

    @property
    def url(self) -> str:
        return f"http://{self.engine.address}:{PUBLIC}"

    @property
    def network(self) -> str:
        return "test-labs"

    @property
    def hub_log(self) -> str:
        return (self.data / "logs" / "hub.log").read_text(errors="replace")

    def say_hardware(self, hardware: dict[str, Any]) -> None:
        (self.data / "hardware.json").write_text(json.dumps(hardware))

    def calls(self, path: str) -> list[dict[str, Any]]:
        """What the lease desk was told under `path`, oldest first."""
        file = self.data / "calls.jsonl"
        told = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [one["body"] | {"path": one["path"]} for one in told if path in one["path"]]

    def start(self) -> None:
        """The network, the fence, then everything."""
        self.start_around()
        desk = (GATEWAY, str(DESK), str(self.data), f"http://{GATEWAY}:{PORTAL}", self.lease_token)
        self._run("desk", sys.executable, str(Path(__file__).with_name("lease_desk.py")), *desk)
        wait_for("the lease desk", self._desk_answers, 20)
        self.start_hub()

    def start_around(self) -> None:
        """What labs and people meet first: the network, the fence, the proxy."""
        self.command("hub_config.docker_network")
        self.command("hub_config.firewall", "apply")
        node = shutil.which("node", path=self.environment["PATH"]) or "node"
        self._run(
            "proxy",
            *(node, str(PROXY), "--ip", "0.0.0.0", "--port", str(PUBLIC)),
            *("--api-ip", "127.0.0.1", "--api-port", str(PROXY_API), "--log-level", "warn"),
            *("--error-target", f"http://{GATEWAY}:{HUB}/hub/error"),
        )

    def _desk_answers(self) -> bool:
        try:
            httpx.get(f"{self.url}/nothing", timeout=5)  # the proxy listens
            self.engine.run(sys.executable, "-c", f"import socket; socket.create_connection(('{GATEWAY}', {DESK}))")
        except (httpx.HTTPError, RuntimeError):
            return False
        return True

    def command(self, module: str, *arguments: str) -> str:
        """Run one of our modules on the engine's machine, and fail if it does."""
        done = self.try_command(module, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def try_command(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.engine.within(sys.executable, "-m", module, *arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def start_hub(self) -> None:
        command = [sys.executable, "-m", "jupyterhub", "-f", str(ROOT / "jupyterhub_config.py")]
        if self.account:
            subprocess.run(["chown", "-R", f"{self.account}:{self.account}", str(self.data)], check=True)
            who = (f"--reuid={self.account}", f"--regid={self.account}", "--clear-groups")
            command = ["setpriv", *who, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", *command]
        self._run("hub", *command, cwd="hub")

        def answers() -> bool:
            assert self._programs["hub"].poll() is None, self.hub_log[-4000:]
            try:
                return httpx.get(f"{self.url}/hub/api/", timeout=5).status_code == 200
            except httpx.HTTPError:
                return False

        wait_for("the hub answers through the proxy", answers, 240)

    def kill_hub(self) -> None:
        """End the hub as a power cut does; its warden goes with it."""
        self._programs["hub"].kill()
        self._programs["hub"].wait()

    def start_portal(self, port: int = PORTAL) -> None:
        """The real portal, behind the lease desk."""
        self._run("portal", sys.executable, "-m", "portal.server", "--host", GATEWAY, "--port", str(port))

        def in_step() -> bool:
            try:
                answer = httpx.get(f"{self.url}/services/portal/api/health", timeout=5)
                return answer.status_code == 200 and answer.json().get("hub") == "in step"
            except (httpx.HTTPError, ValueError):
                return False

        wait_for("the portal is in step with the hub", in_step, 240)

    def _run(self, name: str, *command: str, cwd: str = "") -> None:
        with (self.data / "logs" / f"{name}.log").open("ab") as log:
            self._programs[name] = self.engine.inside(
                *command, env=self.environment, cwd=self.data / cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def stop(self) -> None:
        for name in ("hub", "portal", "desk", "proxy"):
            if (process := self._programs.get(name)) and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def api(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> httpx.Response:
        """The hub's REST API, as the portal unless another token is given."""
        headers = {"Authorization": f"token {token or self.environment['BITGOEUL_PORTAL_TOKEN']}"}
        return httpx.request(method, f"{self.url}/hub/api{path}", json=body, headers=headers, timeout=150)

    def enrol(self, *names: str) -> None:
        """Put people on a roster, as the portal's sync does."""
        assert self.api("POST", "/users", {"usernames": list(names)}).status_code in (201, 409)

    def browser(self, name: str) -> httpx.Client:
        """Somebody's browser, signed in by the form."""
        browser = httpx.Client(base_url=self.url, timeout=60)
        page = browser.get("/hub/login").text
        xsrf = re.search(r'name="_xsrf" value="([^"]+)"', page)
        assert xsrf, page[:1000]
        password = demo_password(self.environment["BITGOEUL_DEMO_SECRET"], name)
        form = {"_xsrf": xsrf.group(1), "username": name, "password": password}
        answer = browser.post("/hub/login", data=form)
        assert answer.status_code == 302, answer.text[:500]
        return browser

    def token_of(self, name: str) -> str:
        if name not in self._tokens:
            with closing(self.browser(name)) as browser:
                page = browser.get("/hub/token").text
                xsrf = re.search(r'xsrf_token: "([^"]+)"', page)
                assert xsrf, page[:1000]
                answer = browser.post(f"/hub/api/users/{name}/tokens", json={}, headers={"X-XSRFToken": xsrf.group(1)})
                assert answer.status_code == 201, answer.text
                self._tokens[name] = answer.json()["token"]
        return self._tokens[name]

    def server(self, name: str) -> dict[str, Any]:
        """The hub's word on somebody's server; empty where there is none."""
        servers = self.api("GET", f"/users/{name}", token=self.token_of(name)).json()["servers"]
        return dict(servers.get("", {}))

    def ask_start(self, name: str, profile: str = "cpu") -> httpx.Response:
        self.enrol(name)
        body = {"user_options": {"profile": profile}}
        return self.api("POST", f"/users/{name}/server", body, token=self.token_of(name))

    def start_lab(self, name: str, profile: str = "cpu") -> Lab:
        answer = self.ask_start(name, profile)
        assert answer.status_code in (201, 202), f"{answer.text}\n{self.hub_log[-3000:]}"
        wait_for(f"the lab of {name}", lambda: self.server(name).get("ready"), 240)
        return Lab(self, name)

    def stop_lab(self, name: str) -> None:
        answer = self.api("DELETE", f"/users/{name}/server", token=self.token_of(name))
        assert answer.status_code in (202, 204, 404), answer.text
        wait_for(f"the end of {name}'s lab", lambda: not self.server(name), 60)

    def containers(self) -> list[dict[str, Any]]:
        """The labs' containers, running or not."""
        found: list[dict[str, Any]] = self.engine.api.containers(all=True, filters={"label": "kr.bitgoeul.campus=test"})
        return found

    def container_of(self, name: str) -> dict[str, Any]:
        """All that the engine says of somebody's lab."""
        [one] = [one for one in self.containers() if one["Labels"]["kr.bitgoeul.user"] == name]
        found: dict[str, Any] = self.engine.api.inspect_container(one["Id"])
        return found


@dataclass
class Lab:
    """Somebody's running lab, from within and through the proxy."""

    campus: ContainerCampus
    owner: str

    @property
    def container(self) -> dict[str, Any]:
        return self.campus.container_of(self.owner)

    @property
    def address(self) -> str:
        return str(self.container["NetworkSettings"]["Networks"][self.campus.network]["IPAddress"])

    def run(self, *command: str) -> tuple[int, str]:
        """Run a command within, as the learner; its exit status and what it printed."""
        api = self.campus.engine.api
        run = api.exec_create(self.container["Id"], list(command))["Id"]
        said = api.exec_start(run).decode(errors="replace")
        return int(api.exec_inspect(run)["ExitCode"]), said

    def python(self, script: str) -> str:
        """What a Python script prints within."""
        status, said = self.run("python", "-c", script)
        assert status == 0, said
        return said.strip()

    def execute(self, code: str, seconds: float = 60) -> str:
        """Run a cell as JupyterLab does, through the proxy's websocket; what it printed."""
        kernel = self.call("POST", "/api/kernels", json={})
        assert kernel.status_code == 201, kernel.text
        with self.channels(kernel.json()["id"]) as wire:
            return wire.execute(code, seconds)

    def channels(self, kernel: str) -> Wire:
        url = f"{self.campus.url}/user/{self.owner}/api/kernels/{kernel}/channels".replace("http", "ws", 1)
        return Wire(url, self.campus.token_of(self.owner))

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"token {self.campus.token_of(self.owner)}"}
        return httpx.request(
            method, f"{self.campus.url}/user/{self.owner}{path}", headers=headers, timeout=60, **options
        )


class Wire:
    """A kernel's websocket."""

    def __init__(self, url: str, token: str) -> None:
        self._socket = websocket.create_connection(url, header=[f"Authorization: token {token}"], timeout=60)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def execute(self, code: str, seconds: float = 60) -> str:
        """What a cell prints."""
        number = secrets.token_hex(8)
        header = {"msg_id": number, "msg_type": "execute_request", "username": "", "session": number, "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self._socket.send(json.dumps(message))
        self._socket.settimeout(seconds)
        printed = ""
        while True:
            heard = json.loads(self._socket.recv())
            if heard["parent_header"].get("msg_id") != number:
                continue
            if heard["msg_type"] == "stream":
                printed += heard["content"]["text"]
            if heard["msg_type"] == "error":
                raise AssertionError("\n".join(heard["content"]["traceback"]))
            if heard["msg_type"] == "status" and heard["content"]["execution_state"] == "idle":
                return printed


def lab_network(campus: ContainerCampus) -> Any:
    """The campus's settings of its labs' network."""
    return read_lab_network(Environment(campus.environment), campus="test", hub_api_url="", portal_url="")
