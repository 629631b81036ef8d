"""Who may change an offering's gradebook and folders at a time, across threads, processes and a worker's death.

A release and an applied regrade have the offering for themselves. Markings of different students go on side by side,
those of one student one after the other; SQLite sees to it that the gradebook is written by one at a time. Who waits
for all of it lets nobody else in, or a busy hour would keep a release out. The kernel lets go of every lock however its
holder ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

LOCK = ".release.lock"
GATE = ".release.gate"
STUDENTS = ".students.lock"
ONE_BYTE = "hhqqi4x"  # struct flock


@contextmanager
def offering_alone(offering_dir: Path) -> Iterator[None]:
    """Have the offering for oneself."""
    with _locked(offering_dir / GATE, fcntl.LOCK_EX), _locked(offering_dir / LOCK, fcntl.LOCK_EX):
        yield


@contextmanager
def offering_shared(offering_dir: Path) -> Iterator[None]:
    """Read the offering's gradebook and source while nobody has it for himself."""
    with ExitStack() as stack:
        with _locked(offering_dir / GATE, fcntl.LOCK_SH):
            stack.enter_context(_locked(offering_dir / LOCK, fcntl.LOCK_SH))
        yield


@contextmanager
def student_alone(offering_dir: Path, username: str) -> Iterator[None]:
    """Have one student's folders and gradebook rows for oneself, while nobody has the offering."""
    with offering_shared(offering_dir):
        descriptor = _open(offering_dir / STUDENTS)
        try:
            byte = struct.pack(ONE_BYTE, fcntl.F_WRLCK, os.SEEK_SET, number_of(username), 1, 0)
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, byte)  # held by the descriptor, not by the process
            yield
        finally:
            os.close(descriptor)


def number_of(username: str) -> int:
    """A number of 40 bits that stands for a student. Two who share one only wait for each other."""
    return int.from_bytes(hashlib.sha256(username.encode()).digest()[:5], "big")


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
