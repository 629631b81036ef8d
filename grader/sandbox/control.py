"""The framing of a control channel between the worker and one side of a job: a length in four bytes, then UTF-8 JSON.

Owns sizes and patience. What comes from inside is untrusted: it is bounded before it is read, and decoded elsewhere.
The blocking half is for inside, where only the standard library may be had; the patient half is the worker's.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

HEADER = struct.Struct(">I")
CHUNK = 1 << 18
MOST_DESCRIPTORS = 5


class ChannelClosed(Exception):
    """The other end is gone."""


class TooMuch(Exception):
    """The other end sent more than it may."""


class NoAnswer(Exception):
    """The other end did not read or write in time."""


def encode(message: dict[str, Any]) -> bytes:
    """A message with its length before it."""
    body = json.dumps(message, ensure_ascii=True).encode()
    return HEADER.pack(len(body)) + body


def send(channel: socket.socket, message: dict[str, Any]) -> None:
    """Send a message, however long the other end takes to read it."""
    try:
        channel.sendall(encode(message))
    except OSError as error:
        raise ChannelClosed(str(error)) from None


def receive(channel: socket.socket) -> dict[str, Any]:
    """Wait for the next message of somebody who is trusted."""
    (length,) = HEADER.unpack(_read(channel, HEADER.size))
    message: dict[str, Any] = json.loads(_read(channel, length))
    return message


def _read(channel: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        try:
            part = channel.recv(min(CHUNK, length - len(parts)))
        except OSError as error:
            raise ChannelClosed(str(error)) from None
        if not part:
            raise ChannelClosed("end of file")
        parts += part
    return bytes(parts)


def send_with(channel: socket.socket, message: dict[str, Any], descriptors: list[int]) -> None:
    """Send a short message and open descriptors along with it, as one piece."""
    try:
        socket.send_fds(channel, [json.dumps(message).encode()], descriptors)
    except OSError as error:
        raise ChannelClosed(str(error)) from None


def receive_with(channel: socket.socket, size: int = 1 << 16) -> tuple[dict[str, Any], list[int]]:
    """Wait for what `send_with` sent; descriptors arrive close-on-exec."""
    space = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)
    try:
        data, ancillary, _, _ = channel.recvmsg(size, space, socket.MSG_CMSG_CLOEXEC)
    except OSError as error:
        raise ChannelClosed(str(error)) from None
    found = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(content[: len(content) - len(content) % found.itemsize])
    if not data:
        for descriptor in found:
            os.close(descriptor)
        raise ChannelClosed("end of file")
    message: dict[str, Any] = json.loads(data)
    return message, list(found)


class PatientChannel:
    """The worker's end of a side's channel. `allowance` bytes may arrive over its life; `look` runs while it waits."""

    def __init__(self, channel: socket.socket, allowance: int, look: Callable[[], None], tick: float = 0.1) -> None:
        self.channel = channel
        self.allowance = allowance
        self.look = look
        self.tick = tick
        self.buffer = bytearray()
        channel.setblocking(False)

    def send(self, message: dict[str, Any], deadline: float) -> None:
        """Send a message. Raises NoAnswer when it is not taken in time, ChannelClosed."""
        view = memoryview(encode(message))
        while view:
            try:
                view = view[self.channel.send(view) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, deadline)
            except OSError as error:
                raise ChannelClosed(str(error)) from None

    def receive(self, deadline: float) -> bytes:
        """The next message, undecoded. Raises NoAnswer, TooMuch, ChannelClosed."""
        while True:
            if len(self.buffer) >= HEADER.size:
                (length,) = HEADER.unpack_from(self.buffer)
                if length + HEADER.size - len(self.buffer) > self.allowance:
                    raise TooMuch
                if len(self.buffer) >= HEADER.size + length:
                    body = bytes(self.buffer[HEADER.size : HEADER.size + length])
                    del self.buffer[: HEADER.size + length]
                    return body
            try:
                data = self.channel.recv(CHUNK)
            except BlockingIOError:
                self._wait(select.POLLIN, deadline)
                continue
            except OSError as error:
                raise ChannelClosed(str(error)) from None
            if not data:
                raise ChannelClosed("end of file")
            self.allowance -= len(data)
            if self.allowance < 0:
                raise TooMuch
            self.buffer += data

    def close(self) -> None:
        """Let go of it."""
        with contextlib.suppress(OSError):
            self.channel.close()

    def _wait(self, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(self.channel, event)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise NoAnswer
            if poll.poll(min(left, self.tick) * 1000):
                return
            self.look()
