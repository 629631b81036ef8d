"""Servers that really start under the real hub: what they are given, what they can do, and that they survive."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from waiting import wait_for

from cohorts.grading_server import ensure_grading_server
from cohorts.hub import GRADING_SERVERS, Hub
from hub_config.auth import demo_password

ROOT = Path(__file__).resolve().parents[2]

LEARNER = "sora"
OFFERING = "jc-2026-1-python-data"
GRADER = f"grading-{OFFERING}"


def is_alive(pid: int) -> bool:
    """Whether process `pid` runs; one that has ended and waits to be collected doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def start_and_wait(hub: Any, helpers: Any, name: str, body: Any = None) -> dict[str, Any]:
    """Start the server of `name` and wait until it is ready; the model of the server."""
    answer = hub.api("POST", f"/users/{name}/server", body, token=hub.token_of(name))
    assert answer.status_code in (201, 202), answer.text
    return wait_until_ready(hub, name)


def wait_until_ready(hub: Any, name: str) -> dict[str, Any]:
    """The model of the server of `name`, once it is ready."""
    token = hub.token_of(name)

    def ready() -> dict[str, Any] | None:
        model = hub.api("GET", f"/users/{name}", token=token).json()
        server = model["servers"].get("")
        if server is None:
            pytest.fail(f"the server of {name} is gone: {(hub.data / 'hub' / 'servers' / f'{name}.log').read_text()}")
        return server if server["ready"] else None

    server: dict[str, Any] = wait_for(f"the server of {name} is ready", ready, 120)
    return server


def ask_lab(hub: Any, name: str, path: str, *, method: str = "GET", body: Any = None) -> httpx.Response:
    """Ask the server of `name` with a token of `name`."""
    headers = {"Authorization": f"token {hub.token_of(name)}"}
    return httpx.request(method, f"{hub.url}/user/{name}{path}", headers=headers, json=body, timeout=30)


@pytest.fixture(scope="module")
def lab(demo_hub: Any, helpers: Any) -> Any:
    """A learner's server, running."""
    demo_hub.enrol(LEARNER)
    start_and_wait(demo_hub, helpers, LEARNER)
    return demo_hub


@pytest.fixture(scope="module")
def grading(demo_hub: Any) -> Iterator[Any]:
    """The grading server of an offering, started and shared by the portal's own code; and its staff."""
    shutil.copytree(ROOT / "tests" / "hub" / "offering", demo_hub.data / "offerings" / OFFERING)
    demo_hub.enrol("teacher", "outsider")
    with Hub(demo_hub.environment["BITGOEUL_HUB_API_URL"], demo_hub.environment["BITGOEUL_PORTAL_TOKEN"]) as hub:
        hub.create_users([GRADER])
        hub.create_group(GRADING_SERVERS, [GRADER])
        hub.create_group(f"formgrade-{OFFERING}", [GRADER, "teacher"])
        assert ensure_grading_server(hub, OFFERING, timeout=120) == f"/user/{GRADER}/"
        yield demo_hub


