"""A campus whose labs are containers of an engine of its own: real proxy, hub and portal on the engine's machine.

Hub and portal listen at the gateway of the labs' network, as on a machine without Compose. What is lent are slices that
the hardware file declares; the engine only believes that it has them.
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
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from campus_books import WALK_INS, Books, write_hardware
from campus_process import is_in_step
from container_lab import Lab
from own_engine import OwnEngine
from waiting import wait_for

from cohorts.models import Role
from portal.campus_tree import Addresses, build_environment, prepare_data
from portal.demo import demo_password

ROOT = Path(__file__).resolve().parents[2]
PROXY = ROOT / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
IMAGE = os.environ.get("BITGOEUL_TEST_LAB", "bitgoeul-lab-cpu")  # or the large bitgoeul-lab-gpu, where it was built
GATEWAY = "10.213.0.1"
PUBLIC, HUB, PORTAL, PROXY_API = 8000, 8081, 8010, 8001
DEVICES = {"GPU-11111111-aaaa", "MIG-22222222-bbbb"}
USUAL = {"image": IMAGE, "memory": "1G", "cpus": 1, "shm": "64M", "pids": 256}
PROFILES: dict[str, dict[str, Any]] = {
    "cpu": {**USUAL, "title": {"ko": "CPU", "en": "CPU"}},
    "gpu-slice": {**USUAL, "title": {"ko": "GPU 조각", "en": "GPU slice"}, "kind": "GPU"},
    "slow": {**USUAL, "title": {"ko": "느린 CPU", "en": "Slow CPU"}, "cpus": 0.2},
    "absent": {**USUAL, "title": {"ko": "없는 이미지", "en": "No image"}, "image": "bitgoeul-no-such-image"},
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
    #: who the hub is, besides root: an account that may read this test's Python wherever it lies, and no more
    account: int | None = None
    _programs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        prepare_data(self.data)
        self.lease_token = secrets.token_hex(32)
        self.environment = build_environment(
            os.environ, self.data, Addresses(self.engine.address, PUBLIC, HUB, PORTAL, PROXY_API)
        ) | {
            "DOCKER_HOST": self.engine.host,
            "BITGOEUL_SPAWNER": "docker",
            "BITGOEUL_CAMPUS": "test",
            "BITGOEUL_LEASE_TOKEN": self.lease_token,
            "BITGOEUL_HUB_LISTEN": GATEWAY,
            "BITGOEUL_HUB_API_URL": f"http://{GATEWAY}:{HUB}/hub/api",
            "BITGOEUL_PORTAL_URL": f"http://{GATEWAY}:{PORTAL}/services/portal",
            "BITGOEUL_ADMINS": "boss",
            "PYTHONPATH": str(ROOT),
            **self.settings,
        }
        self._declare({})
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
        return self._log_of("hub")

    @property
    def portal_log(self) -> str:
        return self._log_of("portal")

    def _log_of(self, program: str) -> str:
        return (self.data / "logs" / f"{program}.log").read_text(errors="replace")

    @cached_property
    def books(self) -> Books:
        """The campus's own records."""
        return Books(self.environment["BITGOEUL_DATABASE_URL"])

    def told(self, lease: int | str, what: str) -> int:
        """How often the hub told the portal that the server of that lease is `running`, or has `ended`."""
        return self.portal_log.count(f"POST /services/portal/api/gpus/leases/{lease}/{what} 200 ")

    def change_hardware(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Lend PROFILES, with these changes by name: write the file, and start the portal anew, which reads it then."""
        self._declare(changes)
        self._end("portal")
        self.start_portal()

    def _declare(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        profiles = [{"name": name, **profile, **changes.get(name, {})} for name, profile in PROFILES.items()]
        slices = [{"device": device, "kind": "GPU"} for device in sorted(DEVICES)]
        nodes = [{"name": "node1", "slices": slices}]
        write_hardware(self.data, {"profiles": profiles, "nodes": nodes, "rules": {"answer": "30s"}})

    def start(self) -> None:
        """The network, the fence, then everything. A portal that finds no hub asks less and less often."""
        self.start_around()
        self.start_hub()
        self.start_portal()

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

    def start_portal(self) -> None:
        self._run("portal", sys.executable, "-m", "portal.server", "--host", GATEWAY, "--port", str(PORTAL))

        def in_step() -> bool:
            assert self._programs["portal"].poll() is None, self.portal_log[-4000:]
            return is_in_step(f"{self.url}/services/portal")

        wait_for("the portal is in step with the hub", in_step, 240)

    def _run(self, name: str, *command: str, cwd: str = "") -> None:
        with (self.data / "logs" / f"{name}.log").open("ab") as log:
            self._programs[name] = self.engine.inside(
                *command, env=self.environment, cwd=self.data / cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def stop(self) -> None:
        for name in ("hub", "portal", "proxy"):
            self._end(name)
        if "books" in self.__dict__:
            self.books.close()

    def _end(self, name: str) -> None:
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

    def enrol(self, *names: str, cohort: str = WALK_INS, role: Role = Role.STUDENT) -> None:
        """Put people on a roster; the hub needn't wait for the portal to tell it."""
        if new := self.books.enrol(names, cohort, role):
            answer = self.api("POST", "/users", {"usernames": new})
            assert answer.status_code in (201, 409), answer.text

    def add_offering(self, name: str) -> str:
        """Open a course, and wait until the hub has the user of its grading server, whose name is returned."""
        self.books.add_offering(name)
        grader = f"grading-{name}"

        def known() -> bool:
            group = self.api("GET", "/groups/grading-servers")
            return group.status_code == 200 and grader in group.json()["users"]

        wait_for(f"the hub knows {grader}", known)
        return grader

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

    def progress(self, name: str) -> list[dict[str, Any]]:
        """What the page of a start is told, to its end; nothing where the hub knows of no start."""
        url = f"{self.url}/hub/api/users/{name}/server/progress"
        headers = {"Authorization": f"token {self.token_of(name)}"}
        with httpx.stream("GET", url, headers=headers, timeout=120) as page:
            return [json.loads(line.removeprefix("data:")) for line in page.iter_lines() if line.startswith("data:")]

    def refusal(self, name: str, profile: str) -> tuple[int, str]:
        """The status and the words with which the hub doesn't start a lab: at once, or to whoever watches the start."""
        answer = self.ask_start(name, profile)
        if answer.status_code >= 400:
            return answer.status_code, str(answer.json()["message"])
        # between a start's failure and the end of what is put away after it, JupyterHub knows of no start at all
        last = wait_for("the hub's word on the start", lambda: self.progress(name), 30)[-1]
        assert last.get("failed"), last
        status = re.findall(rf"Not starting {name}'s server : (\d+) ", self.hub_log)[-1]
        return int(status), str(last["message"]).removeprefix("Spawn failed: ")

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

    def lease_of(self, name: str) -> int:
        """The lease that is written on somebody's lab."""
        return int(self.container_of(name)["Config"]["Labels"]["kr.bitgoeul.lease"])

    def container_of(self, name: str) -> dict[str, Any]:
        """All that the engine says of somebody's lab."""
        [one] = [one for one in self.containers() if one["Labels"]["kr.bitgoeul.user"] == name]
        found: dict[str, Any] = self.engine.api.inspect_container(one["Id"])
        return found
