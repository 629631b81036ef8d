"""A hub on a Swarm: the real hub and proxy with the real jupyterhub_config.py, on the labs' overlay network.

They are processes of this machine in the network of a container of the first node, so that they are at an address that
labs reach, and reach labs. Labs run from an image that holds nothing: their programs are this machine's, read-only.
Who is called `real…` gets Jupyter, everybody else a program that stands in its place and starts at once.
"""

from __future__ import annotations

import io
import os
import secrets
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from swarm_desk import LeaseDesk
from swarm_rig import Rig
from waiting import wait_for

from hub_config.containers import LAB_CONFIG, name_of

ROOT = Path(__file__).resolve().parents[2]
PROXY = ROOT / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
IMAGE = "bitgoeul-bare"
NETWORK = "bitgoeul-labs"
SUBNET = "10.213.0.0/16"
HUB = "10.213.0.10"
VENV = Path(sys.prefix).resolve()
#: what labs see of this machine, and where
SEEN = {
    "/usr": "/usr",
    sys.base_prefix: sys.base_prefix,
    str(VENV): str(VENV),
    str(ROOT): str(ROOT),
    str(ROOT / "hub_config" / "lab"): str(LAB_CONFIG),
}
TINY = ["/usr/bin/env", str(VENV / "bin" / "python"), str(ROOT / "tests" / "support" / "tiny_lab.py")]
JUPYTER = [str(VENV / "bin" / "jupyterhub-singleuser")]
ADDITIONS = f"""
c.CampusSwarmSpawner.cmd = {TINY!r}

def choose(spawner):
    if spawner.user.name.startswith("real"):
        spawner.cmd = {JUPYTER!r}

c.CampusSwarmSpawner.pre_spawn_hook = choose
c.CampusSwarmSpawner.read_only_volumes = {SEEN!r}
c.CampusSwarmSpawner.environment = {{"PYTHONPATH": {str(ROOT)!r}}}
c.CampusSwarmSpawner.patience = 5
c.CampusSwarmSpawner.volumes = {{"bitgoeul-scratch": "/scratch"}}
c.JupyterHub.services.append({{"name": "tests", "api_token": %r}})
c.JupyterHub.load_roles.append({{"name": "tests", "services": ["tests"], "scopes": ["admin:users", "admin:servers"]}})
"""


