"""One machine of a rig: an engine in namespaces of its own, its cable to the switch, and what became of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import docker
from engine_parts import answers_at, run, wait_for_namespace
from processes import running
from waiting import wait_for

from grader.sandbox.launch import children_of

if TYPE_CHECKING:
    from swarm_rig import Rig

#: what a node does before its engine starts: its own /run and /sys, and an address that it was given from outside
BOOT = """
set -e
hostname "$1"
mount -t tmpfs tmpfs /run
mount --rbind /sys/fs/cgroup cgroup
mount -t sysfs sysfs /sys
mount --rbind cgroup /sys/fs/cgroup
mount --make-rshared /
until ip -4 addr show dev eth0 2>/dev/null | grep -q inet; do sleep 0.02; done
exec dockerd --config-file "$PWD/daemon.json" --data-root "$PWD/data" --host "unix://$PWD/docker.sock"
"""
#: what an engine says all the time on a network without a name server, and what of its log a failure is told with
CHATTER = re.compile(
    r"\[resolver\] connect|ServiceBinding|loading plugin|starting signal|v2 registry|pulling image|shim disconnected"
)
TOLD_LINES = 25


class Node:
    """One machine of the rig: its engine, and the cable between it and the switch."""

    def __init__(self, rig: Rig, number: int) -> None:
        self.rig = rig
        self.name = f"node{number}"
        self.address = str(rig.network[number])
        self.folder = rig.folder / self.name
        self.slots = [f"GPU-{self.name}-{slot}" for slot in range(rig.slots)]
        self._cable = f"port{number}"
        self._process: subprocess.Popen[bytes] | None = None
        self._api: docker.APIClient | None = None
        (self.folder / "cgroup").mkdir(parents=True)
        settings = {
            "node-generic-resources": [f"{rig.kind}={slot}" for slot in self.slots],
            "cgroup-parent": rig.cgroup,
            "log-level": "warn",
            # before API 1.44 a service can't ask for it
            "no-new-privileges": True,
        }
        (self.folder / "daemon.json").write_text(json.dumps(settings))

    @property
    def host(self) -> str:
        """What DOCKER_HOST has to be to speak to this node's engine."""
        return f"unix://{self.folder}/docker.sock"

    @property
    def api(self) -> docker.APIClient:
        if self._api is None:
            self._api = docker.APIClient(base_url=self.host, version="auto", timeout=60)
        return self._api

    @property
    def id(self) -> str:
        """The node's name within the Swarm."""
        return str(self.api.info()["Swarm"]["NodeID"])

    def docker(self, *words: str) -> str:
        """Run the docker client against this node; what it printed."""
        done = subprocess.run(["docker", "--host", self.host, *words], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"docker {' '.join(words)} on {self.name}: {done.stderr}\n{self.story()}"
        return done.stdout.strip()

    def start(self) -> None:
        """Switch the node on. Returns before its engine answers: see `wait`."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--uts", "--ipc", "--mount", "--pid"),
                    *("--fork", "--kill-child=KILL", "--mount-proc", "bash", "-c", BOOT, "boot", self.name),
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        pid = self._process.pid
        wait_for_namespace(pid)
        self.rig.in_switch("ip", "link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        self.rig.in_switch("ip", "link", "set", self._cable, "master", "switch", "up")
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("ip", "link", "set", "eth0", "up")
        # the rest of the world fails at once, or a task would wait for the look-up of a registry
        self.inside("ip", "route", "add", "unreachable", "default")
        self.inside("ip", "addr", "add", f"{self.address}/{self.rig.network.prefixlen}", "dev", "eth0")

    def wait(self, seconds: float = 60) -> None:
        """Wait until the engine answers."""
        deadline = time.monotonic() + seconds
        while not answers_at(self.folder / "docker.sock"):
            if self.ended is not None or time.monotonic() > deadline:
                raise RuntimeError(self.story())
            time.sleep(0.1)

    @property
    def is_on(self) -> bool:
        """Whether the node has power."""
        return self._process is not None

    @property
    def ended(self) -> int | None:
        """The exit status of an engine that ended by itself; None while it lives, or is switched off."""
        return self._process.poll() if self._process is not None else None

    @property
    def _init(self) -> int | None:
        """The engine's process, with which everything on the node ends."""
        children = children_of(self._process.pid) if self._process is not None else []
        return children[0] if children else None

    def kill(self) -> None:
        """Cut the power: the engine and every container are gone at once."""
        if self._process is not None:
            init = self._init
            self._process.kill()
            self._process.wait()
            if init is not None:
                wait_for(f"{self.name} is dead", lambda: not running(init), every=0.01)
            self._process = None
            self._unplug()
        if self._api is not None:
            self._api.close()
            self._api = None

    def _unplug(self) -> None:
        """Take the cable away now: a namespace that ends takes it along a while later."""
        with contextlib.suppress(RuntimeError):
            self.rig.in_switch("ip", "link", "delete", self._cable)

    def story(self) -> str:
        """How the engine is, and the end of what it said; of one that is silent, what its threads wait for."""
        if self._process is None:
            return f"{self.name} is switched off"
        if self.ended is not None:
            state = f"its engine has ended with status {self.ended}"
        else:
            state = (
                "its engine answers"
                if answers_at(self.folder / "docker.sock")
                else f"its engine is silent\n{self._stacks()}"
            )
        log = (self.folder / "log").read_text(errors="replace").splitlines()
        told = [line for line in log if not CHATTER.search(line)]
        fatal = next((number for number, line in enumerate(told) if re.match(r"panic:|fatal error:|SIG", line)), None)
        last = told[fatal : fatal + 2 * TOLD_LINES] if fatal is not None else told[-TOLD_LINES:]
        return "\n".join([f"{self.name}: {state}", *(line[:500] for line in last)])

    def _stacks(self) -> str:
        """Goroutines that have waited for minutes, as the engine writes them down when it is asked to."""
        init = self._init
        if init is None:
            return ""
        os.kill(init, signal.SIGUSR1)
        run_folder = Path(f"/proc/{init}/root/run/docker")
        try:
            written = wait_for("stacks", lambda: sorted(run_folder.glob("goroutine-stacks-*")), seconds=10)
        except AssertionError:
            return "(it wrote no stacks)"
        goroutines = written[-1].read_text(errors="replace").split("\n\n")
        stuck = [one for one in goroutines if re.match(r"goroutine \d+ \[(semacquire|sync|chan).*minutes", one)]
        return "\n".join("\n".join(one.splitlines()[:7]) for one in stuck[:20])

    def inside(self, *command: str) -> str:
        """Run a command in this node's network."""
        assert self._process is not None
        return run("nsenter", "--net", "--target", str(self._process.pid), *command)

    def at_home(self, *command: str) -> str:
        """Run a command as if on this node: with its network and its mounts."""
        assert self._process is not None
        return run("nsenter", "--net", "--mount", "--target", str(self._process.pid), *command)

    def namespace_of(self, container: str) -> str:
        """Where the network of a container of this node is to be entered from this machine."""
        assert self._process is not None
        key = str(self.api.inspect_container(container)["NetworkSettings"]["SandboxKey"])
        return f"/proc/{self._process.pid}/root/run/{key.removeprefix('/var/run/')}"

    def cut(self) -> None:
        """Pull the cable. Swarm calls the node down after 15 to 25 s."""
        self.rig.in_switch("ip", "link", "set", self._cable, "down")

    def mend(self) -> None:
        self.rig.in_switch("ip", "link", "set", self._cable, "up")

    def available(self, availability: str) -> None:
        """`active`, `pause` or `drain`, as the manager decides."""
        self.rig.manager.docker("node", "update", "--availability", availability, self.name)