def environment_of(hub: Any, name: str) -> dict[str, str]:
    pairs = Path(f"/proc/{hub.lab_pid(name)}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if pair)


def page_config(hub: Any, name: str) -> dict[str, Any]:
    found = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', ask_lab(hub, name, "/lab").text, re.DOTALL)
    assert found
    config: dict[str, Any] = json.loads(found.group(1))
    return config


def walk_in(hub: Any, helpers: Any, who: str, path: str) -> httpx.Response:
    """Sign in as `who` in a browser and follow every redirect to `path`."""
    with hub.browser() as browser:
        helpers.sign_in(browser, who, demo_password(helpers.DEMO_SECRET, who))
        return browser.get(path, follow_redirects=True)


def test_a_server_s_environment_holds_no_secret_but_its_own_token(lab: Any) -> None:
    environment = environment_of(lab, LEARNER)
    secrets_of_the_campus = {
        value for name, value in lab.environment.items() if name.endswith(("_SECRET", "_TOKEN")) and value
    }
    assert len(secrets_of_the_campus) == 5
    assert not secrets_of_the_campus & set(environment.values())
    ours = {name for name in environment if name.startswith(("BITGOEUL_", "CONFIGPROXY_"))}
    assert ours == {"BITGOEUL_PORTAL_URL", "BITGOEUL_LOCALE"}
    assert environment["BITGOEUL_PORTAL_URL"] == lab.environment["BITGOEUL_PORTAL_URL"]
    assert environment["TZ"] == "Asia/Seoul"


def test_a_server_s_token_can_name_itself_to_the_portal_and_little_else(lab: Any) -> None:
    token = environment_of(lab, LEARNER)["JUPYTERHUB_API_TOKEN"]
    model = lab.api("GET", "/user", token=token).json()
    assert model["name"] == LEARNER
    assert "access:services!service=portal" in model["scopes"]
    assert not [scope for scope in model["scopes"] if "tokens" in scope or "start:servers" in scope]
    for method, path in [
        ("GET", "/users"),
        ("GET", "/groups"),
        ("POST", f"/users/{LEARNER}/tokens"),
        ("DELETE", f"/users/{LEARNER}/server"),
        ("POST", "/users/somebody-new"),
        ("GET", "/proxy"),
    ]:
        assert lab.api(method, path, token=token).status_code in (403, 404), path


def test_homes_and_logs_are_closed_to_other_accounts(lab: Any) -> None:
    home = lab.data / "homes" / LEARNER
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((lab.data / "hub" / "servers" / f"{LEARNER}.log").stat().st_mode) == 0o600
    assert stat.S_IMODE((lab.data / "hub" / "cookie_secret").stat().st_mode) == 0o600
    written = ask_lab(
        lab, LEARNER, "/api/contents/memo.txt", method="PUT", body={"type": "file", "format": "text", "content": "x"}
    )
    assert written.status_code == 201
    assert stat.S_IMODE((home / "memo.txt").stat().st_mode) == 0o600


def test_a_learner_gets_the_assignment_tools_and_not_the_instructors(lab: Any) -> None:
    for path, status in [
        ("/assignments?course_id=x", 200),
        ("/nbgrader_version?version=0.9.6", 200),
        ("/formgrader", 404),
        ("/formgraders", 404),
    ]:
        assert ask_lab(lab, LEARNER, path).status_code == status, path
    disabled = page_config(lab, LEARNER)["disabledExtensions"]
    assert {
        "@jupyter/nbgrader:formgrader",
        "@jupyter/nbgrader:course-list",
        "@jupyter/nbgrader:create-assignment",
    } <= set(disabled)


def test_jupyterlab_speaks_korean_and_installs_nothing_into_the_campus(lab: Any) -> None:
    setting = ask_lab(lab, LEARNER, "/lab/api/settings/@jupyterlab/translation-extension:plugin").json()
    assert setting["schema"]["properties"]["locale"]["default"] == "ko_KR"
    assert ask_lab(lab, LEARNER, "/lab/api/translations/ko_KR").json()["data"]
    assert page_config(lab, LEARNER)["extensionManager"]["can_install"] is False


def test_nbgrader_in_a_server_uses_the_portal_s_exchange(lab: Any) -> None:
    script = (
        "from nbgrader.apps import NbGrader; app = NbGrader(); app.load_config_file();"
        "from nbgrader.exchange import ExchangeFactory; from nbgrader.auth import Authenticator;"
        "factory = ExchangeFactory(config=app.config);"
        "print(*sorted(trait.__module__ for trait in factory.trait_values().values() if isinstance(trait, type)),"
        "Authenticator(config=app.config).plugin_class.__module__, app.config.Exchange.path_includes_course)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], env=environment_of(lab, LEARNER), capture_output=True, text=True, timeout=60
    )
    assert answer.returncode == 0, answer.stderr
    *modules, auth, with_course = answer.stdout.split()
    assert len(modules) == 8
    assert all(module.startswith("grader.exchange.") for module in modules)
    assert (auth, with_course) == ("grader.exchange.auth", "True")


def test_somebody_who_speaks_english_gets_an_english_lab(demo_hub: Any, helpers: Any) -> None:
    demo_hub.enrol("emma")
    start_and_wait(demo_hub, helpers, "emma", {"user_options": {"locale": "en"}})
    setting = ask_lab(demo_hub, "emma", "/lab/api/settings/@jupyterlab/translation-extension:plugin").json()
    assert setting["schema"]["properties"]["locale"]["default"] == "default"
    pid = demo_hub.lab_pid("emma")
    assert demo_hub.api("DELETE", "/users/emma/server", token=demo_hub.token_of("emma")).status_code in (202, 204)
    wait_for("the stopped server's process is gone", lambda: not is_alive(pid), 20)


def test_a_class_that_clicks_at_once_is_started_in_turn_and_nobody_is_sent_away(demo_hub: Any) -> None:
    names = ["first", "second", "third"]
    demo_hub.enrol(*names)
    tokens = [demo_hub.token_of(name) for name in names]
    answers = [
        demo_hub.api("POST", f"/users/{name}/server", token=token) for name, token in zip(names, tokens, strict=True)
    ]
    assert {answer.status_code for answer in answers} <= {201, 202}
    for name in names:
        wait_until_ready(demo_hub, name)
    began = [started_at(demo_hub.lab_pid(name)) for name in names]
    assert began == sorted(began)
    # one takes a second or more from its start until it listens, and the next one's start waits for that
    assert min(later - earlier for earlier, later in pairwise(began)) > 0.5
    for name in names:
        demo_hub.withdraw(name)


def started_at(pid: int) -> float:
    """When process `pid` was started, in seconds since the machine's own start (proc(5))."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")


def test_the_progress_of_a_start_is_told_in_both_languages(demo_hub: Any, helpers: Any) -> None:
    demo_hub.enrol("waiter")
    token = demo_hub.token_of("waiter")
    # the hub answers a start only when the server is up or slow, so it is asked on the side
    starter = threading.Thread(target=demo_hub.api, args=("POST", "/users/waiter/server"), kwargs={"token": token})
    starter.start()
    wait_for("the start begins", lambda: demo_hub.api("GET", "/users/waiter", token=token).json()["servers"])
    events = []
    with httpx.stream(
        "GET",
        demo_hub.environment["BITGOEUL_HUB_API_URL"] + "/users/waiter/server/progress",
        headers={"Authorization": f"token {token}"},
        timeout=120,
    ) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                events.append(json.loads(line.removeprefix("data:")))
    starter.join()
    assert events[-1].get("ready"), events
    told = [event for event in events if "lang=" in event.get("html_message", "")]
    percents = [event["progress"] for event in told]
    assert percents == sorted(percents)
    assert {10, 30} <= set(percents)
    assert "서버 프로그램을 시작했습니다" in told[1]["message"]
    assert "has started" in told[1]["message"]
    demo_hub.withdraw("waiter")


def test_a_server_that_dies_while_it_starts_is_told_at_once_and_its_last_words_are_logged(demo_hub: Any) -> None:
    demo_hub.enrol("unlucky")
    folder = demo_hub.data / "homes" / "unlucky" / ".jupyter"
    folder.mkdir(parents=True)
    (folder / "jupyter_server_config.py").write_text("raise SystemExit('the last words')\n")
    token = demo_hub.token_of("unlucky")
    answer = demo_hub.api("POST", "/users/unlucky/server", token=token)
    assert answer.status_code in (202, 500), answer.text  # whoever asks doesn't wait for longer than a moment
    told = demo_hub.api("GET", "/users/unlucky/server/progress", token=token).text
    assert answer.status_code == 500 or "stopped while it was starting" in told
    wait_for("the start is given up", lambda: "the last words" in demo_hub.log)


def test_a_killed_hub_finds_its_servers_again(lab: Any, helpers: Any) -> None:
    pid = lab.lab_pid(LEARNER)
    lab.kill_hub()
    assert is_alive(pid)
    assert ask_lab(lab, LEARNER, "/static/favicon.ico").status_code in (200, 403)
    lab.start_hub()
    server = lab.api("GET", f"/users/{LEARNER}").json()["servers"][""]
    assert server["ready"]
    assert lab.lab_pid(LEARNER) == pid
    assert ask_lab(lab, LEARNER, "/api/status").status_code == 200
    assert walk_in(lab, helpers, LEARNER, f"/user/{LEARNER}/lab").status_code == 200


def test_another_learner_can_t_enter_a_learner_s_server(lab: Any, helpers: Any) -> None:
    lab.enrol("outsider")
    answer = walk_in(lab, helpers, "outsider", f"/user/{LEARNER}/lab")
    assert answer.status_code == 403


def test_the_portal_s_token_opens_no_learner_s_server(lab: Any) -> None:
    portal = {"Authorization": f"token {lab.environment['BITGOEUL_PORTAL_TOKEN']}"}
    assert httpx.get(f"{lab.url}/user/{LEARNER}/api/contents", headers=portal, timeout=30).status_code == 403
    assert lab.api("POST", f"/users/{LEARNER}/tokens").status_code in (403, 404)


def test_an_administrator_can_t_look_into_a_learner_s_server(lab: Any, helpers: Any) -> None:
    assert walk_in(lab, helpers, "boss", f"/user/{LEARNER}/lab").status_code == 403


def test_staff_walk_into_the_grading_server_and_find_formgrader(grading: Any, helpers: Any) -> None:
    answer = walk_in(grading, helpers, "teacher", f"/user/{GRADER}/formgrader")
    assert answer.status_code == 200
    assert "Formgrader" in answer.text or "formgrader" in answer.text
    assert answer.headers["content-security-policy"].startswith("frame-ancestors 'self'")


def test_nobody_else_gets_into_the_grading_server(grading: Any, helpers: Any) -> None:
    assert walk_in(grading, helpers, "outsider", f"/user/{GRADER}/formgrader").status_code == 403
    assert walk_in(grading, helpers, "boss", f"/user/{GRADER}/formgrader").status_code == 403


def test_the_grading_server_works_in_the_offering_s_folder(grading: Any, helpers: Any) -> None:
    with grading.browser() as browser:
        helpers.sign_in(browser, "teacher", demo_password(helpers.DEMO_SECRET, "teacher"))
        browser.get(f"/user/{GRADER}/formgrader", follow_redirects=True)
        answer = browser.get(f"/user/{GRADER}/formgrader/api/assignments")
        assert answer.status_code == 200, answer.text
        assignments = answer.json()
    assert [assignment["name"] for assignment in assignments] == ["ps1"]
    environment = environment_of(grading, GRADER)
    assert environment["BITGOEUL_OFFERING"] == OFFERING
    assert environment["HOME"] == str(grading.data / "homes" / GRADER)
    assert (grading.data / "offerings" / OFFERING / "gradebook.db").exists()


def test_staff_who_are_no_longer_staff_don_t_get_in(grading: Any, helpers: Any) -> None:
    grading.enrol("former")
    with Hub(grading.environment["BITGOEUL_HUB_API_URL"], grading.environment["BITGOEUL_PORTAL_TOKEN"]) as hub:
        hub.share_server(GRADER, user="former", scopes=["access:servers"])
        assert walk_in(grading, helpers, "former", f"/user/{GRADER}/formgrader").status_code == 200
        hub.unshare_server(GRADER, user="former")
    assert walk_in(grading, helpers, "former", f"/user/{GRADER}/formgrader").status_code == 403


def test_a_grading_server_without_its_folder_says_what_to_do(demo_hub: Any) -> None:
    with Hub(demo_hub.environment["BITGOEUL_HUB_API_URL"], demo_hub.environment["BITGOEUL_PORTAL_TOKEN"]) as hub:
        hub.create_users(["grading-nowhere"])
        hub.create_group("formgrade-nowhere", ["grading-nowhere"])
        if GRADING_SERVERS not in hub.groups():
            hub.create_group(GRADING_SERVERS, [])
        hub.add_to_group(GRADING_SERVERS, ["grading-nowhere"])
        answer = demo_hub.api("POST", "/users/grading-nowhere/server")
    assert answer.status_code == 409
    assert "folder of the course" in answer.text


def test_a_hub_that_is_asked_to_stop_takes_its_servers_along(lab: Any, helpers: Any) -> None:
    pid = lab.lab_pid(LEARNER)
    assert lab.stop_hub() == 0
    wait_for("the server is gone with its hub", lambda: not is_alive(pid), 20)
    lab.start_hub()
