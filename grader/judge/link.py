"""Frames on a socket: four bytes of length, then that many bytes. Knows nothing of what they mean.

A frame that is longer than the limit, or an end in the middle of one, is a fault. An interrupted read keeps what it
has, so that the next one goes on where it stopped.
"""

from __future__ import annotations

import select
import socket
import struct

from grader.judge.faults import LinkClosed, ProtocolFault, TooMuch

LIMIT = 64 * 1024 * 1024
CHUNK = 1 << 16
_LENGTH = struct.Struct(">I")


class Link:
    """One end. Not safe for two threads."""

    def __init__(self, connection: socket.socket, limit: int = LIMIT) -> None:
        connection.setblocking(True)
        self.socket = connection
        self.limit = limit
        self.damaged = False
        self._pending = bytearray()

    def send(self, payload: bytes | bytearray) -> None:
        """Send one frame. TooMuch leaves the link as it was; LinkClosed means that nobody reads any more."""
        if len(payload) > self.limit:
            raise TooMuch(f"A message of {len(payload)} bytes is more than the {self.limit} that fit on the link.")
        if self.damaged:
            raise LinkClosed("The link was interrupted in the middle of a message.")
        self.damaged = True
        try:
            self.socket.sendall(_LENGTH.pack(len(payload)) + payload)
            self.damaged = False
        except (OSError, ValueError) as error:
            raise LinkClosed(f"The other interpreter is gone ({type(error).__name__}).") from None

    def receive(self) -> bytes:
        """The next frame; waits for it without end (the cell's own timer interrupts)."""
        head = self._take(_LENGTH.size)
        (length,) = _LENGTH.unpack(head)
        if length > self.limit:
            raise ProtocolFault(f"A message of {length} bytes was announced; the limit is {self.limit}.")
        frame = self._take(_LENGTH.size + length)
        del self._pending[: _LENGTH.size + length]
        return frame[_LENGTH.size :]

    def be_patient(self, seconds: float | None) -> None:
        """How long to wait for the other side to read or write: None waits without end."""
        try:
            self.socket.settimeout(seconds)
        except OSError:
            raise LinkClosed("The link is closed.") from None

    def has_unread(self) -> bool:
        """Whether the other side has already sent something that nobody asked for."""
        if self._pending:
            return True
        if not select.select([self.socket], [], [], 0)[0]:
            return False
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK))
        except (OSError, ValueError):
            raise LinkClosed("The other interpreter is gone.") from None

    def _take(self, count: int) -> bytes:
        while len(self._pending) < count:
            try:
                data = self.socket.recv(max(CHUNK, min(count - len(self._pending), 1 << 20)))
            except (OSError, ValueError) as error:
                raise LinkClosed(f"The other interpreter is gone ({type(error).__name__}).") from None
            if not data:
                raise LinkClosed("The other interpreter has closed the link.")
            self._pending += data
        return bytes(self._pending[:count])
