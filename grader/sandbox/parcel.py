"""A folder's files packed into one anonymous file, to hand them to a process that sees nothing of this file system.

Owns the packing: plain files and folders only; links and devices stay behind. Packed with the worker's rights, unpacked
with the job's. Standard library only.
"""

from __future__ import annotations

import json
import os
import stat
import struct
from pathlib import Path

LENGTH = struct.Struct(">Q")


def pack(folder: Path) -> int:
    """An anonymous file that holds what is in `folder`."""
    entries: list[tuple[str, bool, int, bool]] = []
    for here, folders, names in os.walk(folder):
        inner = os.path.relpath(here, folder)
        entries += [
            (os.path.join(inner, n), True, 0, False) for n in folders if not os.path.islink(os.path.join(here, n))
        ]
        for name in names:
            about = os.lstat(os.path.join(here, name))
            if stat.S_ISREG(about.st_mode):
                entries.append((os.path.join(inner, name), False, about.st_size, bool(about.st_mode & 0o100)))
    head = json.dumps(entries).encode()
    parcel = os.memfd_create("files", os.MFD_CLOEXEC)
    try:
        os.write(parcel, LENGTH.pack(len(head)))
        _write(parcel, head)
        for path, is_folder, size, _ in entries:
            if not is_folder:
                _append(parcel, folder / path, size)
    except BaseException:
        os.close(parcel)
        raise
    return parcel


def unpack(parcel: int, target: str) -> None:
    """Make the packed files anew below the folder `target`. Leaves the parcel where it was."""
    (length,) = LENGTH.unpack(os.pread(parcel, LENGTH.size, 0))
    entries = json.loads(os.pread(parcel, length, LENGTH.size))
    offset = LENGTH.size + length
    for path, is_folder, size, executable in entries:
        place = os.path.normpath(os.path.join(target, path))
        if is_folder:
            os.mkdir(place, 0o755)
            continue
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o755 if executable else 0o644)
        try:
            left = size
            while left > 0:
                sent = os.sendfile(handle, parcel, offset, left)
                if sent == 0:
                    break
                offset, left = offset + sent, left - sent
        finally:
            os.close(handle)


def _append(parcel: int, path: Path, size: int) -> None:
    """`size` bytes of the file: one that changes meanwhile must not shift those behind it."""
    source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        left = size
        while left > 0:
            block = os.read(source, min(left, 1 << 20))
            if not block:
                _write(parcel, bytes(left))
                return
            _write(parcel, block)
            left -= len(block)
    finally:
        os.close(source)


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]
