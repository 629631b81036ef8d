"""Whether the gate lets a question through to the container engine, for its container's health check.

    python3 -m hub_config.gate_health      exit status 0 where the engine answers through the hub's socket

Imports next to nothing: it runs again and again.
"""

from __future__ import annotations

import os
import socket
import sys

SECONDS = 10.0


def answers(path: str) -> bool:
    """Whether an engine answers at this socket."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(SECONDS)
        try:
            wire.connect(path)
            wire.sendall(b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n")
            return wire.recv(64).startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False


if __name__ == "__main__":
    sys.exit(0 if answers(f"{os.environ.get('BITGOEUL_GATE_SOCKETS') or '/run/gate'}/hub/docker.sock") else 1)
