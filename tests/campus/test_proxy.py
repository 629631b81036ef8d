"""The proxy as `bitgoeul up` starts it, in front of a server that dies while it answers."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from ports import free_port
from waiting import wait_for

from portal.campus_tree import build_environment, build_programs, choose_addresses

HEAD = b"HTTP/1.1 201 Created\r\nContent-Length: 20\r\n\r\n"


@pytest.fixture(scope="module")
def dying() -> Iterator[int]:
    """The port of a server that answers with what the path says and is gone."""
    answers = {"/head": HEAD, "/part": HEAD + b"twelve of 20", "/whole": HEAD + b"x" * 20}

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                visitor, _ = listener.accept()
            except OSError:
                return
            with visitor:
                path = visitor.recv(1 << 16).split(b" ")[1].decode()
                visitor.sendall(answers.get(path.removesuffix("/reset"), b""))
                if path.endswith("/reset"):
                    time.sleep(0.2)  # what is still on its way is lost at a reset
                    visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,), daemon=True)
        server.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        server.join(10)


@pytest.fixture(scope="module")
def proxy(dying: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("proxy")
    addresses = choose_addresses("127.0.0.1", free_port())
    environment = build_environment({"PATH": os.environ["PATH"]}, folder, addresses)
    (program,) = [found for found in build_programs(environment, folder, addresses, 1) if found.name == "proxy"]
    command = [argument.replace(str(addresses.hub), str(dying)) for argument in program.command]
    process = subprocess.Popen(command, env=dict(program.environment))
    try:
        wait_for("the proxy", program.ready, 30)
        with closing(httpx.Client(base_url=f"http://127.0.0.1:{addresses.public}", timeout=20)) as client:
            yield client
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("path", ["/head", "/head/reset", "/part", "/part/reset"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_that_stops_midway_is_cut_off_and_keeps_nobody_waiting(
    proxy: httpx.Client, method: str, path: str
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        proxy.request(method, path)


def test_whole_answers_pass_and_a_server_that_says_nothing_is_an_error(proxy: httpx.Client) -> None:
    whole = proxy.get("/whole")
    assert (whole.status_code, whole.text) == (201, "x" * 20)
    assert proxy.get("/no").status_code == 503
