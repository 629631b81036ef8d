"""What the hub writes down, and who reads its figures: a real hub, started as for a site that collects both."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from waiting import wait_for

TOKEN = secrets.token_hex(32)
LEASE_TOKEN = secrets.token_hex(32)
LEASED = """
c.CampusLocalProcessSpawner.portal_url_of_hub = "{url}"
c.CampusLocalProcessSpawner.lease_token = "{token}"
"""


class Refusing(BaseHTTPRequestHandler):
    """Stands where the portal grants hardware: says no, and remembers what it was asked."""

    asked: list[tuple[str, dict[str, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.headers.get("X-Request-ID", ""), body))
        answer = json.dumps({"error": "Your hours are used up.", "error_ko": "시간을 모두 썼습니다."}).encode()
        self.send_response(403)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture(scope="module")
def asked() -> list[tuple[str, dict[str, Any]]]:
    return []


@pytest.fixture(scope="module")
def hub(
    tmp_path_factory: pytest.TempPathFactory, helpers: Any, asked: list[tuple[str, dict[str, Any]]]
) -> Iterator[Any]:
    handler = type("Handler", (Refusing,), {"asked": asked})
    portal = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=portal.serve_forever, daemon=True).start()
    data = tmp_path_factory.mktemp("told-campus")
    (data / "jupyterhub_config.d").mkdir()
    addition = LEASED.format(url=f"http://127.0.0.1:{portal.server_port}", token=LEASE_TOKEN)
    (data / "jupyterhub_config.d" / "10-leased.py").write_text(addition)
    environment = helpers.environment_of_a_campus(data, BITGOEUL_LOG_FORMAT="json", BITGOEUL_METRICS_TOKEN=TOKEN)
    live = helpers.LiveHub(data, environment)
    try:
        live.start()
        live.enrol("minji", "dohyun", "sora")
        yield live
    finally:
        live.stop()
        portal.shutdown()
        portal.server_close()


def start(hub: Any, name: str, body: Any = None) -> None:
    """Ask for a server that will be refused, as the person's own program does."""
    hub.api("POST", f"/users/{name}/server", body, token=hub.token_of(name))


def told(hub: Any, word: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = wait_for(
        f"a line with {word}", lambda: [json.loads(line) for line in hub.log.splitlines() if word in line]
    )
    return found


def test_the_id_of_a_click_goes_through_hub_and_spawner_to_the_portal(hub: Any, asked: list[Any]) -> None:
    start(hub, "minji", {"user_options": {"request": "click-0001"}})
    header, body = wait_for("the portal is asked", lambda: [one for one in asked if one[1]["username"] == "minji"])[0]
    assert (header, body["request"]) == ("click-0001", "click-0001")


def test_the_next_start_of_the_same_person_has_an_id_of_its_own(hub: Any, asked: list[Any]) -> None:
    def requests() -> list[str]:
        return [body["request"] for _, body in asked if body["username"] == "dohyun"]

    start(hub, "dohyun", {"user_options": {"request": "click-0002"}})
    wait_for("the first is asked for", lambda: len(requests()) == 1)
    wait_for("the first has failed", lambda: not hub.api("GET", "/users/dohyun").json()["servers"])
    start(hub, "dohyun")
    wait_for("the second is asked for", lambda: len(requests()) == 2)
    assert requests()[0] == "click-0002"
    assert requests()[1] != "click-0002"


def test_an_id_that_means_mischief_is_replaced(hub: Any, asked: list[Any]) -> None:
    start(hub, "sora", {"user_options": {"request": "x\n2026-01-01 forged"}})
    _, body = wait_for("the portal is asked", lambda: [one for one in asked if one[1]["username"] == "sora"])[0]
    assert len(body["request"]) == 12


def test_every_line_of_the_hub_is_an_object(hub: Any) -> None:
    httpx.get(f"{hub.url}/hub/login", trust_env=False)
    lines = [json.loads(line) for line in hub.log.splitlines()]
    assert {line["component"] for line in lines} == {"hub"}
    assert all({"time", "level", "logger", "message", "process"} <= line.keys() for line in lines)


def test_an_address_is_told_without_its_query(hub: Any) -> None:
    httpx.get(f"{hub.url}/hub/login?next=/hub/&word=s3cr3t", headers={"X-Request-ID": "click-0003"}, trust_env=False)
    (line,) = told(hub, "click-0003")
    assert (line["method"], line["path"], line["request"]) == ("GET", "/hub/login", "click-0003")
    assert "s3cr3t" not in hub.log


def test_no_secret_is_in_the_log(hub: Any) -> None:
    hub.token_of("minji")
    secrets_ = [value for name, value in hub.environment.items() if name.endswith(("_TOKEN", "_SECRET"))]
    assert len(secrets_) >= 4
    assert [value for value in (*secrets_, TOKEN, LEASE_TOKEN) if value in hub.log] == []


def test_the_metrics_token_reads_the_hubs_figures_and_nothing_else(hub: Any) -> None:
    with httpx.Client(headers={"Authorization": f"token {TOKEN}"}, trust_env=False) as prometheus:
        answer = prometheus.get(f"{hub.url}/hub/metrics")
        assert answer.status_code == 200
        assert "jupyterhub_running_servers" in answer.text
        for path in ("/users", "/groups", "/services", "/proxy"):
            assert prometheus.get(hub.environment["BITGOEUL_HUB_API_URL"] + path).status_code == 403


@pytest.mark.parametrize("token", ["", "wrong"])
def test_without_the_token_nobody_reads_the_hubs_figures(hub: Any, token: str) -> None:
    headers = {"Authorization": f"token {token}"} if token else {}
    assert httpx.get(f"{hub.url}/hub/metrics", headers=headers, trust_env=False).status_code == 403
