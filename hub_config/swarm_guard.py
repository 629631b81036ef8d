"""Keeps labs on a Swarm's overlay network from each other: a service on every node. Holds no secret.

    python -m hub_config.swarm_guard               guards until it is ended
    python -m hub_config.swarm_guard --healthy     whether one in this container does

Docker gives every overlay network a bridge of its own on each node, in a network namespace of its own, and all packets
of the node's labs pass it. The guard puts rules there: a lab reaches the campus's own services, and of those the ports
of hub and portal; nobody else. They are there before the first lab is, since the guard itself is on the network, and
stay when the guard is away, as long as anything on the node is on the network. A lab can't take another address: it may
neither change its own nor send packets that it makes itself.

Needs NET_ADMIN and SYS_ADMIN (to enter that namespace), /var/run/docker/netns of the node, and br_netfilter in its
kernel. Which addresses are the campus's own it learns from Docker's names (BITGOEUL_LAB_SERVICES), again and again.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from hub_config.environment import Environment
from hub_config.lab_network import read_lab_network
from hub_config.lab_settings import read_campus

NAMESPACES = Path("/var/run/docker/netns")
CHAIN = "BITGOEUL-LABS"
LOOK_EVERY = 1.0
#: touched each time the network was found guarded, and how old that may be
LOOKED, STALE = Path("/tmp/bitgoeul-guarded"), 30.0
CALL_SECONDS = 20
#: seconds for which a name that can't be looked up keeps its addresses; Docker gives none out again so soon
REMEMBERED = 60.0

log = logging.getLogger("guard")
Asker = Callable[[str], frozenset[str]]


class GuardError(Exception):
    """The labs' network can't be guarded; the message says why and what to do."""


@dataclass(frozen=True)
class Guarded:
    """The labs' network, the addresses of the campus's own services on it, and the ports that labs may call there."""

    subnet: IPv4Network
    services: tuple[str, ...]
    ports: tuple[int, ...]

    @property
    def restore_text(self) -> str:
        """The chain for iptables-restore, which replaces it in one step."""
        lines = ["*filter", f":{CHAIN} - [0:0]"]
        for address in self.services:
            lines.append(f"-A {CHAIN} -s {address} -j RETURN")
            lines += [f"-A {CHAIN} -d {address} -p tcp -m tcp --dport {port} -j RETURN" for port in self.ports]
            # answers to what the service itself began
            lines.append(f"-A {CHAIN} -d {address} -p tcp -m tcp ! --tcp-flags SYN,ACK SYN -j RETURN")
        lines.append(f"-A {CHAIN} -s {self.subnet} -d {self.subnet} -j REJECT --reject-with icmp-admin-prohibited")
        return "\n".join([*lines, "COMMIT", ""])


def look_up(name: str) -> frozenset[str]:
    """The addresses behind one of Docker's names; OSError where there is none, or no answer."""
    return frozenset(str(told[4][0]) for told in socket.getaddrinfo(name, None, socket.AF_INET))


def bridges(subnet: IPv4Network, namespaces: Path = NAMESPACES) -> list[Path]:
    """The namespaces in which the labs' network has its bridge on this node."""
    gateway = str(next(subnet.hosts()))
    there = [path for path in sorted(namespaces.glob("1-*")) if _is_namespace(path)]
    return [path for path in there if f" {gateway}/" in _inside(path, "ip", "addr", "show")]


def _is_namespace(path: Path) -> bool:
    """Whether a namespace is mounted there: for a minute after a network went, Docker leaves an empty file behind."""
    try:
        return path.stat().st_dev == Path("/proc/self/ns/net").stat().st_dev
    except FileNotFoundError:
        return False


def guard(namespace: Path, guarded: Guarded) -> None:
    """Put the rules in, or replace them; again and again is the same as once. GuardError where it can't be."""
    switch = _inside(namespace, "cat", "/proc/sys/net/bridge/bridge-nf-call-iptables", check=False).strip()
    if switch != "1":
        raise GuardError(
            f"packets between labs don't pass iptables here (bridge-nf-call-iptables is {switch or 'missing'}); "
            "load br_netfilter there: echo br_netfilter > /etc/modules-load.d/br_netfilter.conf; modprobe br_netfilter"
        )
    _inside(namespace, "iptables-restore", "--wait", "--noflush", text=guarded.restore_text)
    jump = ("FORWARD", "-j", CHAIN)
    if _fails(namespace, "iptables", "--wait", "-C", *jump):
        _inside(namespace, "iptables", "--wait", "-I", *jump)
    # labs have no IPv6, and nothing else has to
    if _fails(namespace, "ip6tables", "--wait", "-C", "FORWARD", "-j", "DROP"):
        _inside(namespace, "ip6tables", "--wait", "-I", "FORWARD", "-j", "DROP", check=False)


