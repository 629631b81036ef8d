"""A stand-in for the portal's /api/gpus, as far as a hub and its warden speak to it; keeps what it was told."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MIB = 2**20


@dataclass
class LeaseDesk:
    """Grants "cpu" to everybody and `slices` leases of kind `kind` to whoever asks for "gpu-slice"."""

    address: str
    token: str
    image: str
    slices: int = 6
    kind: str = "GPU"
    #: what a profile gets besides the usual
    special: dict[str, dict[str, Any]] = field(default_factory=dict)
    leases: dict[str, int] = field(default_factory=dict)
    running: dict[int, dict[str, str]] = field(default_factory=dict)
    ended: list[tuple[int, str]] = field(default_factory=list)
    #: what the warden said last
    engine: dict[str, Any] = field(default_factory=dict)
    remove: list[int] = field(default_factory=list)
    _made: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://{self.address}:{self._server.server_port}/services/portal"

    def reasons(self, lease: int) -> list[str]:
        return [reason for ended, reason in self.ended if ended == lease]

    def start(self) -> None:
        desk = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(200, {"courses": [], "assignments": [], "attempts": [], "feedback": []})

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
                if self.headers.get("Authorization") != f"token {desk.token}":
                    return self.answer(401, {})
                with desk._lock:
                    self.answer(*desk.decide(self.path.partition("/api/gpus/")[2].split("/"), asked))

            def answer(self, status: int, told: dict[str, Any]) -> None:
                body = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer((self.address, 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def decide(self, path: list[str], asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        match path:
            case ["grants"]:
                return self._grant(asked["username"], asked["profile"] or "cpu")
            case ["leases", lease, "running"]:
                self.running[int(lease)] = asked
            case ["leases", lease, "ended"]:
                self.ended.append((int(lease), asked["reason"]))
                self.leases = {name: held for name, held in self.leases.items() if held != int(lease)}
            case ["engine"]:
                self.engine = asked
                return 200, {"remove": self.remove}
        return 200, {}

    def _grant(self, username: str, profile: str) -> tuple[int, dict[str, Any]]:
        hardware = {
            **{"name": profile, "image": self.image, "memory": 1024 * MIB, "cpus": 1.0, "shm": 64 * MIB},
            **{"pids": 128, "disk": 0},
            **self.special.get(profile, {}),
        }
        if not profile.startswith("gpu"):
            return 200, {"hardware": hardware, "lease": None}
        if username not in self.leases:
            if len(self.leases) >= self.slices:
                waiting = {"url": "/services/portal/waiting", "position": 1, "estimate": 60}
                return 409, {"error": "All slices are in use.", "error_ko": "모두 사용 중입니다.", "waiting": waiting}
            self._made += 1
            self.leases[username] = self._made
        lease = {"id": self.leases[username], "kind": self.kind, "device": "", "node": ""}
        return 200, {"hardware": hardware, "lease": lease}
