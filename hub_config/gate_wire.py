"""Requests on the gate's wires: read one whole, ask the engine something, send one on, carry streams to their end.

One request a connection. What comes after it is carried only where the engine has taken the connection over
(status 101): until then an engine would read it as its next request.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import select
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import h11

from hub_config.gate_rules import Passed, Request
from hub_config.gate_values import Refused

CHUNK = 1 << 16
BODY_LIMIT = 1 << 20
HEAD_LIMIT = 1 << 15
ANSWER_LIMIT = 1 << 23
REQUEST_SECONDS = 30.0
LINGER_SECONDS = 2.0
LOOK_EVERY = 1.0
#: headers that say how long a request is, or what becomes of its connection: one of each
_ONCE = (b"content-length", b"transfer-encoding", b"host", b"upgrade", b"connection")


@dataclass
class Wire:
    """One end's connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def end(self) -> None:
        self.writer.transport.abort()

    async def close(self) -> None:
        """Send what is left, and end. What the other end still says is taken first: an answer would be lost with it."""
        with contextlib.suppress(OSError, TimeoutError):
            self.writer.write_eof()
            async with asyncio.timeout(LINGER_SECONDS):
                while await self.reader.read(CHUNK):
                    pass
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    def is_gone(self) -> bool:
        """Whether the other end is closed for both directions: one that only ended its own still listens."""
        handle = self.writer.get_extra_info("socket")
        if self.writer.transport.is_closing() or handle is None or handle.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(handle.fileno(), 0)  # a closed one is told of unasked
        return bool(poll.poll(0))


async def open_wire(path: str) -> Wire:
    return Wire(*await asyncio.open_unix_connection(path))


async def read_request(wire: Wire) -> tuple[Request, bytes] | None:
    """The request, and what came after it; None where the other end said nothing. Raises Refused."""
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
    head: h11.Request | None = None
    body = bytearray()
    try:
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                data = await wire.reader.read(CHUNK)
                if not data and head is None and not parser.trailing_data[0]:
                    return None
                parser.receive_data(data)
            elif isinstance(event, h11.Request):
                head = event
                _check_head(head)
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > BODY_LIMIT:
                    raise Refused(f"The request's body has more than {BODY_LIMIT} bytes.", 413)
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return _request(head, bytes(body)), parser.trailing_data[0]
            else:
                return None
    except h11.RemoteProtocolError as error:
        raise Refused(f"The request can't be read: {error}.", 400) from None


def _check_head(head: h11.Request) -> None:
    names = [name for name, _ in head.headers.raw_items()]
    lowered = [name.lower() for name in names]
    if any(lowered.count(name) > 1 for name in _ONCE):
        raise Refused("The request has a header twice that may be there once.", 400)
    if b"transfer-encoding" in lowered and b"content-length" in lowered:
        raise Refused("The request has both a Content-Length and a Transfer-Encoding.", 400)


def _request(head: h11.Request, body: bytes) -> Request:
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
    return Request(head.method.decode("ascii"), head.target.decode("ascii"), headers, body)


def build_request(passed: Passed, found: str) -> bytes:
    """The request as the engine gets it: nothing of the original but what was checked."""
    lines = [f"{passed.method} {passed.target(found)} HTTP/1.1", "Host: docker"]
    lines += [f"{name}: {value}" for name, value in passed.headers.items()]
    lines += ["Connection: Upgrade", "Upgrade: tcp"] if passed.upgrade else ["Connection: close"]
    if passed.body:
        lines.append("Content-Type: application/json")
    if passed.method == "POST":
        lines.append(f"Content-Length: {len(passed.body)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + passed.body


def build_answer(status: int, message: str) -> bytes:
    """An answer in the engine's own form."""
    body = json.dumps({"message": message}).encode()
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


async def ask(path: str, target: str) -> tuple[int, Any]:
    """What the engine at `path` says to GET `target`: status and JSON. OSError or ValueError where it says nothing."""
    wire = await open_wire(path)
    try:
        wire.writer.write(f"GET {target} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n".encode("ascii"))
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method="GET", target=target, headers=[("Host", "docker"), ("Connection", "close")]))
        status, body = 0, bytearray()
        while True:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                parser.receive_data(await wire.reader.read(CHUNK))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > ANSWER_LIMIT:
                    raise ValueError("the engine's answer is too long")
            elif isinstance(event, h11.EndOfMessage):
                return status, json.loads(body)
    except h11.RemoteProtocolError as error:
        raise ValueError(f"the engine's answer can't be read: {error}") from None
    finally:
        wire.end()


async def carry_answer(engine: Wire, client: Wire) -> None:
    """The engine's answer as it comes, until the engine ends it or the client has nothing to say any more.

    What the client says meanwhile is not heard.
    """
    leaving = asyncio.create_task(_hear_nothing(client))
    carrying = asyncio.create_task(_carry(engine, client))
    try:
        await asyncio.wait({carrying, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        carrying.cancel()
        said = await asyncio.gather(carrying, leaving, return_exceptions=True)
    if isinstance(said[0], Exception):
        raise said[0]


async def carry_both(engine: Wire, client: Wire, early: bytes) -> None:
    """A connection that the engine takes over: the answer's head, then both directions, each to its own end.

    Where the engine doesn't take it over, its answer is carried and nothing that the client says.
    """
    head = await _read_head(engine)
    if not head.startswith(b"HTTP/1.1 101 "):
        engine.writer.write_eof()
        # the client would keep the connection for its next request
        client.writer.write(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        await carry_answer(engine, client)
        return
    client.writer.write(head)
    engine.writer.write(early)
    try:
        async with asyncio.TaskGroup() as group:
            back = group.create_task(_carry(engine, client))
            group.create_task(_carry_until_gone(client, engine, back))
    except ExceptionGroup as errors:
        raise ConnectionError(str(errors.exceptions[0])) from None


async def _carry_until_gone(client: Wire, engine: Wire, back: asyncio.Task[None]) -> None:
    """The client's side, and after its end a look now and then whether anybody still listens."""
    await _carry(client, engine)
    while not back.done():
        if client.is_gone():
            raise ConnectionError("the client is gone")
        await asyncio.wait({back}, timeout=LOOK_EVERY)


async def _read_head(wire: Wire) -> bytes:
    try:
        return await wire.reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError:
        raise ConnectionError("the engine's answer has no end of its head") from None


async def _carry(source: Wire, sink: Wire) -> None:
    """Everything that `source` says, and then its end."""
    while data := await source.reader.read(CHUNK):
        sink.writer.write(data)
        await sink.writer.drain()
    with contextlib.suppress(OSError):
        sink.writer.write_eof()


async def _hear_nothing(client: Wire) -> None:
    while await client.reader.read(CHUNK):
        pass
