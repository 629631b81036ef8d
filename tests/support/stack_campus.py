"""The campus of deploy/stack.yml on a rig, as a site deploys it: `bitgoeul init`, then deploy/swarm."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from campus_process import ROOT, CampusAddress, initialize
from swarm_node import Node
from swarm_rig import Rig
from waiting import wait_for

#: what the stack is made of, and what it starts
IMAGES = ("proxy", "hub", "guard", "database", "portal", "grader", "lab-cpu")
PORT = 8000
START_SECONDS = 300
NETWORK = "bitgoeul-labs"


@dataclass
class StackCampus(CampusAddress):
    """A stack in the folder `data`, which every node of the rig has at the same path."""

    rig: Rig = field(kw_only=True)
    #: what the stack is called, and its volume begins with
    name: str = field(default="bitgoeul", kw_only=True)

    def initialize(self) -> None:
        """`bitgoeul init`, and the nodes' labels."""
        initialize(self, {"BITGOEUL_RESOLVE_IMAGE": "never", "COMPOSE_PROJECT_NAME": self.name})
        self.rig.manager.docker(
            *("node", "update", "--label-add", "bitgoeul.hub=yes", "--label-add", "bitgoeul.database=yes"),
            self.rig.manager.name,
        )

    def deploy(self, *words: str, seconds: float = 120) -> str:
        """Run deploy/swarm with `words`, the second of which is this campus; what it printed."""
        act, *rest = words
        host = self.rig.manager.host
        done = subprocess.run(
            [str(ROOT / "deploy" / "swarm"), act, str(self.data), *rest],
            cwd=self.data.parent,
            env=os.environ | {"DOCKER_HOST": host, "BITGOEUL_ENGINE_SOCKET": host.removeprefix("unix://")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert done.returncode == 0, f"deploy/swarm {' '.join(words)}: {done.stdout}{done.stderr}\n{self.last_words()}"
        return done.stdout

    def start(self) -> None:
        """`deploy/swarm up`; returns when people can come in, and every service is complete."""
        self.deploy("up")
        self.wait_until_complete()

    def wait_until_complete(self) -> None:
        try:
            wait_for("the stack's start", lambda: self.is_open() and self.is_complete(), START_SECONDS, every=0.5)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.last_words()}") from None

    def stop(self) -> None:
        """`deploy/swarm down`, labs with it; returns when nothing of it runs."""
        self.forget_people()
        manager = self.rig.manager
        for service in manager.api.services(filters={"label": "kr.bitgoeul.user"}):
            manager.docker("service", "rm", service["ID"])
        self.deploy("down")
        wait_for("the stack is gone", lambda: not any(node.api.containers() for node in self._on), 120, every=0.5)

    def is_complete(self) -> bool:
        """Whether each service has as many tasks as it should, all of them healthy: by the Swarm, and by the nodes."""
        states = self.states()
        return bool(states) and all(have == want == self._healthy(name) for name, (have, want) in states.items())

    def _healthy(self, service: str) -> int:
        label = f"com.docker.swarm.service.name={self.name}_{service}"
        found = [one for node in self._on for one in node.api.containers(filters={"label": label})]
        return sum("(health: starting)" not in one["Status"] and "(unhealthy)" not in one["Status"] for one in found)

    def states(self) -> dict[str, tuple[int, int]]:
        """How many tasks of each service run, and how many should."""
        listed = self.rig.manager.docker("stack", "services", self.name, "--format", "{{.Name}} {{.Replicas}}")
        found: dict[str, tuple[int, int]] = {}
        for line in listed.splitlines():
            name, replicas = line.split()[:2]
            have, want = replicas.split("/")
            found[name.removeprefix(f"{self.name}_")] = (int(have), int(want))
        return found

    def specs(self) -> dict[str, dict[str, Any]]:
        """The specifications of the stack's services, by name."""
        listed = self.rig.manager.api.services(filters={"label": f"com.docker.stack.namespace={self.name}"})
        return {one["Spec"]["Name"].removeprefix(f"{self.name}_"): one["Spec"] for one in listed}

    @property
    def _on(self) -> list[Node]:
        return [node for node in self.rig.nodes if node.is_on]

    def containers(self, service: str) -> list[tuple[Node, str]]:
        """Where a service runs, and in which container there."""
        label = f"com.docker.swarm.service.name={self.name}_{service}"
        return [(node, one["Id"]) for node in self._on for one in node.api.containers(filters={"label": label})]

    def labs(self) -> dict[str, tuple[Node, str]]:
        """The labs that run: whose, on which node, in which container."""
        found: dict[str, tuple[Node, str]] = {}
        for node in self._on:
            for one in node.api.containers(filters={"label": "kr.bitgoeul.user"}):
                found[one["Labels"]["kr.bitgoeul.user"]] = (node, one["Id"])
        return found

    def within(self, place: tuple[Node, str], *command: str, user: str = "") -> str:
        """What a command prints in a container; it has to succeed."""
        node, container = place
        run = node.api.exec_create(container, list(command), user=user)["Id"]
        said = str(node.api.exec_start(run).decode(errors="replace"))
        assert node.api.exec_inspect(run)["ExitCode"] == 0, said
        return said

    def last_words(self) -> str:
        texts = [
            f"{task['Status']['State']} on {task.get('NodeID')}: {task['Status'].get('Err', '')}"
            for task in self.rig.manager.api.tasks()
        ]
        for node in self._on:
            for one in node.api.containers(all=True):
                log = node.api.logs(one["Id"], tail=25).decode(errors="replace")
                texts.append(f"--- {node.name} {one['Names'][0]}: {one['Status']}\n{log}")
        return "\n".join(texts)


@contextmanager
def stack_campus(rig: Rig, folder: Path, name: str = "bitgoeul") -> Iterator[StackCampus]:
    """A stack, initialized, not yet deployed."""
    campus = StackCampus(folder, PORT, rig.manager.address, rig=rig, name=name)
    campus.initialize()
    try:
        yield campus
    finally:
        campus.forget_people()