def is_guarded(namespace: Path) -> bool:
    return not _fails(namespace, "iptables", "--wait", "-C", "FORWARD", "-j", CHAIN)


def _inside(namespace: Path, *command: str, text: str | None = None, check: bool = True) -> str:
    done = subprocess.run(
        ["nsenter", f"--net={namespace}", *command], input=text, capture_output=True, text=True, timeout=CALL_SECONDS
    )
    if check and done.returncode:
        raise GuardError(f"{' '.join(command)} in {namespace.name} failed: {done.stderr.strip()}")
    return done.stdout


def _fails(namespace: Path, *command: str) -> bool:
    done = subprocess.run(["nsenter", f"--net={namespace}", *command], capture_output=True, timeout=CALL_SECONDS)
    return done.returncode != 0


class Names:
    """The addresses behind the campus's own names: each service's own, and each of its tasks'.

    They are looked up beside, since a name nobody has takes its time. An answer that doesn't come changes nothing for
    a while: a moment's silence of Docker's names must not cut labs off from hub and portal.
    """

    def __init__(
        self, services: Iterable[str], ask: Asker = look_up, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._names = [name for service in services for name in (service, f"tasks.{service}")]
        self._ask = ask
        self._clock = clock
        self._known: dict[str, tuple[frozenset[str], float]] = {}
        #: whether each name has been looked up at least once
        self.asked = False

    @property
    def addresses(self) -> tuple[str, ...]:
        """As they were last found, in the order of their texts."""
        return tuple(sorted(frozenset().union(*(addresses for addresses, _ in self._known.values()))))

    def refresh(self) -> None:
        """Look up each name once."""
        known = dict(self._known)
        for name in self._names:
            try:
                known[name] = (self._ask(name), self._clock())
            except OSError:
                if name in known and self._clock() - known[name][1] > REMEMBERED:
                    del known[name]
        self._known, self.asked = known, True

    def follow(self, ended: threading.Event) -> None:
        while not ended.is_set():
            self.refresh()
            ended.wait(LOOK_EVERY)


def look(guarded: Guarded, known: dict[Path, Guarded], *, asked: bool) -> None:
    """One round: what has changed since `known` is put right.

    While the campus's own addresses haven't been `asked` for, rules that an earlier guard left stay as they are.
    """
    found = bridges(guarded.subnet)
    for gone in [path for path in known if path not in found]:
        del known[gone]
    for namespace in found:
        if not asked and is_guarded(namespace):
            continue
        if known.get(namespace) != guarded or not is_guarded(namespace):
            guard(namespace, guarded)
            known[namespace] = guarded
            log.info("%s is guarded; the campus's own: %s", namespace.name, ", ".join(guarded.services) or "nobody")


def is_healthy() -> bool:
    """Whether the labs' network was there, and guarded, a moment ago."""
    try:
        return time.time() - LOOKED.stat().st_mtime < STALE
    except FileNotFoundError:
        return False


def main() -> int:
    """Guard until it is ended. What fails is said and tried again."""
    if sys.argv[1:] == ["--healthy"]:
        return 0 if is_healthy() else 1
    logging.basicConfig(level=logging.INFO, format="[%(levelname)1.1s %(asctime)s guard] %(message)s")
    env = Environment(os.environ)
    network = read_lab_network(
        env,
        campus=read_campus(env),
        hub_api_url=env.url("HUB_API_URL", "http://hub:8081/hub/api"),
        portal_url=env.url("PORTAL_URL", "http://portal:8010/services/portal"),
    )
    names = env.names("LAB_SERVICES") or ("hub", "proxy", "portal")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    known: dict[Path, Guarded] = {}
    os.environ.setdefault("RES_OPTIONS", "timeout:2 attempts:1")
    campus = Names(names)
    threading.Thread(target=campus.follow, args=(ended,), daemon=True).start()
    while True:
        try:
            asked = campus.asked  # before the addresses
            look(Guarded(network.subnet, campus.addresses, network.fence.ports), known, asked=asked)
            if known:
                LOOKED.touch()
        except (GuardError, OSError, subprocess.SubprocessError) as error:
            log.error("The labs' network is NOT guarded on this node: %s", error)
        if ended.wait(LOOK_EVERY):
            return 0


if __name__ == "__main__":
    sys.exit(main())
