"""A live hub for tests: the real proxy and the real jupyterhub with the real jupyterhub_config.py, on free ports."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from ports import free_port
from waiting import wait_for

from hub_config.auth import demo_password

ROOT = Path(__file__).resolve().parents[2]
PROXY = ROOT / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
DEMO_SECRET = secrets.token_hex(32)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def environment_of_a_campus(data: Path, **overrides: str) -> dict[str, str]:
    """What the campus's supervisor would give the hub, with every address free and every secret random."""
    environment = {
        "BITGOEUL_DATA": str(data),
        "BITGOEUL_PUBLIC_URL": f"http://127.0.0.1:{free_port()}",
        "BITGOEUL_HUB_API_URL": f"http://127.0.0.1:{free_port()}/hub/api",
        "BITGOEUL_PORTAL_URL": f"http://127.0.0.1:{free_port()}/services/portal",
        "BITGOEUL_PORTAL_TOKEN": secrets.token_hex(32),
        "BITGOEUL_PROXY_API_URL": f"http://127.0.0.1:{free_port()}",
        "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(32),
        "BITGOEUL_DEMO_SECRET": DEMO_SECRET,
        "BITGOEUL_SESSION_SECRET": secrets.token_hex(32),
        "BITGOEUL_METRICS_TOKEN": secrets.token_hex(32),
        "BITGOEUL_ADMINS": "boss",
    }
    return environment | overrides


class Portal(BaseHTTPRequestHandler):
    """Stands where the portal listens: an exchange in which there is nothing yet."""

    def do_GET(self) -> None:
        body = b'{"courses": [], "assignments": [], "attempts": [], "feedback": []}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return


