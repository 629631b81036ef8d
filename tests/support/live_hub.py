"""A real JupyterHub in a process of its own, with the portal's real scopes, and the wire to it."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from ports import free_port
from waiting import wait_for

from cohorts.hub_sync import ADMINISTRATORS, SCOPES

ROOT = Path(__file__).resolve().parents[2]
PROXY = ROOT / "node_modules" / ".bin" / "configurable-http-proxy"
CONFIG = """
import os
from sqlalchemy import event
from sqlalchemy.engine import Engine

@event.listens_for(Engine, "connect")
def hurry(connection, record):
    connection.execute("PRAGMA synchronous=OFF")  # a killed hub loses nothing by it, and the disk isn't waited for

c.JupyterHub.ip = "127.0.0.1"
c.JupyterHub.port = int(os.environ["TEST_PUBLIC_PORT"])
c.JupyterHub.hub_ip = "127.0.0.1"
c.JupyterHub.hub_port = int(os.environ["TEST_HUB_PORT"])
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.cleanup_servers = False
c.JupyterHub.allow_named_servers = True
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = os.environ["TEST_PROXY_API"]
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_existing_users = True
c.Authenticator.allow_all = False
c.Authenticator.username_pattern = "[^+]+$"
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = os.path.join(os.getcwd(), "homes", "{username}")
c.Spawner.cmd = os.environ["TEST_SERVER"].split()

async def refuse(spawner):
    if os.path.exists("refuse-" + spawner.user.name):
        raise RuntimeError("no room")

c.Spawner.pre_spawn_hook = refuse
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
c.JupyterHub.services = [
    {"name": "portal", "api_token": os.environ["TEST_PORTAL_TOKEN"]},
    {"name": "onlooker", "api_token": os.environ["TEST_ONLOOKER_TOKEN"], "admin": True},
]
c.JupyterHub.load_roles = [
    {"name": "portal", "services": ["portal"], "scopes": os.environ["TEST_SCOPES"].split()},
    {"name": "campus-administrator", "groups": ["campus-administrators"], "scopes": ["admin-ui", "list:users"]},
]
"""


@dataclass
class LiveHub:
    """A JupyterHub in a process of its own, behind a proxy that outlives it."""

    folder: Path
    portal_token: str = field(default_factory=lambda: secrets.token_hex(32))
    onlooker_token: str = field(default_factory=lambda: secrets.token_hex(32))

    def __post_init__(self) -> None:
        self.public, self.port, proxy_api = free_port(), free_port(), free_port()
        self.api_url = f"http://127.0.0.1:{self.port}/hub/api"
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TEST_PUBLIC_PORT": str(self.public),
            "TEST_HUB_PORT": str(self.port),
            "TEST_PROXY_API": f"http://127.0.0.1:{proxy_api}",
            "TEST_PORTAL_TOKEN": self.portal_token,
            "TEST_ONLOOKER_TOKEN": self.onlooker_token,
            "TEST_SCOPES": " ".join(SCOPES),
            "TEST_SERVER": f"{sys.executable} {Path(__file__).with_name('small_server.py')}",
            "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(32),
        }
        (self.folder / "homes").mkdir()
        (self.folder / "jupyterhub_config.py").write_text(CONFIG)
        self.client = httpx.Client(trust_env=False, timeout=30)
        self.log = (self.folder / "log").open("ab")
        where = ["--ip", "127.0.0.1", "--port", str(self.public), "--api-ip", "127.0.0.1", "--api-port", str(proxy_api)]
        self.proxy = self._run([str(PROXY), *where, "--error-target", f"http://127.0.0.1:{self.port}/hub/error"])
        self.hub: subprocess.Popen[bytes] | None = None

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=self.log, stderr=self.log)

    def start(self) -> None:
        hub = self.hub = self._run([sys.executable, "-m", "jupyterhub"])

        def answers() -> bool:
            assert hub.poll() is None, (self.folder / "log").read_text()[-3000:]
            try:
                return self.client.get(self.api_url).is_success
            except httpx.TransportError:
                return False

        wait_for("the hub's start", answers, 60)

    def kill(self) -> None:
        assert self.hub is not None
        self.hub.send_signal(signal.SIGKILL)
        self.hub.wait(timeout=10)

    def look(self, path: str, method: str = "GET", **body: Any) -> Any:
        """What an all-seeing onlooker gets to see."""
        headers = {"Authorization": f"token {self.onlooker_token}"}
        answer = self.client.request(method, self.api_url + path, headers=headers, json=body or None)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    @property
    def users(self) -> set[str]:
        return {user["name"] for user in self.look("/users")}

    @property
    def groups(self) -> dict[str, set[str]]:
        return {group["name"]: set(group["users"]) for group in self.look("/groups")}

    def token(self, username: str) -> str:
        token: str = self.look(f"/users/{username}/tokens", "POST", note="test")["token"]
        return token

    def get(self, path: str, token: str) -> int:
        """The status of a page behind the proxy, asked for by a program with `token`."""
        headers = {"Authorization": f"token {token}"}
        return self.client.get(f"http://127.0.0.1:{self.public}{path}", headers=headers).status_code

    def can_sign_in(self, username: str) -> bool:
        with httpx.Client(base_url=f"http://127.0.0.1:{self.public}", trust_env=False, timeout=30) as browser:
            browser.get("/hub/login")
            form = {"username": username, "password": "any", "_xsrf": browser.cookies["_xsrf"]}
            return browser.post("/hub/login", data=form).status_code == 302

    def empty(self) -> None:
        """Make the hub as it was at the first start."""
        for user in self.look("/users"):
            for name in user["servers"]:
                self.stop(user["name"], name)
            self.look(f"/users/{user['name']}", "DELETE")
        for group in self.groups.keys() - {ADMINISTRATORS}:  # with the group its role would go, until the hub restarts
            self.look(f"/groups/{group}", "DELETE")

    def stop(self, username: str, server: str = "") -> None:
        path = f"/users/{username}"
        wait_for("the end of starting", lambda: not self.look(path)["servers"].get(server, {}).get("pending"))
        if server in self.look(path)["servers"]:
            self.look(f"{path}/servers/{server}" if server else f"{path}/server", "DELETE")
        wait_for("the server's stop", lambda: server not in self.look(path)["servers"])

    def close(self) -> None:
        try:
            if self.hub is not None and self.hub.poll() is None:
                self.empty()
        finally:
            for process in (self.hub, self.proxy):
                if process is not None and process.poll() is None:
                    process.terminate()
                    process.wait(timeout=20)
            self.client.close()
            self.log.close()


class Wire(httpx.HTTPTransport):
    """The wire to the hub; notes every call that could change something."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []
        self.changes: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        (self.reads if request.method == "GET" else self.changes).append(f"{request.method} {request.url.path}")
        return super().handle_request(request)
