"""A worker's own folder for what it unpacks and builds: gone when the worker ends, or when the next one starts.

Owns `bitgoeul-<uid>/` among the machine's temporary files, a folder in it per process. A process holds a lock on its
folder; the kernel lets go of it however the process ends, so a folder that can be locked is nobody's any more. Where
memory is plentiful the folder lies in memory: what is unpacked for a second need not go by the disk.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from grader.capacity import free_memory

LOCK = ".lock"
HALF_MADE_FOR = 3600.0
SHARED_MEMORY = Path("/dev/shm")
ROOM = 8 << 30  # bytes that must be free there, and in memory: many times what a few submissions may take unpacked


@contextmanager
def workplace(parent: Path | None = None) -> Iterator[Path]:
    """A new folder below `parent` (default: `temporary_folder()`); removes those of dead processes first."""
    root = _private_root(parent or temporary_folder())
    sweep(root)
    folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=root))
    arriving = folder / f"{LOCK}.new"
    lock = os.open(arriving, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    arriving.rename(folder / LOCK)  # it has its name only once it is locked
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def temporary_folder(memory: Path = SHARED_MEMORY, room: int = ROOM) -> Path:
    """Shared memory where there is room in it, and nobody has named another place; else the machine's temporary folder.

    A container's shared memory is usually too small.
    """
    if not any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")):
        with suppress(OSError):
            free = os.statvfs(memory)
            if min(free.f_bavail * free.f_frsize, free_memory()) >= room and os.access(memory, os.W_OK | os.X_OK):
                return memory
    return Path(tempfile.gettempdir())


def sweep(root: Path) -> int:
    """Remove the folders of processes that are gone; returns how many."""
    removed = 0
    for folder in root.iterdir():
        try:
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:  # being made, being removed, or its process was killed in the middle of that
            with suppress(FileNotFoundError):
                if folder.lstat().st_mtime < time.time() - HALF_MADE_FOR:
                    shutil.rmtree(folder, ignore_errors=True)
                    removed += 1
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
    return removed


def _private_root(parent: Path) -> Path:
    """`parent`/bitgoeul-<uid>, ours alone; where somebody else has taken that name, a new folder that is ours."""
    root = parent / f"bitgoeul-{os.geteuid()}"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = root.lstat()
    if root.is_symlink() or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        return Path(tempfile.mkdtemp(prefix="bitgoeul-", dir=parent))
    return root