@dataclass
class LiveHub:
    """A proxy and a hub as processes. `kill_hub` is a crash, `stop` a polite end."""

    data: Path
    environment: dict[str, str]
    _proxy: subprocess.Popen[bytes] | None = None
    _portal: ThreadingHTTPServer | None = None
    _hub: subprocess.Popen[bytes] | None = None
    _tokens: dict[str, str] = field(default_factory=dict)
    strays: set[int] = field(default_factory=set)

    @property
    def url(self) -> str:
        return self.environment["BITGOEUL_PUBLIC_URL"]

    @property
    def log(self) -> str:
        return (self.data / "hub.log").read_text(errors="replace")

    @property
    def hub_pid(self) -> int:
        assert self._hub is not None
        return self._hub.pid

    def start(self) -> None:
        (self.data / "hub").mkdir(parents=True, exist_ok=True)
        self._listen_for_the_portal()
        public, api = (
            self.environment[name].rsplit(":", 1)[1] for name in ("BITGOEUL_PUBLIC_URL", "BITGOEUL_PROXY_API_URL")
        )
        self._proxy = subprocess.Popen(
            [
                *(shutil.which("node") or "node", str(PROXY), "--ip", "127.0.0.1", "--port", public),
                *("--api-ip", "127.0.0.1", "--api-port", api, "--log-level", "warn"),
                *("--error-target", self.environment["BITGOEUL_HUB_API_URL"].removesuffix("/api") + "/error"),
            ],
            env={"PATH": os.environ["PATH"], "CONFIGPROXY_AUTH_TOKEN": self.environment["CONFIGPROXY_AUTH_TOKEN"]},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.start_hub()

    def _listen_for_the_portal(self) -> None:
        """Something has to answer where the portal would be, or the hub waits for it at every start."""
        port = int(self.environment["BITGOEUL_PORTAL_URL"].split(":")[2].split("/")[0])
        self._portal = ThreadingHTTPServer(("127.0.0.1", port), Portal)
        threading.Thread(target=self._portal.serve_forever, daemon=True).start()

    def start_hub(self) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BITGOEUL_")}
        with (self.data / "hub.log").open("ab") as log:
            self._hub = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", str(ROOT / "jupyterhub_config.py")],
                env=inherited | self.environment,
                cwd=self.data / "hub",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_for_hub()

    def wait_for_hub(self) -> None:
        def up() -> bool:
            if self._hub is not None and self._hub.poll() is not None:
                pytest.fail(f"the hub stopped with status {self._hub.returncode}:\n{self.log[-4000:]}")
            return answers(f"{self.url}/hub/api/")

        wait_for("the hub answers through the proxy", up)

    def kill_hub(self) -> None:
        """End the hub the way a power cut does."""
        assert self._hub is not None
        self._hub.kill()
        self._hub.wait()

    def stop_hub(self) -> int:
        """End the hub the way the supervisor does; its exit status."""
        assert self._hub is not None
        self._hub.terminate()
        return self._hub.wait(60)

    def stop(self) -> None:
        if self._portal is not None:
            self._portal.shutdown()
            self._portal.server_close()
        for process in (self._hub, self._proxy):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        for pid in self.strays:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def api(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> httpx.Response:
        """Ask the hub's REST API, as the portal unless another token is given."""
        token = token or self.environment["BITGOEUL_PORTAL_TOKEN"]
        return httpx.request(
            method,
            self.environment["BITGOEUL_HUB_API_URL"] + path,
            json=body,
            headers={"Authorization": f"token {token}"},
            timeout=30,
        )

    def enrol(self, *names: str) -> None:
        """Put people on a roster, as the portal's sync does: by creating hub users."""
        assert self.api("POST", "/users", {"usernames": list(names)}).status_code in (201, 409)

    def token_of(self, name: str) -> str:
        """A token of one's own, as a person makes one on the hub's token page after signing in."""
        if name not in self._tokens:
            with self.browser() as browser:
                assert sign_in(browser, name, demo_password(DEMO_SECRET, name)).status_code == 302
                page = browser.get("/hub/token").text
                xsrf = re.search(r'xsrf_token: "([^"]+)"', page)
                assert xsrf, page[:1000]
                answer = browser.post(f"/hub/api/users/{name}/tokens", json={}, headers={"X-XSRFToken": xsrf.group(1)})
                assert answer.status_code == 201, answer.text
                self._tokens[name] = answer.json()["token"]
        return self._tokens[name]

    def withdraw(self, name: str) -> None:
        assert self.api("DELETE", f"/users/{name}").status_code == 204

    def browser(self) -> httpx.Client:
        """A browser without cookies at the campus's address; follows no redirect by itself."""
        return httpx.Client(base_url=self.url, timeout=30)

    def lab_pid(self, name: str) -> int:
        """The process id of the server of `name`."""
        marker = f"JUPYTERHUB_USER={name}".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if (
                        marker in (entry / "environ").read_bytes().split(b"\0")
                        and b"hub_config.lab.start" in (entry / "cmdline").read_bytes()
                    ):
                        self.strays.add(int(entry.name))
                        return int(entry.name)
                except OSError:
                    continue
        pytest.fail(f"no server of {name} runs")


def sign_in_form(page: httpx.Response) -> dict[str, str]:
    """The hidden fields of the login page."""
    found = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
    assert found, page.text[:2000]
    return {"_xsrf": found.group(1)}


def sign_in(browser: httpx.Client, username: str, password: str) -> httpx.Response:
    """Fill in the demonstration's login form and send it."""
    fields = sign_in_form(browser.get("/hub/login"))
    return browser.post("/hub/login", data={**fields, "username": username, "password": password})


@pytest.fixture(scope="session")
def demo_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHub]:
    """A hub with demonstration passwords."""
    data = tmp_path_factory.mktemp("demo-campus")
    hub = LiveHub(data, environment_of_a_campus(data, BITGOEUL_LAB_STARTS="1"))
    try:
        hub.start()
        yield hub
    finally:
        hub.stop()


@pytest.fixture(scope="session")
def helpers() -> Any:
    """The functions above, for test modules."""
    return sys.modules[__name__]
