"""A portal at its process boundary: answers the two addresses that a learner's server asks, with what a test sets."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "token-of-this-server"


class LeasePortal:
    """What the portal answers, and what it was told. `status` other than 200 stands for an older or a broken portal."""

    def __init__(self) -> None:
        self.status = 200
        self.mine: Any = {"profile": "cpu", "lease": None, "notices": [], "ticket": None}
        self.ahead = timedelta(0)
        self.asked: list[datetime] = []
        self.activity: list[dict[str, Any]] = []
        self.refused: list[str] = []
        self.url = ""

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def lease(
        self, left: timedelta | None, *, notices: Any = (), in_class: bool = False, kind: str = "1g.18gb"
    ) -> None:
        """Have the person hold a slice that ends in `left`."""
        until = None if left is None else (self.now() + left).isoformat()
        lease = {"id": 17, "kind": kind, "since": self.now().isoformat(), "until": until, "in_class": in_class}
        self.mine = {"profile": "gpu-slice", "lease": lease, "notices": list(notices), "ticket": None}

    def ticket(self, position: int, *, turn: timedelta | None = None, notices: Any = ()) -> None:
        """Have the person wait."""
        ticket = {
            "position": position,
            "estimate": 540,
            "reason_ko": "GPU 64개를 모두 쓰고 있습니다.",
            "reason_en": "All 64 GPUs are in use.",
            "turn_until": None if turn is None else (self.now() + turn).isoformat(),
        }
        self.mine = {"profile": "cpu", "lease": None, "notices": list(notices), "ticket": ticket}


def notice(name: str, level: str = "info", url: Any = "/services/portal/waiting") -> dict[str, Any]:
    """A notice as the portal would write it, about idleness."""
    return {
        "id": name,
        "level": level,
        "ko": "GPU를 20분째 쓰지 않고 있습니다. 10분 뒤에 반납됩니다.",
        "en": "Your GPU has been idle for 20 minutes. It is taken back in 10 minutes.",
        "url": url,
    }


@contextmanager
def serving() -> Iterator[LeasePortal]:
    """A stand-in portal on loopback."""
    portal = LeasePortal()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            portal.asked.append(datetime.now(UTC))
            self.answer("/services/portal/api/gpus/mine", lambda: portal.mine)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer("/services/portal/api/gpus/activity", lambda: portal.activity.append(body) or {})

        def answer(self, path: str, told: Any) -> None:
            authorized = self.headers.get("Authorization") == f"token {TOKEN}"
            if not authorized or self.path != path:
                portal.refused.append(self.path)
            status = portal.status if authorized and self.path == path else 404
            answer = told() if status == 200 else {"error": "no"}
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response_only(status)
            self.send_header("Date", f"{portal.now():%a, %d %b %Y %H:%M:%S GMT}")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    portal.url = f"http://127.0.0.1:{server.server_port}/services/portal"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield portal
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
