"""A Docker engine of a test's own, with bridge and iptables, in namespaces that end with the test. Needs root.

The machine that it seems to run on has two addresses: a private one, by which this process reaches it, and what
`addresses` adds. Programs started with `inside` run on that machine: they share its network, not its processes.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
from engine_parts import answers_at, cgroups, copy_images, free_network, remove_cgroup, run, wait_for_namespace

NEEDED = ("dockerd", "docker-init", "ip", "iptables", "nsenter", "unshare", "setpriv")
#: a folder for engines' data on XFS that is mounted with pquota, which memory can't stand in for; None: memory
PLACE = os.environ.get("BITGOEUL_TEST_ENGINES")
#: its own /run and /sys, the machine's control groups, and a first process that reaps
BOOT = """
set -e
mount -t tmpfs tmpfs /run
mount --rbind /sys/fs/cgroup cgroup
mount -t sysfs sysfs /sys
mount --rbind cgroup /sys/fs/cgroup
mount --make-rshared /
exec docker-init -- sleep infinity
"""
#: what Docker calls when a container asks for a GPU: writes down what it was asked for, and shows nothing
HOOK = """#!/bin/sh
# the container's own environment is in its bundle; nvidia's hook reads the same place
config=$(sed -n 's/.*"bundle": *"\\([^"]*\\)".*/\\1/p')/config.json
tr ',' '\\n' <"$config" | grep -o 'NVIDIA_VISIBLE_DEVICES=[^"]*' >>"$(dirname "$0")/asked"
"""


def can_run() -> bool:
    """Whether this machine can run such an engine."""
    return (
        os.geteuid() == 0
        and all(shutil.which(program) for program in NEEDED)
        and subprocess.run(["unshare", "--net", "--pid", "--fork", "true"], capture_output=True).returncode == 0
    )


class OwnEngine:
    """An engine in a network of its own, which this process reaches at `address`."""

    def __init__(self, folder: Path, *, gpus: bool = False, settings: dict[str, Any] | None = None) -> None:
        self.folder = folder
        self.host = f"unix://{folder}/docker.sock"
        self.network = free_network(range(150, 200), 29)
        self.address = str(self.network[1])
        self.outside = str(self.network[2])
        self.cgroup = f"/{folder.name}"
        self._end = f"eng{secrets.token_hex(4)}"
        self._machine: subprocess.Popen[bytes] | None = None
        self._engine: subprocess.Popen[bytes] | None = None
        self._api: docker.APIClient | None = None
        (folder / "cgroup").mkdir()
        (folder / "bin").mkdir()
        if gpus:
            hook = folder / "bin" / "nvidia-container-runtime-hook"
            hook.write_text(HOOK)
            hook.chmod(0o755)
        (folder / "daemon.json").write_text(
            json.dumps({"cgroup-parent": self.cgroup, "log-level": "warn"} | (settings or {}))
        )

    @property
    def api(self) -> docker.APIClient:
        if self._api is None:
            self._api = docker.APIClient(base_url=self.host, version="auto", timeout=60)
        return self._api

    @property
    def pid(self) -> str:
        assert self._machine is not None
        return str(self._machine.pid)

    def up(self) -> None:
        """Make the machine, its cable, and start its engine."""
        self._machine = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--ipc", "--mount", "--pid"),
                *("--fork", "--kill-child=KILL", "--mount-proc", "bash", "-c", BOOT),
            ],
            cwd=self.folder,
            start_new_session=True,
        )
        wait_for_namespace(self._machine.pid, child=True)
        run("ip", "link", "add", self._end, "type", "veth", "peer", "name", "eth0", "netns", self.pid)
        run("ip", "addr", "add", f"{self.outside}/{self.network.prefixlen}", "dev", self._end)
        run("ip", "link", "set", self._end, "up")
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "link", "set", "eth0", "up")
        self.run("ip", "addr", "add", f"{self.address}/{self.network.prefixlen}", "dev", "eth0")
        # there is no world: a look-up of a registry fails at once
        self.run("ip", "route", "add", "unreachable", "default")
        self.start()

    def start(self) -> None:
        """Start the engine; returns when it answers."""
        child = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()[0]
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        with (self.folder / "log").open("ab") as log:
            self._engine = subprocess.Popen(
                [
                    *("nsenter", "--target", child, "--net", "--ipc", "--mount", "--pid", "env", f"PATH={path}"),
                    *("dockerd", "--config-file", f"{self.folder}/daemon.json", "--data-root", f"{self.folder}/data"),
                    *("--host", self.host),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while not answers_at(self.folder / "docker.sock"):
            if self._engine.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "log").read_text(errors="replace")[-3000:]
                raise RuntimeError(f"the engine did not start: {said}")
            time.sleep(0.1)

    def _hang_up(self) -> None:
        if self._api is not None:
            self._api.close()
            self._api = None

    def stop(self) -> None:
        """End the engine alone, as a restart of its service does: the machine goes on."""
        assert self._engine is not None
        pid = _dockerd_below(self._engine.pid)
        os.kill(pid, 15)
        self._engine.wait(60)
        self._hang_up()

    def kill(self) -> None:
        """End the engine alone, with -9."""
        assert self._engine is not None
        os.kill(_dockerd_below(self._engine.pid), 9)
        self._engine.wait(60)
        self._hang_up()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """An engine that lives and answers nobody; it goes on afterwards."""
        assert self._engine is not None
        pid = _dockerd_below(self._engine.pid)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)
            os.kill(self._engine.pid, signal.SIGCONT)  # nsenter, which stops when its child does

    def inside(self, *command: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start a program in this machine's network; it ends with this process."""
        return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *self.within(*command)], **options)

    def within(self, *command: str) -> list[str]:
        """The command that runs `command` in this machine's network."""
        return ["nsenter", "--net", "--target", self.pid, *command]

    def run(self, *command: str) -> str:
        """Run a program in this machine's network; what it printed."""
        return run(*self.within(*command))

    def down(self) -> None:
        """End everything. Namespaces, cable and containers go with the machine's first process."""
        self._hang_up()
        for process in (self._machine, self._engine):
            if process is not None:
                process.kill()
                process.wait()
        for controller in cgroups(self.cgroup):
            remove_cgroup(controller)


@contextmanager
def own_engine(
    images: Sequence[str] = (), *, gpus: bool = False, settings: dict[str, Any] | None = None
) -> Iterator[OwnEngine]:
    """An engine with `images`, which come from the engine that the environment names.

    Its data lie in memory: nothing waits for a disk, and it works where overlayfs can't lie on the disk's file system.
    With PLACE they lie there, on a file system that can hold what is written to a limit.
    """
    folder = Path(tempfile.mkdtemp(prefix="engine-", dir=PLACE))
    if not PLACE:
        run("mount", "-t", "tmpfs", "tmpfs", str(folder))
    engine = OwnEngine(folder, gpus=gpus, settings=settings)
    try:
        engine.up()
        if images:
            copy_images(images, engine.host)
        yield engine
    finally:
        engine.down()
        if not PLACE:
            run("umount", "--lazy", str(folder))
        shutil.rmtree(folder, ignore_errors=True)


def _dockerd_below(pid: int) -> int:
    """The process of the engine, seen from here: nsenter forks once to enter a process namespace."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else pid
