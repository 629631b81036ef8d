"""What a container engine of one's own takes to start: a network, namespaces, control groups."""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import docker


def run(*command: str) -> str:
    """What the command printed; RuntimeError, with what it complained of, when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def free_network(second: Sequence[int], prefix: int) -> ipaddress.IPv4Network:
    """A network below 10. that no route of this machine leads to; `second` are what its second number may be."""
    routes = json.loads(run("ip", "-j", "route"))
    taken = [ipaddress.ip_network(route["dst"]) for route in routes if route["dst"] != "default"]
    while True:
        network = ipaddress.IPv4Network(f"10.{secrets.choice(second)}.{secrets.randbelow(256)}.0/{prefix}")
        if not any(network.overlaps(other) for other in taken if isinstance(other, ipaddress.IPv4Network)):
            return network


def answers_at(path: Path) -> bool:
    """Whether a container engine answers at that socket."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(10)
        try:
            wire.connect(str(path))
            wire.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b" 200 " in wire.recv(100)
        except OSError:
            return False


def copy_images(names: Sequence[str], host: str) -> None:
    """Give the engine at `host` images of the engine that the environment names: all at once, so what they share comes
    once."""
    tagged = [name if ":" in name else f"{name}:latest" for name in names]
    save = subprocess.Popen(["docker", "save", *tagged], stdout=subprocess.PIPE)
    assert save.stdout is not None
    subprocess.run(["docker", "--host", host, "load", "--quiet"], stdin=save.stdout, check=True)
    save.stdout.close()
    assert save.wait(60) == 0


def run_in(api: docker.APIClient, container: str, *command: str, user: str = "") -> str:
    """What a command prints in a container; it has to succeed."""
    run = api.exec_create(container, list(command), user=user)["Id"]
    said = str(api.exec_start(run).decode(errors="replace"))
    assert api.exec_inspect(run)["ExitCode"] == 0, said
    return said


def cgroups(name: str) -> list[Path]:
    """The control groups of that name ("/..."), in every hierarchy."""
    root = Path("/sys/fs/cgroup")
    return [path for path in (root / name[1:], *root.glob(f"*/{name[1:]}")) if path.is_dir()]


def remove_cgroup(top: Path) -> None:
    """Remove a control group and all below it; its processes are killed and may take a moment to be gone."""
    deadline = time.monotonic() + 30
    below = sorted((path for path in top.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts))
    for folder in [*below, top]:
        while True:
            try:
                folder.rmdir()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def wait_for_namespace(pid: int, *, child: bool = False) -> None:
    """Wait until process `pid` has left this process's network, and with `child` until it has its first child."""
    deadline = time.monotonic() + 10
    while os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net") or (
        child and not Path(f"/proc/{pid}/task/{pid}/children").read_text()
    ):
        if time.monotonic() > deadline:
            raise RuntimeError(f"process {pid} made no network namespace")
        time.sleep(0.01)
