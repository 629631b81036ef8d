"""The portal's process: told to stop, it goes as its settings say."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
from ports import free_port
from waiting import wait_for

from portal.campus_tree import Addresses, build_environment, prepare_data

LINGER = 4


def test_a_portal_that_goes_takes_requests_for_a_while_and_keeps_no_connection(tmp_path: Path) -> None:
    data, port = tmp_path / "campus", free_port()
    prepare_data(data)
    addresses = Addresses("127.0.0.1", free_port(), free_port(), port, free_port())
    environment = build_environment(os.environ, data, addresses) | {"BITGOEUL_PORTAL_LINGER": str(LINGER)}
    process = subprocess.Popen(
        [sys.executable, "-m", "portal.server", "--port", str(port)], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/services/portal", trust_env=False) as kept:

            def answers() -> bool:
                try:
                    return kept.get("/sign-in").status_code < 500
                except httpx.ConnectError:
                    return False

            wait_for("the portal answers", answers, 60)
            assert "connection" not in kept.get("/sign-in").headers
            process.send_signal(signal.SIGTERM)
            wait_for(
                "an answer is its connection's last",
                lambda: kept.get("/sign-in").headers.get("connection") == "close",
                LINGER / 2,
            )
            assert httpx.get(f"{kept.base_url}sign-in", trust_env=False).status_code < 500
        assert process.wait(LINGER + 30) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.wait()
