"""A campus on a Swarm: the real hub with the real jupyterhub_config.py, portal and proxy, on the labs' overlay network.

They are processes of this machine in the network of a container of the first node, so that they are at an address that
labs reach, and reach labs. What is lent are the slices that the Swarm tells of.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from campus_books import WALK_INS, Books, Lent, write_hardware
from swarm_labs import IMAGE, ROOT, additions, swarm_hardware
from swarm_rig import Rig
from waiting import wait_for

from hub_config.containers import name_of
from portal.campus_tree import Addresses, build_environment, prepare_data

PROXY = ROOT / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
NETWORK = "bitgoeul-labs"
SUBNET = "10.213.0.0/16"
HUB = "10.213.0.10"
PUBLIC, HUB_PORT, PORTAL_PORT, PROXY_API = 8000, 8081, 8010, 8001


@dataclass
class SwarmCampus:
    """The campus's programs; `kill` is a crash. `books` are its own records."""

    rig: Rig
    data: Path
    books: Books = field(init=False)
    environment: dict[str, str] = field(default_factory=dict)
    token: str = field(default_factory=lambda: secrets.token_hex(32))
    _namespace: str = ""
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)
    #: one for all that tests ask: making one takes longer than most answers; no connection is used again after a crash
    _http: httpx.Client = field(
        default_factory=lambda: httpx.Client(
            timeout=60, trust_env=False, verify=False, limits=httpx.Limits(max_keepalive_connections=0)
        )
    )

    def __post_init__(self) -> None:
        prepare_data(self.data)
        write_hardware(self.data, swarm_hardware(IMAGE))
        (self.data / "jupyterhub_config.d").mkdir()
        (self.data / "jupyterhub_config.d" / "rig.py").write_text(additions(self.token))
        addresses = Addresses(self.rig.manager.address, PUBLIC, HUB_PORT, PORTAL_PORT, PROXY_API)
        self.environment = build_environment(os.environ, self.data, addresses) | {
            "BITGOEUL_HUB_LISTEN": "0.0.0.0",
            "BITGOEUL_HUB_API_URL": f"http://{HUB}:{HUB_PORT}/hub/api",
            "BITGOEUL_PORTAL_URL": f"http://{HUB}:{PORTAL_PORT}/services/portal",
            "BITGOEUL_SPAWNER": "swarm",
            "BITGOEUL_LAB_HOMES": str(self.data / "homes"),
            "BITGOEUL_LAB_SUBNET": SUBNET,
            "BITGOEUL_ADMINS": "boss",
            "DOCKER_HOST": self.rig.manager.host,
            "PYTHONPATH": str(ROOT),
        }
        self.books = Books(self.environment["BITGOEUL_DATABASE_URL"])

    @property
    def url(self) -> str:
        return f"http://{self.rig.manager.address}:{PUBLIC}"

    @property
    def log(self) -> str:
        """What the hub has said."""
        return self.log_of("hub")

    def log_of(self, program: str) -> str:
        file = self.data / "logs" / f"{program}.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def start(self) -> None:
        manager = self.rig.manager
        manager.docker(
            *("run", "--detach", "--name", "hub", "--publish", f"{PUBLIC}:{PUBLIC}"),
            *("--volume", "/usr:/usr:ro", IMAGE, "sleep", "infinity"),
        )
        manager.docker("network", "connect", "--ip", HUB, NETWORK, "hub")
        self._namespace = manager.namespace_of("hub")
        self.start_program("proxy")
        self.start_program("hub")
        # a portal that finds no hub asks less and less often
        wait_for("the hub answers through the proxy", lambda: self._answers("hub/api/"), seconds=120)
        self.start_program("portal")
        self.wait_until_up()
        wait_for("the portal lends what the Swarm has", lambda: len(self.books.lendable()) == 2 * len(self.rig.nodes))

    def start_program(self, name: str) -> None:
        """Start `proxy`, `hub` or `portal`. Returns before it answers: see `wait_until_up`."""
        commands = {
            "proxy": (
                *(shutil.which("node") or "node", str(PROXY), "--port", str(PUBLIC), "--api-port", str(PROXY_API)),
                *("--error-target", f"http://{HUB}:{HUB_PORT}/hub/error", "--log-level", "warn"),
            ),
            "hub": (sys.executable, "-m", "jupyterhub", "-f", str(ROOT / "jupyterhub_config.py")),
            "portal": (sys.executable, "-m", "portal.server", "--host", HUB, "--port", str(PORTAL_PORT)),
        }
        with (self.data / "logs" / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "nsenter", f"--net={self._namespace}", *commands[name]],
                env=self.environment,
                cwd=self.data / "hub",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_up(self, *, in_step: bool = True) -> None:
        """Wait until hub and portal answer through the proxy, and, with `in_step`, agree on who there is."""

        def up() -> bool:
            health = self._answers("services/portal/api/health")
            agree = health is not None and (not in_step or health.json()["hub"] == "in step")
            return agree and self._answers("hub/api/") is not None

        wait_for("hub and portal answer through the proxy", up, seconds=120, every=0.2)

    def _answers(self, path: str) -> httpx.Response | None:
        """What the proxy gives for that path, None while that is no success; fails when a program has ended."""
        for name, process in self._running.items():
            assert process.poll() is None, f"the {name} stopped: {self.log_of(name)[-4000:]}"
        try:
            answer = self._http.get(f"{self.url}/{path}", timeout=5)
        except httpx.HTTPError:
            return None
        return answer if answer.status_code == 200 else None

    def kill(self, *names: str) -> None:
        """End these programs as a power cut does."""
        for name in names:
            self._running[name].kill()
        for name in names:
            self._running[name].wait()

    def kill_hub(self) -> None:
        self.kill("hub")

    def start_hub(self) -> None:
        self.start_program("hub")
        self.wait_until_up()

    def stop(self) -> None:
        for process in reversed(self._running.values()):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.books.close()
        self._http.close()

    def api(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask the hub's REST API as a service of the site's own that may start servers."""
        headers = {"Authorization": f"token {self.token}"}
        return self._http.request(method, f"{self.url}/hub/api{path}", json=body, headers=headers)

    def portal(self, name: str, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask the portal's API as that person."""
        if name not in self._tokens:
            answer = self.api("POST", f"/users/{quote(name)}/tokens", {"note": "tests"})
            assert answer.status_code == 201, answer.text
            self._tokens[name] = answer.json()["token"]
        headers = {"Authorization": f"token {self._tokens[name]}"}
        url = f"{self.url}/services/portal/api{path}"
        return self._http.request(method, url, json=body, headers=headers)

    def mine(self, name: str) -> dict[str, Any]:
        """What the portal tells that person about their lab, their place and their turn."""
        answer = self.portal(name, "GET", "/gpus/mine")
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def enrol(self, *names: str, cohort: str = WALK_INS) -> None:
        """Put students on the roster; the hub needn't wait for the portal to tell it."""
        if new := self.books.enrol(names, cohort):
            answer = self.api("POST", "/users", {"usernames": new})
            assert answer.status_code in (201, 409), answer.text

    def model(self, name: str) -> dict[str, Any]:
        told: dict[str, Any] = self.api("GET", f"/users/{quote(name)}").json()
        return told

    def lease(self, name: str) -> Lent:
        """What that person holds."""
        return self.books.lent()[name]

    def service(self, name: str) -> str:
        return name_of("bitgoeul", name)

    def services(self) -> list[str]:
        """The names of the services of labs."""
        listed = self.rig.manager.api.services(filters={"label": "kr.bitgoeul.user"})
        return sorted(service["Spec"]["Name"] for service in listed)

    def start_server(self, name: str, profile: str = "cpu") -> float:
        """Have that student start their lab at the portal, and wait until it is ready; the seconds that took."""
        self.enrol(name)
        begun = time.monotonic()
        answer = self.choose(name, profile)
        assert answer.status_code == 200, answer.text

        wait_for(f"the server of {name} is ready", lambda: self.is_ready(name, or_starts=True), seconds=170, every=0.2)
        return time.monotonic() - begun

    def is_ready(self, name: str, *, or_starts: bool = False) -> bool:
        """Whether that person's lab takes them; with `or_starts` it fails when there is none."""
        server = self.model(name).get("servers", {}).get("", {})
        assert server or not or_starts, f"the start of {name} failed: {self.log[-3000:]}"
        return bool(server.get("ready"))

    def choose(self, name: str, profile: str) -> httpx.Response:
        """Choose hardware at the portal: 200 when the lab starts, 202 for a place in the queue."""
        return self.portal(name, "POST", "/gpus/mine", {"profile": profile})

    def ask_hub(self, name: str, profile: str = "cpu") -> httpx.Response:
        """Ask the hub itself for a start, as its own pages do."""
        self.enrol(name)
        return self.api("POST", f"/users/{quote(name)}/servers/", {"user_options": {"profile": profile}})

    def progress(self, name: str) -> list[dict[str, Any]]:
        """What the page of a start that goes on is told, to its end."""
        url = f"{self.url}/hub/api/users/{quote(name)}/server/progress"
        with self._http.stream("GET", url, headers={"Authorization": f"token {self.token}"}) as page:
            return [json.loads(line.removeprefix("data: ")) for line in page.iter_lines() if line.startswith("data: ")]

    def refusal(self, name: str, profile: str) -> str:
        """What that person is told when the hub can't start their lab, at once or while they watch."""
        answer = self.ask_hub(name, profile)
        if answer.status_code >= 400:
            return str(answer.json()["message"])
        # between a start's failure and the end of what is put away after it, JupyterHub knows of no start at all
        last = wait_for("the hub's word on the start", lambda: self.progress(name), seconds=10)[-1]
        assert last.get("failed"), last
        return str(last["message"])

    def start_servers(self, *names: str, profile: str = "cpu") -> list[float]:
        self.enrol(*names)
        with ThreadPoolExecutor(len(names)) as pool:
            return list(pool.map(lambda name: self.start_server(name, profile), names))

    def stop_server(self, name: str) -> None:
        self.api("DELETE", f"/users/{quote(name)}/server")
        wait_for(f"the server of {name} is gone", lambda: not self.model(name).get("servers"), seconds=60, every=0.2)

    def stop_servers(self) -> None:
        """Stop whatever runs."""
        names = [user["name"] for user in self.api("GET", "/users").json() if user.get("servers")]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self.stop_server, names))

    def ask_lab(self, name: str, what: str = "who") -> dict[str, Any]:
        """What that person's lab answers through the proxy; empty when nothing does."""
        try:
            answer = self._http.get(f"{self.url}/user/{quote(name)}/{what}", timeout=10)
            told: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        except (httpx.HTTPError, ValueError):
            return {}
        return told

    def task(self, name: str) -> dict[str, Any]:
        """The newest task of that person's lab."""
        tasks = self.rig.manager.api.tasks(filters={"service": self.service(name)})
        newest: dict[str, Any] = max(tasks, key=lambda task: task["CreatedAt"])
        return newest

    def node_of(self, name: str) -> str:
        node = self.task(name)["NodeID"]
        return str(self.rig.manager.api.inspect_node(node)["Description"]["Hostname"])

    def inside(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in that person's lab."""
        task = self.task(name)
        node = self.rig.node(self.node_of(name))
        container = task["Status"]["ContainerStatus"]["ContainerID"]
        return subprocess.run(
            ["docker", "--host", node.host, "exec", container, *command], capture_output=True, text=True, timeout=60
        )


@contextmanager
def swarm_campus(rig: Rig, data: Path) -> Iterator[SwarmCampus]:
    """A campus of the rig's; the labs' network and image are there already. Gone with everything it made."""
    campus = SwarmCampus(rig, data)
    try:
        campus.start()
        yield campus
    finally:
        campus.stop()
        for name in campus.services():
            rig.manager.docker("service", "rm", name)
        rig.manager.docker("rm", "--force", "hub")
