"""Three ways to start a lab in a container of one engine: ours, plain DockerSpawner's, and `docker run` by hand.

Ours is a campus with its real hub, proxy, portal and fence. DockerSpawner has a hub and a proxy of its own, and every
default but addresses, the image's name and how long a server is waited for. By hand the same image runs the same
program against that hub. Nobody starts twice: the second start of DockerSpawner's would find the first one's container.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import httpx

from bench.class_start import enrol
from bench.container_people import PROXY, ContainerCampus, OwnEngine
from bench.people import wait_for
from bench.spawn_client import click_at_once, first_answer
from bench.spawn_look import Start
from cohorts.database import Database, migrate
from portal.demo import seed_demonstration
from portal.settings import PortalSettings

STOCK_PUBLIC, STOCK_HUB, STOCK_PROXY_API, BY_HAND = 9000, 9081, 9001, 9100
STOCK_CONFIG = """
import json
told = json.load(open("told.json"))
c.JupyterHub.bind_url = told["bind_url"]
c.JupyterHub.hub_ip = told["hub_ip"]
c.JupyterHub.hub_port = told["hub_port"]
c.ConfigurableHTTPProxy.command = told["proxy"]
c.ConfigurableHTTPProxy.api_url = told["proxy_api"]
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "docker"
c.DockerSpawner.image = told["image"]
c.JupyterHub.services = [{"name": "bench", "api_token": told["token"]}]
scopes = ["admin:users", "admin:servers", "tokens"]
c.JupyterHub.load_roles = [{"name": "bench", "services": ["bench"], "scopes": scopes}]
# ten at once take longer than the default of 30 s on a small machine, and would fail
c.Spawner.http_timeout = 300
"""


class Way(Protocol):
    """How labs are started, looked at and put away. Containers are told by their names; `log` is the hub's, if any."""

    log: Path | None

    def start(self, names: Sequence[str], *, page: bool = False) -> list[Start]: ...

    def container(self, name: str) -> str: ...

    def put_away(self, names: Sequence[str]) -> None: ...


class Ours(ContainerCampus):
    """A campus of ours, without a hardware file: everybody may have a lab on CPU."""

    def open(self, people: int) -> list[str]:
        """Start everything; the names of so many people who may start a lab."""
        for file in ("jupyterhub_config.d/10-tests.py", "hardware.yaml"):
            (self.data / file).unlink()
        settings = PortalSettings.from_environment(self.environment)
        migrate(settings.database_url)
        database = Database(settings.database_url)
        seed_demonstration(database, settings, now=datetime.now(UTC))
        database.close()
        names = enrol(self.data, people)
        self.start()
        with ThreadPoolExecutor(4) as several:
            list(several.map(self.token_of, names))
        return names


class OurWay:
    """Labs of that campus."""

    def __init__(self, campus: Ours) -> None:
        self.campus = campus
        self.log: Path | None = campus.data / "logs" / "hub.log"

    def start(self, names: Sequence[str], *, page: bool = False) -> list[Start]:
        tokens = {name: self.campus.token_of(name) for name in names}
        return click_at_once(self.campus.url, tokens, {"user_options": {"profile": "cpu"}}, page=page)

    def container(self, name: str) -> str:
        return f"test-{name}"

    def put_away(self, names: Sequence[str]) -> None:
        with ThreadPoolExecutor(10) as several:
            list(several.map(self.campus.stop_lab, names))


