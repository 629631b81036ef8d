"""One board of leases and places for everybody who watches theirs: read when somebody looks, and kept for a moment."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

from cohorts.database import Database
from gpus.board import Board, read_board
from gpus.hardware import Hardware

FRESH_FOR = 1.0


class WaitingBoard:
    """The board as it was read last, read anew when it is older than a second, however many look."""

    def __init__(self, database: Database, hardware: Hardware) -> None:
        self._database = database
        self._hardware = hardware
        self._lock = threading.Lock()
        self._board: Board | None = None
        self._read_at = 0.0

    def read(self) -> Board:
        with self._lock:
            if self._board is None or time.monotonic() - self._read_at >= FRESH_FOR:
                with self._database.read() as session:
                    self._board = read_board(session, self._hardware, datetime.now(UTC))
                self._read_at = time.monotonic()
            return self._board
