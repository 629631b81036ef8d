"""The gate before a container engine's socket, as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import docker
import httpx
from waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]


class GateProcess:
    """Stands before the engine that `environment` names; its sockets lie in `folder`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "hub_config.engine_gate"],
                env={**os.environ, **environment, "BITGOEUL_GATE_SOCKETS": str(folder), "PYTHONPATH": str(ROOT)},
                stderr=log,
            )
        wait_for("the gate's sockets", self._listens, 60)

    def _listens(self) -> bool:
        assert self._process.poll() is None, self.log
        return self.log.count(" is let through at ") == 1 + self.socket("grader").exists()

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def refused(self) -> list[str]:
        """What it refused."""
        return [line for line in self.log.splitlines() if "Refused" in line]

    def socket(self, whose: str) -> Path:
        return self.folder / whose / "docker.sock"

    def host(self, whose: str) -> str:
        """DOCKER_HOST of the hub or a grader."""
        return f"unix://{self.socket(whose)}"

    def client(self, whose: str) -> docker.APIClient:
        return docker.APIClient(base_url=self.host(whose), version="auto", timeout=60)

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        finally:
            self._process.kill()
            self._process.wait()


def wire(socket: Path | str) -> httpx.Client:
    """Plain requests to an engine's socket, or to the gate's."""
    transport = httpx.HTTPTransport(uds=str(socket))
    return httpx.Client(transport=transport, base_url="http://docker/v1.41", timeout=60)
