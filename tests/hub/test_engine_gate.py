"""The gate's wires: one request a connection, written anew; streams to their ends; nothing slips in behind a request.

The engine is a stand-in at its socket that writes down every byte that reaches it.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from gate_requests import GRADER, HUB, lab_body, marking_body
from waiting import wait_for

from hub_config import engine_gate
from hub_config.engine_gate import Gate, listen
from hub_config.environment import SettingsError
from hub_config.gate_health import answers
from hub_config.gate_rules import Rules
from hub_config.gate_settings import Door, read_gate_settings
from hub_config.gate_wire import BODY_LIMIT

ID = "f" * 64
Answering = Callable[["StandIn", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PRIVILEGED = b'POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 19\r\n\r\n{"Privileged":true}'


class StandIn:
    """Listens where an engine would. `heard` is what each connection brought."""

    def __init__(self, answering: Answering, labels: dict[str, str]) -> None:
        self.heard: list[bytearray] = []
        self.ended = asyncio.Event()
        self._answering, self._labels = answering, labels

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = bytearray()
        self.heard.append(heard)
        try:
            heard += await reader.readuntil(b"\r\n\r\n")
            if heard.startswith(b"GET /v1.41/containers/") and b"/json " in heard:
                found = {"Id": ID, "Config": {"Labels": self._labels}}
                writer.write(answer(json.dumps(found).encode()))
                return
            await self._answering(self, reader, writer)
            writer.write_eof()
            while data := await reader.read(1 << 16):
                heard += data
            self.ended.set()
        except (OSError, asyncio.IncompleteReadError):
            self.ended.set()
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.close()


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def say_ok(engine: StandIn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"{}"))


def with_gate(
    folder: Path,
    act: Callable[[StandIn, Path], Coroutine[Any, Any, None]],
    *,
    rules: Rules = GRADER,
    answering: Answering = say_ok,
    labels: dict[str, str] | None = None,
) -> None:
    """Run `act` with a stand-in and the path of the gate's socket before it."""

    async def run() -> None:
        engine = StandIn(answering, labels if labels is not None else marking_body()["Labels"])
        behind = await asyncio.start_unix_server(engine.meet, folder / "engine.sock")
        door = Door(folder / "gate.sock", rules, None)
        gate = Gate(rules, str(folder / "engine.sock"))
        before = await listen(door, gate)
        try:
            async with asyncio.timeout(30):
                await act(engine, door.path)
        finally:
            before.close()
            behind.close()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            for _ in range(5):  # transports close a turn after they are told to
                await asyncio.sleep(0)

    asyncio.run(run())


