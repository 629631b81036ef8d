"""A worker's own folder for what it unpacks and builds: gone when the worker ends, or when the next one starts.

Owns `bitgoeul-<uid>/` among the machine's temporary files, a folder in it per process. A process holds a lock on its
folder; the kernel lets go of it however the process ends, so a folder that can be locked is nobody's any more.
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

LOCK = ".lock"
HALF_MADE_FOR = 3600.0


@contextmanager
def workplace(parent: Path | None = None) -> Iterator[Path]:
    """A new folder below `parent` (default: the machine's temporary folder); removes those of dead processes first."""
    root = _private_root(parent or Path(tempfile.gettempdir()))
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
