"""A real campus for tests: `bitgoeul up` in a process of its own, and people who sign in to it over HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from processes import command_line, descendants, running
from waiting import wait_for

from portal.demo import demo_password
from portal.supervisor import children_of

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120


@dataclass
class CampusAddress:
    """A campus with demonstration passwords as people reach it, whatever it runs on."""

    data: Path
    port: int
    host: str = "127.0.0.1"
    people: list[Person] = field(default_factory=list, kw_only=True)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def portal(self) -> str:
        return f"{self.url}/services/portal"

    def secret(self, name: str) -> str:
        return (self.data / "secrets" / name).read_text().strip()

    def password(self, username: str) -> str:
        return demo_password(self.secret("demo_secret"), username)

    def sign_in(self, username: str, password: str | None = None) -> Person:
        return Person(self, username).sign_in(password)

    def is_open(self) -> bool:
        """Whether people can come in."""
        return is_in_step(self.portal)

    def forget_people(self) -> None:
        """Close everybody's browser."""
        for person in self.people:
            person.http.close()
        self.people.clear()


def is_in_step(portal: str) -> bool:
    """Whether the portal at that address answers, and agrees with the hub."""
    try:
        health = httpx.get(f"{portal}/api/health", timeout=5)
        return health.status_code == 200 and bool(health.json().get("hub") == "in step")
    except (httpx.HTTPError, ValueError):
        return False