def bare_image() -> bytes:
    """A file system with the folders that a container needs and nothing in them, as a tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in ("usr", "etc", "tmp", "home/learner", "dev", "proc", "sys", "run", "var", "opt", "sbin"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            archive.addfile(entry)
        for link in ("bin", "lib", "lib64"):
            entry = tarfile.TarInfo(link)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{link}"
            archive.addfile(entry)
        people = b"root:x:0:0:root:/root:/bin/sh\nlearner:x:1000:1000::/home/learner:/bin/sh\n"
        entry = tarfile.TarInfo("etc/passwd")
        entry.size = len(people)
        archive.addfile(entry, io.BytesIO(people))
    return buffer.getvalue()


@dataclass
class SwarmCampus:
    """One hub, its proxy and the portal's stand-in; `kill_hub` is a crash."""

    rig: Rig
    data: Path
    desk: LeaseDesk
    environment: dict[str, str] = field(default_factory=dict)
    token: str = field(default_factory=lambda: secrets.token_hex(32))
    _namespace: str = ""
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{self.rig.manager.address}:8000"

    @property
    def log(self) -> str:
        return (self.data / "hub.log").read_text(errors="replace")

    def start(self) -> None:
        manager = self.rig.manager
        manager.docker(
            *("run", "--detach", "--name", "hub", "--publish", "8000:8000"),
            *("--volume", "/usr:/usr:ro", IMAGE, "sleep", "infinity"),
        )
        manager.docker("network", "connect", "--ip", HUB, NETWORK, "hub")
        self._namespace = manager.namespace_of("hub")
        (self.data / "hub").mkdir(parents=True)
        (self.data / "homes").mkdir()
        (self.data / "jupyterhub_config.d").mkdir()
        (self.data / "jupyterhub_config.d" / "rig.py").write_text(ADDITIONS % self.token)
        self.environment = {
            "BITGOEUL_DATA": str(self.data),
            "BITGOEUL_PUBLIC_URL": self.url,
            "BITGOEUL_HUB_LISTEN": "0.0.0.0",
            "BITGOEUL_HUB_API_URL": f"http://{HUB}:8081/hub/api",
            "BITGOEUL_PORTAL_URL": self.desk.url,
            "BITGOEUL_PORTAL_TOKEN": secrets.token_hex(32),
            "BITGOEUL_LEASE_TOKEN": self.desk.token,
            "BITGOEUL_PROXY_API_URL": "http://127.0.0.1:8001",
            "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(32),
            "BITGOEUL_DEMO_SECRET": secrets.token_hex(32),
            "BITGOEUL_SPAWNER": "swarm",
            "BITGOEUL_LAB_HOMES": str(self.data / "homes"),
            "BITGOEUL_LAB_SUBNET": SUBNET,
            "DOCKER_HOST": manager.host,
        }
        self._start(
            "proxy",
            *(shutil.which("node") or "node", str(PROXY), "--port", "8000", "--api-port", "8001"),
            *("--error-target", f"http://{HUB}:8081/hub/error", "--log-level", "warn"),
        )
        self.start_hub()

    def start_hub(self) -> None:
        self._start("hub", sys.executable, "-m", "jupyterhub", "-f", str(ROOT / "jupyterhub_config.py"))

        def up() -> bool:
            assert self._running["hub"].poll() is None, f"the hub stopped: {self.log[-4000:]}"
            try:
                return httpx.get(f"{self.url}/hub/api/", timeout=2).status_code == 200
            except httpx.HTTPError:
                return False

        wait_for("the hub answers through the proxy", up)

    def _start(self, name: str, *command: str) -> None:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("BITGOEUL_")}
        with (self.data / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "nsenter", f"--net={self._namespace}", *command],
                env=inherited | self.environment | {"PYTHONPATH": str(ROOT)},
                cwd=self.data / "hub",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill_hub(self) -> None:
        self._running["hub"].kill()
        self._running["hub"].wait()

    def stop(self) -> None:
        for process in reversed(self._running.values()):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def api(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask the hub's REST API as a service of the site's own that may start servers."""
        headers = {"Authorization": f"token {self.token}"}
        return httpx.request(method, f"{self.url}/hub/api{path}", json=body, headers=headers, timeout=60)

    def model(self, name: str) -> dict[str, Any]:
        told: dict[str, Any] = self.api("GET", f"/users/{quote(name)}").json()
        return told

    def service(self, name: str) -> str:
        return name_of("bitgoeul", name)

    def services(self) -> list[str]:
        """The names of the services of labs."""
        listed = self.rig.manager.api.services(filters={"label": "kr.bitgoeul.user"})
        return sorted(service["Spec"]["Name"] for service in listed)

    def start_server(self, name: str, profile: str = "cpu") -> float:
        """Start and wait until it is ready; the seconds that took."""
        begun = time.monotonic()
        self.ask_for_server(name, profile)

        def ready() -> bool:
            server = self.model(name).get("servers", {}).get("", {})
            assert server, f"the start of {name} failed: {self.log[-3000:]}"
            return bool(server["ready"])

        wait_for(f"the server of {name} is ready", ready, seconds=170)
        return time.monotonic() - begun

    def ask_for_server(self, name: str, profile: str = "cpu") -> httpx.Response:
        self.api("POST", "/users", {"usernames": [name]})
        return self.api("POST", f"/users/{quote(name)}/servers/", {"user_options": {"profile": profile}})

    def start_servers(self, *names: str, profile: str = "cpu") -> list[float]:
        with ThreadPoolExecutor(len(names)) as pool:
            return list(pool.map(lambda name: self.start_server(name, profile), names))

    def stop_server(self, name: str) -> None:
        self.api("DELETE", f"/users/{quote(name)}/server")
        wait_for(f"the server of {name} is gone", lambda: not self.model(name).get("servers"), seconds=60)

    def stop_servers(self) -> None:
        """Stop whatever runs."""
        names = [user["name"] for user in self.api("GET", "/users").json() if user.get("servers")]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self.stop_server, names))

    def ask_lab(self, name: str, what: str = "who") -> dict[str, Any]:
        """What that person's lab answers through the proxy; empty when nothing does."""
        try:
            answer = httpx.get(f"{self.url}/user/{quote(name)}/{what}", timeout=10)
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
    lease_desk = LeaseDesk(rig.outside, secrets.token_hex(32), IMAGE)
    lease_desk.start()
    campus = SwarmCampus(rig, data, lease_desk)
    try:
        campus.start()
        yield campus
    finally:
        campus.stop()
        lease_desk.stop()
        for name in campus.services():
            rig.manager.docker("service", "rm", name)
        rig.manager.docker("rm", "--force", "hub")
