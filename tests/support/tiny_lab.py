"""Stands where a lab's server would be, without Jupyter: answers at once, tells who it is, ends as it is told.

GET .../who gives its container's host name and process; GET .../end?3 ends it with that status. A file `slow-to-stop`
in its home makes it take that many seconds to end when it is asked to.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BORN = time.time_ns()


class Lab(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path.endswith("/end"):
            os._exit(int(url.query))
        body = json.dumps({"user": os.environ["JUPYTERHUB_USER"], "born": BORN}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return


def stop(*_: Any) -> None:
    wish = Path.home() / "slow-to-stop"
    time.sleep(float(wish.read_text()) if wish.exists() else 0)
    sys.exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    at = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    ThreadingHTTPServer((at.hostname or "", at.port or 0), Lab).serve_forever()
