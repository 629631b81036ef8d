"""The JupyterLab buttons: nbgrader's own server extensions, unmodified, in a real Jupyter server with the plugin.

Once as nbgrader loads them, once as the campus's servers do: by the first request.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from exchange_campus import COURSE, NOTEBOOK, Lab, TestCampus, days, source_notebook

import hub_config
from grader import archive

MakeLab = Callable[..., Lab]
EXTENSIONS = ("assignment_list", "validate_assignment")
PACKAGES = {"at the start": "nbgrader.server_extensions", "on request": "hub_config.lab"}
SECRET = "a-token-of-the-jupyter-server"


class Jupyter:
    """A running single-user server; `get` and `post` are what the Assignment List sends."""

    def __init__(self, lab: Lab, port: int, package: str) -> None:
        self.home = lab.home
        enabled = {f"{one}.{name}": one == package for name in EXTENSIONS for one in PACKAGES.values()}
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"token {SECRET}"}, timeout=120
        )
        self.log = (lab.home.parent / "jupyter.log").open("w+")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyter_server",
                f"--port={port}",
                "--no-browser",
                "--allow-root",
                f"--IdentityProvider.token={SECRET}",
                f"--ServerApp.jpserver_extensions={enabled}",
                "--ServerApp.ip=127.0.0.1",
                "--ServerApp.port_retries=0",
            ],
            cwd=lab.home,
            env=lab.environment | {"PYTHONPATH": str(Path(hub_config.__file__).parents[1])},
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + 60
        while not self.answers():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)

    def answers(self) -> bool:
        try:
            return self.client.get("/api/status").status_code == 200
        except httpx.TransportError:
            return False

    def said(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def assignments(self, status: str) -> list[dict[str, Any]]:
        answer = self.client.get("/assignments", params={"course_id": COURSE}).json()
        assert answer["success"], answer
        return [entry for entry in answer["value"] if entry["status"] == status]

    def press(self, button: str) -> dict[str, Any]:
        told = {"course_id": COURSE, "assignment_id": "ps1"}
        pressed: dict[str, Any] = self.client.post(f"/assignments/{button}", json=told).json()
        return pressed

    def stop(self) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


@pytest.fixture(params=list(PACKAGES))
def jupyter(request: pytest.FixtureRequest, lab: MakeLab, campus: TestCampus, unused_port: int) -> Iterator[Jupyter]:
    student_version = source_notebook().replace("assert double(5) == 10", "")
    campus.release(files={"ps1.ipynb": student_version})
    campus.set("ps1", due_at=days(7))
    server = Jupyter(
        lab("minji", config="c.Exchange.path_includes_course = True\n"), unused_port, PACKAGES[request.param]
    )
    yield server
    server.stop()


def test_a_student_does_an_assignment_with_the_buttons(jupyter: Jupyter, campus: TestCampus) -> None:
    home = jupyter.home
    due = campus.ask("minji", "GET", "/assignments").json()["assignments"][0]["due_text"]["ko"]
    assert jupyter.client.get("/courses").json() == {"success": True, "value": [COURSE]}
    assert [entry["assignment_id"] for entry in jupyter.assignments("released")] == ["ps1"]

    assert jupyter.press("fetch")["success"]
    (fetched,) = jupyter.assignments("fetched")
    assert fetched["path"] == f"{COURSE}/ps1"
    assert fetched["notebooks"] == [{"notebook_id": f"ps1  ·  마감 {due}", "path": f"{COURSE}/ps1/ps1.ipynb"}]
    assert (home / fetched["path"] / "ps1.ipynb").is_file()

    path = fetched["notebooks"][0]["path"]
    validated = jupyter.client.post("/assignments/validate", json={"path": path}).json()
    assert validated["success"], validated

    assert jupyter.press("submit")["success"]
    assert jupyter.press("submit")["success"]
    (submitted,) = jupyter.assignments("submitted")
    attempts = campus.ask("minji", "GET", f"/{COURSE}/ps1/attempts").json()["attempts"]
    labels = [f"{attempt['received_text']['ko']} · {attempt['attempt']}번째 제출" for attempt in attempts]
    assert [entry["timestamp"] for entry in submitted["submissions"]] == labels
    assert not any(entry["has_exchange_feedback"] for entry in submitted["submissions"])

    campus.give_back(attempts[0]["id"], "<p>잘했습니다</p>")
    first, second = jupyter.assignments("submitted")[0]["submissions"]
    assert (first["has_exchange_feedback"], first["has_local_feedback"]) == (True, False)
    assert (second["has_exchange_feedback"], second["has_local_feedback"]) == (False, False)

    assert jupyter.press("fetch_feedback")["success"]
    first = jupyter.assignments("submitted")[0]["submissions"][0]
    assert (first["has_local_feedback"], first["feedback_updated"]) == (True, False)
    assert first["local_feedback_path"] == f"{COURSE}/ps1/feedback/{attempts[0]['timestamp']}"
    page = home / first["local_feedback_path"] / "ps1.html"
    assert page.read_text() == "<p>잘했습니다</p>"

    campus.give_back(attempts[0]["id"], "<p>다시 보니 더 좋습니다</p>")
    assert jupyter.assignments("submitted")[0]["submissions"][0]["feedback_updated"]
    jupyter.press("fetch_feedback")
    assert page.read_text() == "<p>다시 보니 더 좋습니다</p>"
    assert not jupyter.assignments("submitted")[0]["submissions"][0]["feedback_updated"]

    jupyter.press("submit")
    with campus.storage.open(jupyter.assignments("submitted")[0]["submissions"][2]["sha256"]) as handed_in:
        assert archive.notebooks(archive.check(handed_in)) == ["ps1.ipynb"]


def test_a_refused_submission_shows_the_portals_sentence(jupyter: Jupyter, campus: TestCampus) -> None:
    jupyter.press("fetch")
    campus.set("ps1", due_at=days(-1))
    answer = jupyter.press("submit")
    assert not answer["success"]
    assert "제출되지 않았습니다. 강사에게 연장을 요청하세요." in answer["value"].splitlines()[-1]
    assert NOTEBOOK not in answer["value"]
