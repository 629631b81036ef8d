"""Stands where the portal's /api/gpus listens, with the contract's answers; everything else goes on to the real portal.

    python lease_desk.py HOST PORT FOLDER PORTAL TOKEN

FOLDER/hardware.json says what there is: profiles by name, with devices where they are leased. FOLDER/calls.jsonl gets
every call; FOLDER/remove.json, where it is, names the leases that /engine answers with.
"""

from __future__ import annotations

import itertools
import json
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

LEASES = itertools.count(1)
HELD: dict[str, dict[str, Any]] = {}
LOCK = Lock()


class Desk(BaseHTTPRequestHandler):
    folder: Path
    portal: str
    token: str
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "/api/gpus/" not in self.path:
            return self._pass_on(body)
        if self.headers["Authorization"] != f"token {self.token}":
            return self._answer(401, {"error": "wrong token", "error_ko": "토큰이 다릅니다"})
        path, told = self.path.split("/api/gpus", 1)[1], json.loads(body)
        with LOCK:
            with (self.folder / "calls.jsonl").open("a") as calls:
                calls.write(json.dumps({"path": path, "body": told}) + "\n")
            status, answer = self._decide(path, told)
        self._answer(status, answer)

    def do_GET(self) -> None:
        self._pass_on(None)

    do_PUT = do_DELETE = do_PATCH = do_POST

    def _decide(self, path: str, told: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path == "/engine":
            remove = self.folder / "remove.json"
            return 200, {"remove": json.loads(remove.read_text()) if remove.exists() else []}
        if path != "/grants":
            lease, what = path.split("/")[2:4]
            if what == "ended":
                HELD.update({user: {} for user, held in HELD.items() if held.get("id") == int(lease)})
            return 200, {}
        there = json.loads((self.folder / "hardware.json").read_text())
        name = told["profile"] or "cpu"
        if name not in there:
            return 403, {"error": f"There is no hardware {name}.", "error_ko": f"{name} 장비가 없습니다."}
        hardware = dict(there[name])
        devices = hardware.pop("devices", None)
        if devices is None:
            return 200, {"hardware": {"name": name, **hardware}, "lease": None}
        lease = HELD.get(told["username"]) or {}
        taken = [held["device"] for held in HELD.values() if held]
        free = [device for device in devices if device not in taken]
        if not lease and not free:
            waiting = {"url": "/services/portal/waiting", "position": 1, "estimate": 720}
            return 409, {"error": "No GPU slice is free.", "error_ko": "빈 GPU가 없습니다.", "waiting": waiting}
        lease = lease or {"id": next(LEASES), "kind": "GPU", "device": free[0], "node": "node1"}
        HELD[told["username"]] = lease
        return 200, {"hardware": {"name": name, **hardware}, "lease": lease}

    def _pass_on(self, body: bytes | None) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        request = urllib.request.Request(self.portal + self.path, body, headers, method=self.command)
        try:
            with urllib.request.build_opener(_Still()).open(request, timeout=120) as answer:
                self._copy(answer)
        except urllib.error.HTTPError as error:
            self._copy(error)
        except OSError:
            self._answer(502, {"error": "no portal runs"})

    def _copy(self, answer: Any) -> None:
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _answer(self, status: int, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        return


class _Still(urllib.request.HTTPRedirectHandler):
    """Redirects are the caller's business."""

    def redirect_request(self, *_: Any) -> None:
        return None


if __name__ == "__main__":
    host, port, folder, portal, token = sys.argv[1:]
    Desk.folder, Desk.portal, Desk.token = Path(folder), portal, token
    ThreadingHTTPServer((host, int(port)), Desk).serve_forever()
