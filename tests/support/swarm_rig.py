"""A Swarm on one machine: real engines in namespaces of their own, behind one switch, with GPU slots by name.

The scheduler, the overlay network and the loss of a node are real; no card stands behind a GPU's name. Everything
hangs on processes that end with the one that made the rig, however it ends: engines and their containers live in
process namespaces, switch, cables and addresses in network namespaces, and none has a name that could be left behind.

Needs root, and from Debian: docker.io iproute2 iptables util-linux. To play with one:

    python tests/support/swarm_rig.py [NODES]
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine_parts import cgroups, copy_images, free_network, remove_cgroup, run, wait_for_namespace
from swarm_node import Node

NEEDED = ("dockerd", "docker", "ip", "iptables", "nsenter", "unshare", "setpriv")


def can_run() -> bool:
    """Whether this machine can run a rig: root, the programs, and network namespaces."""
    return (
        os.geteuid() == 0
        and all(shutil.which(program) for program in NEEDED)
        and subprocess.run(["unshare", "--net", "--pid", "--fork", "true"], capture_output=True).returncode == 0
    )


class Rig:
    """The nodes, the first of which manages the Swarm, and the switch between them and this machine."""

    def __init__(self, folder: Path, nodes: int, slots: int, kind: str) -> None:
        self.folder = folder
        self.slots = slots
        self.kind = kind
        self.network = free_network(range(200, 250), 24)
        self.cgroup = f"/{folder.name}"
        self._end = f"rig{secrets.token_hex(4)}"
        self._switch: subprocess.Popen[bytes] | None = None
        self.nodes = [Node(self, number + 1) for number in range(nodes)]

    @property
    def manager(self) -> Node:
        return self.nodes[0]

    @property
    def outside(self) -> str:
        """This machine's address on the rig's network."""
        return str(self.network[-2])

    def node(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    def in_switch(self, *command: str) -> str:
        assert self._switch is not None
        return run("nsenter", "--net", "--target", str(self._switch.pid), *command)

    def up(self, images: Sequence[str] = ()) -> None:
        """Start everything; every node gets `images` of the engine that the environment names."""
        self._switch = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"], start_new_session=True
        )
        wait_for_namespace(self._switch.pid)
        self.in_switch("ip", "link", "add", "switch", "type", "bridge")
        self.in_switch("ip", "link", "set", "switch", "up")
        self.in_switch("ip", "link", "add", "uplink", "type", "veth", "peer", "name", self._end)
        self.in_switch("ip", "link", "set", "uplink", "master", "switch", "up")
        self.in_switch("ip", "link", "set", self._end, "netns", str(os.getpid()))
        run("ip", "addr", "add", f"{self.outside}/{self.network.prefixlen}", "dev", self._end)
        run("ip", "link", "set", self._end, "up")
        self.manager.start()
        self.manager.wait()
        if images:
            copy_images(images, self.manager.host)
        for node in self.nodes[1:]:
            _share_layers(self.manager.folder / "data", node.folder / "data")
            node.start()
        for node in self.nodes[1:]:
            node.wait()
        self._join()

    def _join(self) -> None:
        self.manager.docker("swarm", "init", "--advertise-addr", self.manager.address)
        token = self.manager.docker("swarm", "join-token", "--quiet", "worker")
        for node in self.nodes[1:]:
            node.docker(
                *("swarm", "join", "--token", token, "--advertise-addr", node.address, f"{self.manager.address}:2377")
            )

    @property
    def crashed(self) -> list[str]:
        """Nodes whose engine has ended by itself."""
        return [node.name for node in self.nodes if node.ended is not None]

    def story(self) -> str:
        """How every node is, and what its engine said last."""
        return "\n\n".join(node.story() for node in self.nodes)

    def down(self) -> None:
        """Switch everything off. Namespaces, cables and containers go with the processes."""
        for node in self.nodes:
            node.kill()
        if self._switch is not None:
            self._switch.kill()
            self._switch.wait()
        for folder in cgroups(self.cgroup):
            remove_cgroup(folder)


@contextmanager
def swarm_rig(nodes: int = 3, *, slots: int = 2, kind: str = "GPU", images: Sequence[str] = ()) -> Iterator[Rig]:
    """A running Swarm of `nodes` engines with `slots` named resources of `kind` on each."""
    folder = Path(tempfile.mkdtemp(prefix="rig-"))
    mounted = not _takes_overlay(folder)
    if mounted:  # on an overlay, as in a container, an engine would copy whole images: keep its data in memory
        run("mount", "-t", "tmpfs", "tmpfs", str(folder))
    rig = Rig(folder, nodes, slots, kind)
    try:
        rig.up(images)
        yield rig
    finally:
        rig.down()
        if mounted:
            run("umount", str(folder))
        shutil.rmtree(folder)


def _takes_overlay(folder: Path) -> bool:
    """Whether overlayfs can write into `folder`."""
    parts = {name: folder / f"try-{name}" for name in ("lower", "upper", "work", "merged")}
    for part in parts.values():
        part.mkdir()
    options = f"lowerdir={parts['lower']},upperdir={parts['upper']},workdir={parts['work']}"
    command = f"mount -t overlay overlay -o {options} {parts['merged']}"
    done = subprocess.run(["unshare", "--mount", "sh", "-c", command], capture_output=True)
    for part in parts.values():
        shutil.rmtree(part)
    return done.returncode == 0


def _share_layers(source: Path, target: Path) -> None:
    """Give another engine the images of `source`: own records, and hard links to layers, which stay as they are."""
    target.mkdir()
    run("cp", "-al", str(source / "overlay2"), str(target / "overlay2"))
    run("cp", "-a", str(source / "image"), str(target / "image"))


def main(arguments: list[str]) -> None:
    """Start a rig and take commands until the end of input."""
    with swarm_rig(int(arguments[0]) if arguments else 3) as rig:
        print(f"{rig.manager.docker('node', 'ls')}\n")
        for node in rig.nodes:
            print(f"export DOCKER_HOST={node.host}    # {node.name}, {node.address}, {' '.join(node.slots)}")
        print("\ncut|mend|kill|start|drain|activate NAME; end of input stops everything")
        for line in sys.stdin:
            words: Any = line.split()
            if len(words) != 2 or words[1] not in [node.name for node in rig.nodes]:
                print("one of cut, mend, kill, start, drain, activate, and the name of a node")
                continue
            node = rig.node(words[1])
            acts = {
                "cut": node.cut,
                "mend": node.mend,
                "kill": node.kill,
                "start": node.start,
                "drain": lambda node=node: node.available("drain"),
                "activate": lambda node=node: node.available("active"),
            }
            acts.get(words[0], lambda: print("no such act"))()
            print("done")


if __name__ == "__main__":
    main(sys.argv[1:])
