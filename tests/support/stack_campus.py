"""The campus of deploy/stack.yml on a rig, as a site deploys it: `bitgoeul init`, then deploy/swarm."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from campus_process import ROOT, CampusAddress, initialize
from engine_parts import run_in
from swarm_node import Node
from swarm_rig import Rig
from waiting import wait_for

PORT = 8000
START_SECONDS = 300
#: what hub and portal say of each question, and how much of a program's log a failure is told with
CHATTER = re.compile(r" 200 GET /hub/|access: GET ")
TOLD_LINES = 80


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
        states = [one["Status"] for _, one in self._running(service)]
        return sum("(health: starting)" not in state and "(unhealthy)" not in state for state in states)

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
        return [(node, one["Id"]) for node, one in self._running(service)]

    def _running(self, service: str) -> list[tuple[Node, dict[str, Any]]]:
        label = f"com.docker.swarm.service.name={self.name}_{service}"
        return [(node, one) for node in self._on for one in node.api.containers(filters={"label": label})]

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
        return run_in(node.api, container, *command, user=user)

    def last_words(self) -> str:
        """What became of each task, and what each program said last."""
        manager = self.rig.manager.api
        services = {one["ID"]: one["Spec"]["Name"] for one in manager.services()}
        nodes = {one["ID"]: one["Description"]["Hostname"] for one in manager.nodes()}
        texts = [
            f"{services.get(task['ServiceID'])} {task['Status']['State']} (to be {task['DesiredState']}) on "
            f"{nodes.get(task.get('NodeID'))}: {task['Status']['Timestamp']} {task['Status'].get('Err', '')}"
            for task in manager.tasks()
        ]
        for node in self._on:
            for one in node.api.containers(all=True):
                said = node.api.logs(one["Id"], tail=3000).decode(errors="replace").splitlines()
                told = [line for line in said if not CHATTER.search(line)]
                texts.append("\n".join([f"--- {node.name} {one['Names'][0]}: {one['Status']}", *told[-TOLD_LINES:]]))
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
