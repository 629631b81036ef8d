"""A learner's JupyterLab as the campus configures it, in a process of its own, without a hub before it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from ports import free_port
from waiting import wait_for

from hub_config.server_environment import build_environment
from hub_config.spawner import LAB_CONFIG

ROOT = Path(__file__).resolve().parents[2]
SECRET = "secret-of-this-lab"
STOP_SECONDS = 20
#: JupyterLab, ended as hub_config.lab.start ends a server
SERVE = "from jupyterlab.labapp import main; from hub_config.lab.ending import end_tasks; main(); end_tasks()"


class LabProcess:
    """A running lab; `offering` makes it a grading server. The server's own token is `token`."""

    def __init__(
        self, folder: Path, *, portal_url: str, token: str, locale: str = "ko", offering: str | None = None
    ) -> None:
        home = folder / "home"
        home.mkdir()
        self.home = home
        self.secret = SECRET
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/user/minji"
        environment = build_environment(
            username=f"grading-{offering}" if offering else "minji",
            home=home,
            locale=locale,
            time_zone="Asia/Seoul",
            portal_url=portal_url,
            work_folder=home,
            lab_config=LAB_CONFIG,
            programs=str(Path(sys.executable).parent),
            inherited={name: os.environ[name] for name in ("OPENBLAS_CORETYPE",) if name in os.environ},
        )
        environment |= {
            "JUPYTERHUB_API_TOKEN": token,
            "PYTHONPATH": str(ROOT),
            "JUPYTER_RUNTIME_DIR": str(folder / "run"),
        }
        self.client = httpx.Client(
            base_url=self.url, headers={"Authorization": f"token {SECRET}"}, trust_env=False, timeout=30
        )
        self.log = (folder / "lab.log").open("w+")
        self.process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-X",
                    "faulthandler",
                    "-c",
                    SERVE,
                    f"--port={self.port}",
                    "--no-browser",
                    "--allow-root",
                ),
                *("--ServerApp.base_url=/user/minji/", f"--IdentityProvider.token={SECRET}"),
                *("--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0"),
            ],
            cwd=home,
            env=environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        wait_for("the lab's start", self.answers, 90)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.said()
        try:
            return self.client.get("/api/status").status_code == 200
        except httpx.TransportError:
            return False

    def said(self) -> str:
        return Path(self.log.name).read_text()

    def lease(self) -> dict[str, Any]:
        """What the server tells the page."""
        answer = self.client.get("/bitgoeul/lease")
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def stop(self) -> None:
        """End it as its hub does; one that doesn't end fails the test, and tells where it is."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # the interpreter's fault handler prints every thread's stack
            self.process.wait()
            raise AssertionError(f"the lab didn't stop within {STOP_SECONDS} s: {self.said()}") from None
        finally:
            self.client.close()
            self.log.close()
