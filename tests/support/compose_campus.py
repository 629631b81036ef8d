"""The campus of docker-compose.yml on an engine of its own, as a site starts it: `bitgoeul init`, then Compose."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from campus_process import ROOT, CampusAddress, initialize
from engine_parts import run_in
from own_engine import OwnEngine
from waiting import wait_for

PORT = 8000
START_SECONDS = 240


@dataclass
class ComposeCampus(CampusAddress):
    """A stack in the folder `data`; Compose is told of this folder and this engine alone."""

    engine: OwnEngine = field(kw_only=True)
    #: lines that the site adds to its settings
    settings: dict[str, str] = field(default_factory=dict, kw_only=True)

    def initialize(self) -> None:
        """`bitgoeul init`, and what this site wants otherwise."""
        initialize(self, self.settings)

    def compose(self, *words: str, seconds: float = 300) -> str:
        """Run docker-compose; what it printed on its standard output."""
        environment = os.environ | {
            "DOCKER_HOST": self.engine.host,
            "BITGOEUL_ENGINE_SOCKET": self.engine.host.removeprefix("unix://"),
        }
        done = subprocess.run(
            ["docker-compose", "--ansi", "never", "--env-file", str(self.data / "bitgoeul.env"), *words],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert done.returncode == 0, (
            f"docker-compose {' '.join(words)}: {done.stdout}{done.stderr}\n{self.last_words()}"
        )
        return done.stdout

    def start(self) -> None:
        """`docker-compose up -d`; returns when people can come in."""
        self.compose("up", "--detach", seconds=START_SECONDS)
        try:
            wait_for("the campus's start", self.is_open, START_SECONDS, every=0.5)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.last_words()}") from None

    def stop(self, *, forget: bool = False) -> None:
        """`docker-compose down`, its labs with it; with `forget` the database goes as well."""
        self.forget_people()
        for lab in self.labs():
            self.engine.api.remove_container(lab["Id"], force=True)
        self.compose("down", *(["--volumes"] if forget else []))

    def labs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.engine.api.containers(all=True, filters={"label": "kr.bitgoeul.user"})
        return found

    def container(self, service: str) -> dict[str, Any]:
        """All that the engine says of a service's container."""
        [one] = self.engine.api.containers(all=True, filters={"label": f"com.docker.compose.service={service}"})
        found: dict[str, Any] = self.engine.api.inspect_container(one["Id"])
        return found

    def within(self, service: str, *command: str, user: str = "") -> str:
        """What a command prints in a service's container; it has to succeed."""
        return self.run_in(self.container(service)["Id"], *command, user=user)

    def run_in(self, container: str, *command: str, user: str = "") -> str:
        return run_in(self.engine.api, container, *command, user=user)

    def log(self, service: str) -> str:
        """What a service has said of late."""
        said: bytes = self.engine.api.logs(self.container(service)["Id"], tail=40)
        return said.decode(errors="replace")

    def last_words(self) -> str:
        texts = []
        for one in self.engine.api.containers(all=True, filters={"label": "com.docker.compose.service"}):
            log = self.engine.api.logs(one["Id"], tail=40).decode(errors="replace")
            texts.append(f"--- {one['Names'][0]}: {one['Status']}\n{log}")
        return "\n".join(texts)


@contextmanager
def compose_campus(engine: OwnEngine, folder: Path, settings: dict[str, str] | None = None) -> Iterator[ComposeCampus]:
    """A stack, initialized, not yet started; gone afterwards with everything that it knew."""
    campus = ComposeCampus(folder, PORT, engine.address, engine=engine, settings=settings or {})
    campus.initialize()
    try:
        yield campus
    finally:
        campus.stop(forget=True)