def initialize(campus: CampusAddress, settings: Mapping[str, str]) -> None:
    """`bitgoeul init` for a campus in containers, and the lines that its site adds to its settings."""
    command = ["init", "--data", str(campus.data), "--public-url", campus.url, "--admin", "admin"]
    done = subprocess.run(
        [sys.executable, "-m", "portal.cli", *command],
        cwd=campus.data.parent,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    with (campus.data / "bitgoeul.env").open("a", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in settings.items())


@dataclass
class Campus(CampusAddress):
    """A campus on a data folder and a port; start and stop as often as wanted."""

    environment: dict[str, str] = field(default_factory=dict, kw_only=True)
    demo: bool = field(default=True, kw_only=True)
    process: subprocess.Popen[bytes] | None = field(default=None, kw_only=True)

    def start(self) -> float:
        """Start it and return how many seconds it took until it said that it is open."""
        began = time.monotonic()
        self.data.mkdir(parents=True, exist_ok=True)
        output = self.data / "up.log"
        environment = {**os.environ, **self.environment, "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-m", "portal.cli", "up", "--data", str(self.data), "--port", str(self.port)]
        with output.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *(["--demo"] if self.demo else [])],
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

        def is_open() -> bool:
            assert self.process is not None
            said = output.read_text()
            assert self.process.poll() is None, f"the campus stopped at its start:\n{said}\n{self.last_words()}"
            return "Ctrl-C" in said  # the last line it prints

        wait_for("the campus's start", is_open, START_SECONDS)
        return time.monotonic() - began

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop it as Ctrl-C does, and fail if a process of its tree is left."""
        self.forget_people()
        if self.process is None:
            return
        family = descendants(self.process.pid)
        self.process.send_signal(number)
        self.process.wait(60)
        self.process = None
        left = [pid for pid in family if running(pid)]
        assert left == [], f"left behind: {[command_line(pid) for pid in left]}"

    def said(self) -> str:
        return (self.data / "up.log").read_text()

    def last_words(self) -> str:
        texts = [f"--- {path.name}\n" + path.read_text()[-3000:] for path in sorted((self.data / "logs").glob("*.log"))]
        return "\n".join(texts)

    def pid_of(self, name: str) -> int:
        """Process id of `proxy`, `hub`, `portal` or `grader`."""
        assert self.process is not None
        marks = {
            "proxy": "configurable-http-proxy",
            "hub": "jupyterhub_config.py",
            "portal": "portal.server",
            "grader": "worker",
        }
        for pid in children_of(self.process.pid):
            if marks[name] in command_line(pid) and running(pid):
                return pid
        raise AssertionError(f"no {name} runs")

    def kill(self, name: str) -> int:
        """kill -9 a part of the campus; the supervisor starts it again."""
        pid = self.pid_of(name)
        os.kill(pid, signal.SIGKILL)
        return pid


class Person:
    """Somebody at a browser: cookies, the hub's XSRF token, and an API token for what pages do not need."""

    def __init__(self, campus: CampusAddress, username: str) -> None:
        self.campus = campus
        self.username = username
        self.http = httpx.Client(base_url=campus.url, follow_redirects=True, timeout=60)
        campus.people.append(self)
        self.token = ""

    def sign_in(self, password: str | None = None) -> Person:
        """Through the hub's own form; then a token for the API calls."""
        page = self.http.get("/hub/login")
        answer = self.http.post(
            "/hub/login",
            data={
                "username": self.username,
                "password": password or self.campus.password(self.username),
                "_xsrf": self._xsrf(page.text),
            },
        )
        assert answer.status_code == 200, f"{self.username} was not let in: {answer.status_code} {answer.text[:500]}"
        answer = self.http.post(
            f"/hub/api/users/{self.username}/tokens",
            json={"note": "test", "expires_in": 3600},
            headers={"X-XSRFToken": self.http.cookies.get("_xsrf", path="/hub/") or "", "Referer": self.campus.url},
        )
        assert answer.status_code == 201, answer.text
        self.token = answer.json()["token"]
        return self

    @staticmethod
    def _xsrf(page: str) -> str:
        found = re.search(r'name="_xsrf" value="([^"]+)"', page)
        assert found, page[:1000]
        return found.group(1)

    def api(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A call to the portal's JSON API, `path` below /services/portal/api."""
        headers = {"Authorization": f"token {self.token}", **options.pop("headers", {})}
        return httpx.request(method, f"{self.campus.portal}/api{path}", headers=headers, timeout=300, **options)

    def hub(self, method: str, path: str, **options: Any) -> httpx.Response:
        """A call to the hub's REST API, `path` below /hub/api."""
        headers = {"Authorization": f"token {self.token}"}
        return httpx.request(method, f"{self.campus.url}/hub/api{path}", headers=headers, timeout=60, **options)


class Lab:
    """A running single-user server, spoken to as its JupyterLab does: nbgrader's buttons and the contents API."""

    def __init__(self, person: Person, owner: str | None = None) -> None:
        self.person = person
        self.owner = owner or person.username

    def start(self) -> Lab:
        answer = self.person.hub("POST", f"/users/{self.owner}/server", json={})
        assert answer.status_code in (201, 202), answer.text
        self.wait_ready()
        return self

    def wait_ready(self) -> None:
        def ready() -> bool:
            answer = self.person.hub("GET", f"/users/{self.owner}")
            return bool(answer.json().get("servers", {}).get("", {}).get("ready"))

        wait_for(f"the start of {self.owner}'s server", ready, 120)

    def stop(self) -> None:
        answer = self.person.hub("DELETE", f"/users/{self.owner}/server")
        assert answer.status_code in (202, 204), answer.text

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"token {self.person.token}"}
        url = f"{self.person.campus.url}/user/{self.owner}{path}"
        return httpx.request(method, url, headers=headers, timeout=120, **options)

    def assignments(self, course: str) -> list[dict[str, Any]]:
        """What the Assignment List panel shows for `course`."""
        answer = self.call("GET", "/assignments", params={"course_id": course})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["success"], body
        found: list[dict[str, Any]] = body["value"]
        return found

    def press(self, button: str, course: str, assignment: str) -> dict[str, Any]:
        """Press `fetch`, `submit` or `fetch_feedback` in the Assignment List."""
        answer = self.call("POST", f"/assignments/{button}", data={"course_id": course, "assignment_id": assignment})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def read_notebook(self, path: str) -> dict[str, Any]:
        answer = self.call("GET", f"/api/contents/{path}", params={"type": "notebook"})
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()["content"]
        return content

    def write_notebook(self, path: str, content: dict[str, Any]) -> None:
        answer = self.call("PUT", f"/api/contents/{path}", json={"type": "notebook", "content": content})
        assert answer.status_code in (200, 201), answer.text


def copy_of(notebook: dict[str, Any]) -> dict[str, Any]:
    copied: dict[str, Any] = json.loads(json.dumps(notebook))
    return copied
