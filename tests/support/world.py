"""A small world around an engine's machine: hosts of a site's network, the cloud's metadata address, the internet.

python world.py ADDRESS:PORT...      answers OPEN at each
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

from own_engine import OwnEngine
from waiting import wait_for

METADATA = "169.254.169.254"
INTERNET = "203.0.113.9"
SITE = "10.99.7.9"
OTHER_SITE = "192.168.77.5"
HOSTS = (METADATA, INTERNET, SITE, OTHER_SITE)
#: a registry at SITE that is there and never gives what it is asked for
SILENT = 5999


HELD: list[socket.socket] = []


class World:
    """Hosts behind a cable of the engine's machine, in a network namespace of their own."""

    def __init__(self, engine: OwnEngine, ports: tuple[int, ...] = (80, 53, 5000)) -> None:
        where = [*(f"{host}:{port}" for host in HOSTS for port in ports), f"{SITE}:{SILENT}"]
        self._process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c"),
                'until ip link set world up 2>/dev/null; do sleep 0.05; done; ip link set lo up; exec "$@"',
                *("world", sys.executable, __file__, *where),
            ],
            stdout=subprocess.PIPE,
        )
        own = Path("/proc/self/ns/net").readlink()
        pid = self._process.pid
        wait_for("a world of its own", lambda: Path(f"/proc/{pid}/ns/net").readlink() != own, 10)
        engine.run("ip", "link", "add", "cable", "type", "veth", "peer", "name", "world", "netns", str(pid))
        engine.run("ip", "addr", "add", "10.98.0.1/30", "dev", "cable")
        engine.run("ip", "link", "set", "cable", "up")
        inside = ["nsenter", "--net", "--target", str(pid), "ip"]
        for host in HOSTS:
            subprocess.run([*inside, "addr", "add", f"{host}/32", "dev", "world"], check=True)
        subprocess.run([*inside, "addr", "add", "10.98.0.2/30", "dev", "world"], check=True)
        subprocess.run([*inside, "route", "add", "default", "via", "10.98.0.1"], check=True)
        for host in HOSTS:
            engine.run("ip", "route", "add", f"{host}/32", "via", "10.98.0.2")
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"open\n"
        self.pid = pid

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program out there."""
        return subprocess.run(
            ["nsenter", "--net", "--target", str(self.pid), *command], capture_output=True, text=True, timeout=60
        )

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def answer_at(where: list[str]) -> None:
    """Answer OPEN to everybody who connects, over tcp, at each ADDRESS:PORT."""
    for place in where:
        host, port = place.rsplit(":", 1)
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_IP, getattr(socket, "IP_FREEBIND", 15), 1)
        listener.bind((host, int(port)))
        listener.listen(50)
        threading.Thread(target=_serve, args=(listener,)).start()
    print("open", flush=True)


def _serve(listener: socket.socket) -> None:
    while True:
        caller, _ = listener.accept()
        if listener.getsockname()[1] == SILENT:
            _hang(caller)
            continue
        with caller:
            try:
                caller.sendall(b"OPEN")
            except OSError:
                continue


def _hang(caller: socket.socket) -> None:
    asked = caller.recv(1024)
    if asked.startswith((b"GET /v2/ ", b"HEAD /v2/ ")):
        caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    elif asked.startswith((b"GET", b"HEAD")):
        HELD.append(caller)
        return
    caller.close()


if __name__ == "__main__":
    answer_at(sys.argv[1:])
