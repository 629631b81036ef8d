"""A person's server ends when it is told to, whatever it is in the middle of."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
from ports import free_port
from waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
#: A server that answers /slow from a thread, as it reads and writes files; started as a person's is, but without a hub.
CODE = """
import sys, time
import anyio
from jupyter_server.serverapp import ServerApp
from tornado import web
from hub_config.lab import start

start.prepare()
start.prepare = lambda: None  # once is all there is
from hub_config.lab.server import CampusServer

class Slow(web.RequestHandler):
    async def get(self):
        print("begun", flush=True)
        await anyio.to_thread.run_sync(time.sleep, 2)

def serve():
    app = ServerApp.instance()
    app.initialize(argv=sys.argv[1:], find_extensions=False)
    app.web_app.add_handlers(".*$", [("/slow", Slow)])
    app.start()

CampusServer.launch_instance = serve
start.main()
"""


def test_a_server_ends_in_the_middle_of_a_request(tmp_path: Path) -> None:
    port = free_port()
    flags = [f"--port={port}", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token="]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        [sys.executable, "-c", CODE, *flags], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            wait_for("the server answers", lambda: answers(url), 60)
            asking = threading.Thread(target=answers, args=(f"{url}/slow",))
            asking.start()
            assert server.stdout
            assert server.stdout.readline() == "begun\n"
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) == 0
            asking.join()
        finally:
            server.kill()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=60, trust_env=False).status_code < 500
    except httpx.TransportError:
        return False
