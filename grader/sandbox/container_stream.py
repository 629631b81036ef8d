"""A container's attached stream as the socket that `control` takes.

Owns Docker's framing of what a container prints: eight bytes of kind and length before each piece. Standard output is
the channel; of standard error, what came last is kept for the message when a container can't start.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct

HEADER = struct.Struct(">BxxxI")
STDOUT, STDERR = 1, 2
KEPT_ERRORS = 4096


class ContainerStream:
    """Reads and writes without waiting, as a non-blocking socket does."""

    def __init__(self, stream: socket.socket) -> None:
        self.errors = b""
        self._stream = stream
        self._head = bytearray()
        self._kind, self._left = STDOUT, 0

    def fileno(self) -> int:
        return self._stream.fileno()

    def setblocking(self, flag: bool) -> None:
        self._stream.setblocking(flag)

    def send(self, data: memoryview) -> int:
        """How much was taken. BlockingIOError when nothing can be now."""
        try:
            return self._stream.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None

    def recv(self, size: int) -> bytes:
        """What the program wrote, b"" at its end. BlockingIOError when there is nothing now."""
        while True:
            while self._left == 0:
                piece = self._read(HEADER.size - len(self._head))
                if not piece:
                    return b""
                self._head += piece
                if len(self._head) == HEADER.size:
                    self._kind, self._left = HEADER.unpack(self._head)
                    self._head.clear()
            piece = self._read(min(size, self._left))
            if not piece:
                return b""
            self._left -= len(piece)
            if self._kind == STDOUT:
                return piece
            self.errors = (self.errors + piece)[-KEPT_ERRORS:]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)
        self._stream.close()

    def _read(self, count: int) -> bytes:
        try:
            return self._stream.recv(count)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
