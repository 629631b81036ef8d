"""The server extension in a real JupyterLab: who may ask it, what it says, what it reports of the kernels."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from lab_process import ROOT, LabProcess
from lease_portal import TOKEN, LeasePortal
from waiting import wait_for
from websocket import create_connection

from lab_side import LABEXTENSIONS

StartLab = Callable[..., LabProcess]
InUse = tuple[LabProcess, LeasePortal]
EXTENSION = LABEXTENSIONS / "@bitgoeul" / "lease"


def federated(lab: LabProcess) -> list[str]:
    """The names of the extensions that the page loads."""
    found = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', lab.client.get("/lab").text, re.DOTALL)
    assert found
    return [extension["name"] for extension in json.loads(found.group(1))["federated_extensions"]]


def test_a_learner_s_page_is_told_of_the_lease(lab_in_use: InUse) -> None:
    lab, portal = lab_in_use
    told = wait_for("the first answer", lambda: (told := lab.lease())["on"] and told)
    assert told["lease"].pop("left") in range(600, 841)
    assert told["lease"] == {"id": 17, "kind": "1g.18gb", "in_class": True}
    assert [one["id"] for one in told["notices"]] == ["lease-17-idle", "lease-17-ends"]
    assert (told["waiting_url"], told["hardware_url"]) == ("/services/portal/waiting", "/services/portal/hardware")
    assert portal.refused == []
    assert "@bitgoeul/lease" in federated(lab)


def test_a_stranger_is_told_nothing(lab_in_use: InUse) -> None:
    answer = httpx.get(f"{lab_in_use[0].url}/bitgoeul/lease", trust_env=False)
    assert answer.status_code == 403
    assert "lease" not in answer.json()


def test_a_page_that_asks_keeps_no_idle_server_alive(lab_in_use: InUse) -> None:
    lab, _ = lab_in_use

    def last_activity() -> str:
        found: str = lab.client.get("/api/status").json()["last_activity"]
        return found

    before = last_activity()
    lab.lease()
    assert last_activity() == before


def test_a_kernel_that_computes_is_reported(lab_in_use: InUse) -> None:
    lab, portal = lab_in_use
    wait_for("a report without kernels", lambda: portal.activity)
    assert portal.activity[0]["busy_kernels"] == 0
    kernel = lab.client.post("/api/kernels", json={"name": "python3"}).json()["id"]
    address = f"ws://127.0.0.1:{lab.port}/user/minji/api/kernels/{kernel}/channels?token={lab.secret}"
    channels = create_connection(address, suppress_origin=True)
    channels.send(json.dumps(execute("import time; time.sleep(60)")))
    wait_for("a report of the busy kernel", lambda: portal.activity[-1]["busy_kernels"] == 1, 60)
    channels.close()
    assert lab.client.delete(f"/api/kernels/{kernel}").status_code == 204


def execute(code: str) -> dict[str, Any]:
    header = {"msg_id": "1", "msg_type": "execute_request", "session": "s", "username": "", "version": "5.3"}
    return {
        "channel": "shell",
        "header": header | {"date": "2026-11-28T12:00:00Z"},
        "parent_header": {},
        "metadata": {},
        "content": {"code": code, "silent": False, "store_history": False, "user_expressions": {}},
    }


def test_an_older_portal_leaves_the_lab_silent(portal: LeasePortal, start_lab: StartLab) -> None:
    portal.status = 404
    lab = start_lab()
    wait_for("the first question", lambda: portal.asked)
    wait_for("the page is told to ask seldom", lambda: lab.lease() == {"on": False, "again": 300.0})
    assert portal.activity == []


def test_a_portal_that_hangs_delays_no_lab_and_no_page(start_lab: StartLab, unused_port: int) -> None:
    with socket.create_server(("127.0.0.1", unused_port)):  # takes connections, and answers none
        lab = start_lab(portal_url=f"http://127.0.0.1:{unused_port}/services/portal")
        before = time.monotonic()
        assert lab.lease()["on"] is False
        assert lab.client.get("/api/status").status_code == 200
        assert time.monotonic() - before < 5


def test_a_grading_server_has_nothing_of_it(portal: LeasePortal, start_lab: StartLab) -> None:
    lab = start_lab(offering="jc-2026-1-python-data")
    assert lab.client.get("/bitgoeul/lease").status_code == 404
    assert "@bitgoeul/lease" not in federated(lab)
    assert portal.asked == []


def test_loading_it_imports_nothing_but_its_own_two_modules() -> None:
    """A lab's start pays for the address alone; what asks the portal is imported when the server listens."""
    program = (
        "import sys, jupyter_server.serverapp; before = set(sys.modules); import lab_side, lab_side.extension; "
        "print(sorted(set(sys.modules) - before))"
    )
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "['lab_side', 'lab_side.extension']"


def test_browsers_fetch_the_extension_anew_when_it_has_changed() -> None:
    """They keep it for good under an address, so the address carries a digest of the files."""
    package = json.loads((EXTENSION / "package.json").read_text())
    files = sorted(path for path in Path(EXTENSION / "static").iterdir())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]
    assert package["jupyterlab"]["_build"]["load"] == f"static/remoteEntry.js?v={digest}", "write this digest there"


def test_it_asks_nothing_of_other_hosts() -> None:
    texts = {path.name: path.read_text() for path in (EXTENSION / "static").iterdir()}
    assert [name for name, text in texts.items() if "://" in text] == []


def test_the_token_stays_out_of_the_log_and_the_page(portal: LeasePortal, start_lab: StartLab) -> None:
    portal.status = 503
    lab = start_lab()
    wait_for("the first question", lambda: portal.asked)
    assert TOKEN not in json.dumps(lab.lease())
    wait_for("the log tells of it", lambda: "No news of the GPU lease" in lab.said())
    assert TOKEN not in lab.said()