async def say(path: Path, request: bytes) -> bytes:
    """The whole answer to these bytes."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(request)
    try:
        return await reader.read()
    finally:
        writer.close()


def request(method: str, target: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: docker", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def test_a_request_is_written_anew_from_what_was_checked(tmp_path: Path) -> None:
    body = json.dumps(marking_body(), indent=3).encode()
    asked = request(
        "POST", "/v1.41/containers/create", body, "Cookie: a=b", "X-Forwarded-For: me", "X-Registry-Auth: e"
    )

    async def act(engine: StandIn, path: Path) -> None:
        assert (await say(path, asked)).startswith(b"HTTP/1.1 200 OK")
        [heard] = engine.heard
        head, _, sent = bytes(heard).partition(b"\r\n\r\n")
        assert head.split(b"\r\n") == [
            b"POST /v1.41/containers/create HTTP/1.1",
            b"Host: docker",
            b"Connection: close",
            b"Content-Type: application/json",
            b"Content-Length: %d" % len(sent),
        ]
        assert json.loads(sent)["HostConfig"]["CapDrop"] == ["ALL"]
        assert b"\n" not in sent

    with_gate(tmp_path, act)


def test_a_body_in_chunks_arrives_whole(tmp_path: Path) -> None:
    body = json.dumps(marking_body()).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:99], body[99:])) + b"0\r\n\r\n"
    asked = request("POST", "/v1.41/containers/create", b"", "Transfer-Encoding: chunked") + chunks

    async def act(engine: StandIn, path: Path) -> None:
        assert (await say(path, asked)).startswith(b"HTTP/1.1 200 OK")
        assert b"Transfer-Encoding" not in engine.heard[0]
        assert json.loads(bytes(engine.heard[0]).partition(b"\r\n\r\n")[2])["Image"] == "bitgoeul-marking"

    with_gate(tmp_path, act)


def test_a_second_request_on_a_connection_is_never_heard(tmp_path: Path) -> None:
    async def act(engine: StandIn, path: Path) -> None:
        said = await say(path, request("GET", "/v1.41/info") + PRIVILEGED)
        assert said.count(b"HTTP/1.1 ") == 1
        assert len(engine.heard) == 1
        assert b"Privileged" not in engine.heard[0]

    with_gate(tmp_path, act)


SMUGGLED = {
    "two lengths": b"GET /v1.41/info HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\nContent-Length: 90\r\n\r\n",
    "two lengths in one": b"GET /v1.41/info HTTP/1.1\r\nHost: d\r\nContent-Length: 0, 90\r\n\r\n",
    "a length with a sign": b"GET /v1.41/info HTTP/1.1\r\nHost: d\r\nContent-Length: +0\r\n\r\n",
    "chunks and a length": (
        b"GET /v1.41/info HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "chunks by another name": (b"GET /v1.41/info HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "chunks twice": (
        b"GET /v1.41/info HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"
    ),
    "a space before the colon": b"GET /v1.41/info HTTP/1.1\r\nHost: d\r\nContent-Length : 90\r\n\r\n",
    "a line of its own": b"GET /v1.41/info\rX: y HTTP/1.1\r\nHost: d\r\n\r\n",
    "a body after an upgrade": request(
        "POST", "/v1.41/containers/abc/attach?stdin=1", b"{}", "Connection: Upgrade", "Upgrade: tcp"
    ),
    "an upgrade of something else": request("GET", "/v1.41/info", b"", "Connection: Upgrade", "Upgrade: h2c"),
    "a body where none is": request("POST", "/v1.41/containers/abc/start", b'{"Privileged":true}'),
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("sent", SMUGGLED.values(), ids=SMUGGLED)
def test_a_request_that_can_be_read_in_two_ways_reaches_no_engine(tmp_path: Path, sent: bytes) -> None:
    async def act(engine: StandIn, path: Path) -> None:
        assert (await say(path, sent + PRIVILEGED)).startswith(b"HTTP/1.1 400 ")
        assert engine.heard == []

    with_gate(tmp_path, act)


def test_a_body_without_end_is_refused(tmp_path: Path) -> None:
    async def act(engine: StandIn, path: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(request("POST", "/v1.41/containers/create", b"", "Transfer-Encoding: chunked"))
        writer.write(b"%x\r\n%s\r\n" % (BODY_LIMIT + 1, b" " * (BODY_LIMIT + 1)))
        assert (await reader.read()).startswith(b"HTTP/1.1 413 ")
        writer.close()
        assert engine.heard == []

    with_gate(tmp_path, act)


def test_a_refusal_is_in_the_engine_s_form_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    body = json.dumps(lab_body() | {"Hostname": "hub"}).encode()

    async def act(engine: StandIn, path: Path) -> None:
        said = await say(path, request("POST", "/v1.41/containers/create?name=test-minji", body))
        head, _, told = said.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n")
        assert "Hostname" in json.loads(told)["message"]
        assert engine.heard == []

    with_gate(tmp_path, act, rules=HUB)
    assert "Refused to the hub: POST /v1.41/containers/create: Hostname is" in caplog.text


def test_a_refusal_is_one_line_of_the_log_whatever_it_names(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    body = json.dumps(marking_body() | {"x\n[W gate] Refused to nobody": 1}).encode()

    async def act(engine: StandIn, path: Path) -> None:
        assert b" 403 " in await say(path, request("POST", "/v1.41/containers/create", body))

    with_gate(tmp_path, act)
    assert "\n" not in caplog.messages[-1]


def test_a_request_that_doesn_t_come_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_gate, "REQUEST_SECONDS", 0.2)

    async def act(engine: StandIn, path: Path) -> None:
        assert (await say(path, b"GET /v1.41/info HTTP/1.1\r\nHost:")).startswith(b"HTTP/1.1 408 ")

    with_gate(tmp_path, act)


def test_somebody_else_s_container_is_looked_up_and_left_alone(tmp_path: Path) -> None:
    async def act(engine: StandIn, path: Path) -> None:
        for _ in range(2):
            said = await say(path, request("DELETE", "/v1.41/containers/abc?force=1"))
            assert said.startswith(b"HTTP/1.1 403 ")
        assert [bytes(heard).split(b" ")[0] for heard in engine.heard] == [b"GET", b"GET"]

    with_gate(tmp_path, act, labels={"com.docker.compose.service": "db"})


def test_one_s_own_container_is_called_by_the_id_that_was_found(tmp_path: Path) -> None:
    async def act(engine: StandIn, path: Path) -> None:
        for name in ("abc", ID):
            assert (await say(path, request("POST", f"/v1.41/containers/{name}/start"))).startswith(b"HTTP/1.1 200 ")
        assert [bytes(heard).split(b"\r\n")[0] for heard in engine.heard] == [
            b"GET /v1.41/containers/abc/json HTTP/1.1",
            b"POST /v1.41/containers/%s/start HTTP/1.1" % ID.encode(),
            b"POST /v1.41/containers/%s/start HTTP/1.1" % ID.encode(),
        ]

    with_gate(tmp_path, act)


def test_streams_flow_as_they_come(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def pull(engine: StandIn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await go_on.wait()
        writer.write(b"6\r\nsecond\r\n0\r\n\r\n")

    async def act(engine: StandIn, path: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(request("POST", "/v1.41/images/create?fromImage=lab&tag=1"))
        await reader.readuntil(b"first\r\n")
        go_on.set()
        assert (await reader.read()).endswith(b"second\r\n0\r\n\r\n")
        writer.close()

    with_gate(tmp_path, act, rules=HUB, answering=pull)


def test_a_client_that_goes_away_ends_the_engine_s_side(tmp_path: Path) -> None:
    async def follow(engine: StandIn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nline\n")
        await reader.read()

    async def act(engine: StandIn, path: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(request("POST", "/v1.41/images/create?fromImage=lab&tag=1"))
        await reader.readuntil(b"line\n")
        writer.transport.abort()
        await engine.ended.wait()

    with_gate(tmp_path, act, rules=HUB, answering=follow)


ATTACH = request("POST", f"/v1.41/containers/{ID}/attach?stdin=1&stdout=1", b"", "Connection: Upgrade", "Upgrade: tcp")


def test_an_attached_stream_goes_both_ways_each_to_its_own_end(tmp_path: Path) -> None:
    async def attach(engine: StandIn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nready")
        said = await reader.read()
        writer.write(b"you said %d bytes" % len(said))

    async def act(engine: StandIn, path: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(ATTACH + b"early ")
        await reader.readuntil(b"ready")
        writer.write(b"x" * 3_000_000)
        writer.write_eof()
        assert await reader.read() == b"you said 3000006 bytes"
        writer.close()

    with_gate(tmp_path, act, answering=attach)


def test_who_hangs_up_an_attached_stream_is_noticed(tmp_path: Path) -> None:
    async def attach(engine: StandIn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nready")
        await reader.read()  # the end of what the client says; this end stays open
        await engine_closed(writer)

    async def engine_closed(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"")
            await asyncio.sleep(0.05)
            poll = select.poll()
            poll.register(writer.get_extra_info("socket").fileno(), 0)
            if poll.poll(0):
                return

    async def act(engine: StandIn, path: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(ATTACH)
        await reader.readuntil(b"ready")
        writer.transport.abort()
        await engine.ended.wait()

    with_gate(tmp_path, act, answering=attach)


@pytest.mark.parametrize("status", [b"404 Not Found", b"200 OK", b"400 101", b"1011 X", b"100 Continue"])
def test_an_upgrade_that_the_engine_doesn_t_take_brings_nothing_after_it(tmp_path: Path, status: bytes) -> None:
    done = asyncio.Event()

    async def refuse(engine: StandIn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: 2\r\n\r\n{}" % status)
        await done.wait()  # as a server that waits for the next request

    async def act(engine: StandIn, path: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(ATTACH + PRIVILEGED)
        await reader.readuntil(b"{}")
        writer.write(PRIVILEGED)
        await writer.drain()
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        done.set()
        await engine.ended.wait()
        assert all(b"Privileged" not in heard for heard in engine.heard)

    with_gate(tmp_path, act, answering=refuse)


def test_an_engine_that_is_away_is_said_so(tmp_path: Path) -> None:
    async def act(engine: StandIn, path: Path) -> None:
        (tmp_path / "engine.sock").unlink()
        for asked in (request("GET", "/v1.41/info"), request("GET", "/v1.41/containers/abc/json")):
            said = await say(path, asked)
            assert said.startswith(b"HTTP/1.1 502 ")
            assert b"The engine does not answer" in said

    with_gate(tmp_path, act)


def test_the_health_check_asks_the_engine_through_the_gate(tmp_path: Path) -> None:
    async def act(engine: StandIn, path: Path) -> None:
        assert await asyncio.to_thread(answers, str(path))
        (tmp_path / "engine.sock").unlink()
        assert not await asyncio.to_thread(answers, str(path))
        assert not await asyncio.to_thread(answers, str(tmp_path / "nowhere"))

    with_gate(tmp_path, act, rules=HUB)


def test_one_client_can_t_open_connections_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_gate, "CONNECTIONS", 3)

    async def act(engine: StandIn, path: Path) -> None:
        held = [await asyncio.open_unix_connection(path) for _ in range(3)]
        assert (await say(path, request("GET", "/v1.41/info"))).startswith(b"HTTP/1.1 503 ")
        for _, writer in held:
            writer.close()

        for _ in range(100):
            said = await say(path, request("GET", "/v1.41/info"))
            if said.startswith(b"HTTP/1.1 200 "):
                break
            await asyncio.sleep(0.05)
        assert said.startswith(b"HTTP/1.1 200 ")

    with_gate(tmp_path, act)


def test_a_socket_is_for_its_group_alone_and_replaces_one_that_was_left(tmp_path: Path) -> None:
    group = os.getgroups()[-1] if os.geteuid() else 2001

    async def act() -> None:
        with closing(socket.socket(socket.AF_UNIX)) as left:
            left.bind(str(tmp_path / "hub.sock"))
        server = await listen(Door(tmp_path / "hub.sock", HUB, group), Gate(HUB, "/nowhere"))
        found = (tmp_path / "hub.sock").stat()
        assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o660, group)
        server.close()

    asyncio.run(act())


def test_what_isn_t_a_socket_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "hub.sock").write_text("somebody's")
    with pytest.raises(SettingsError, match="no socket"):
        asyncio.run(listen(Door(tmp_path / "hub.sock", HUB, None), Gate(HUB, "/nowhere")))
    assert (tmp_path / "hub.sock").read_text() == "somebody's"


@pytest.mark.parametrize(("image", "sockets"), [("", {"hub"}), ("marking", {"hub", "grader"})])
def test_the_program_opens_the_sockets_that_are_needed_and_takes_them_away(
    tmp_path: Path, image: str, sockets: set[str]
) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "BITGOEUL_GATE_SOCKETS": str(tmp_path),
        "BITGOEUL_WORKER_IMAGE": image,
    }
    gate = subprocess.Popen([sys.executable, "-m", "hub_config.engine_gate"], env=environment, stderr=subprocess.PIPE)
    try:
        wait_for("its sockets", lambda: {path.parent.name for path in tmp_path.glob("*/docker.sock")} == sockets, 60)
        gate.send_signal(signal.SIGTERM)
        assert gate.wait(20) == 0
        assert list(tmp_path.glob("*/*")) == []
    finally:
        gate.kill()
        gate.communicate()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("DOCKER_HOST", "tcp://10.0.0.1:2375"),
        ("BITGOEUL_LAB_NETWORK", "host"),
        ("BITGOEUL_LAB_NETWORK", "container:db"),
        ("BITGOEUL_LAB_HOMES", "homes"),
        ("BITGOEUL_GATE_HUB_GROUP", "root"),
        ("BITGOEUL_ACCOUNT", "2000:0"),
    ],
)
def test_settings_that_can_t_be_are_refused(setting: str, value: str) -> None:
    with pytest.raises(SettingsError, match=setting):
        read_gate_settings({setting: value})