class Stock:
    """A hub with DockerSpawner's defaults on the engine's machine, and people on it."""

    def __init__(self, engine: OwnEngine, folder: Path, image: str) -> None:
        self.engine, self.folder, self.image = engine, folder, image
        folder.mkdir(parents=True)
        self._output = folder / "hub.log"
        self.log: Path | None = self._output
        self.token = secrets.token_hex(32)
        self.url = f"http://{engine.address}:{STOCK_PUBLIC}"
        #: the machine's address on Docker's own network, where labs find the hub
        self.gateway = str(engine.api.inspect_network("bridge")["IPAM"]["Config"][0].get("Gateway", "172.17.0.1"))
        self.tokens: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def open(self, names: Sequence[str]) -> None:
        """Start hub and proxy, and make people known."""
        told = {
            "bind_url": f"http://0.0.0.0:{STOCK_PUBLIC}",
            "hub_ip": self.gateway,
            "hub_port": STOCK_HUB,
            "proxy": [node(), str(PROXY)],
            "proxy_api": f"http://127.0.0.1:{STOCK_PROXY_API}",
            "image": self.image,
            "token": self.token,
        }
        (self.folder / "told.json").write_text(json.dumps(told))
        (self.folder / "jupyterhub_config.py").write_text(STOCK_CONFIG)
        with self._output.open("wb") as log:
            self._process = self.engine.inside(
                *(sys.executable, "-m", "jupyterhub"),
                env={**os.environ, "DOCKER_HOST": self.engine.host},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for("DockerSpawner's hub", self._answers, 120)
        self.api("POST", "/users", {"usernames": list(names)}).raise_for_status()
        for name in names:
            made = self.api("POST", f"/users/{name}/tokens", {})
            made.raise_for_status()
            self.tokens[name] = made.json()["token"]

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"DockerSpawner's hub did not start: {self._output.read_text()[-3000:]}")
        try:
            return httpx.get(f"{self.url}/hub/api/", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def api(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"token {self.token}"}
        return httpx.request(method, f"{self.url}/hub/api{path}", json=body, headers=headers, timeout=150)

    def close(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)

    def start(self, names: Sequence[str], *, page: bool = False) -> list[Start]:
        return click_at_once(self.url, {name: self.tokens[name] for name in names}, {}, page=page)

    def container(self, name: str) -> str:
        return f"jupyter-{name}"

    def put_away(self, names: Sequence[str]) -> None:
        with ThreadPoolExecutor(10) as several:
            list(several.map(lambda name: self.api("DELETE", f"/users/{name}/server"), names))
        for name in names:
            wait_for("the end of a lab", lambda name=name: not self._servers(name), 60)
            self.engine.api.remove_container(self.container(name), force=True, v=True)

    def _servers(self, name: str) -> Any:
        return self.api("GET", f"/users/{name}").json()["servers"]


class ByHand:
    """`docker run` of the ordinary image, its program told what DockerSpawner would tell it, until its port answers."""

    def __init__(self, stock: Stock) -> None:
        self.stock, self.engine = stock, stock.engine
        self.log: Path | None = None

    def start(self, names: Sequence[str], *, page: bool = False) -> list[Start]:
        with ThreadPoolExecutor(len(names)) as several:
            return list(several.map(self._start, names, range(BY_HAND, BY_HAND + len(names))))

    def _start(self, name: str, port: int) -> Start:
        told = {
            "JUPYTERHUB_API_TOKEN": self.stock.tokens[name],
            "JUPYTERHUB_API_URL": f"http://{self.stock.gateway}:{STOCK_HUB}/hub/api",
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_CLIENT_ID": f"jupyterhub-user-{name}",
            "JUPYTERHUB_SERVICE_PREFIX": f"/user/{name}/",
            "JUPYTERHUB_SERVICE_URL": f"http://0.0.0.0:8888/user/{name}/",
            "JUPYTERHUB_USER": name,
        }
        variables = [word for key, value in told.items() for word in ("--env", f"{key}={value}")]
        command = ["docker", "--host", self.engine.host, "run", "--detach", "--name", self.container(name)]
        clicked = time.time()
        subprocess.run(
            [*command, "--publish", f"{port}:8888", *variables, self.stock.image], check=True, stdout=subprocess.DEVNULL
        )
        return Start(name, clicked, first_answer(f"http://{self.engine.address}:{port}/user/{name}/api"))

    def container(self, name: str) -> str:
        return f"byhand-{name}"

    def put_away(self, names: Sequence[str]) -> None:
        for name in names:
            self.engine.api.remove_container(self.container(name), force=True, v=True)


def node() -> str:
    """Node, as the bench finds it."""
    return shutil.which("node") or "node"
