"""Control groups: the kernel's own count of what a job's processes hold in memory together, with a limit.

Owns one group per job below the worker's own, in version 2 or 1 of the interface; makes nothing else and moves only
the job's first process. Where the worker may not make groups `find_memory_groups` says why, and memory is watched
from outside
instead (see `watching`).
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from dataclasses import dataclass
from pathlib import Path

REMOVE_WITHIN = 2.0
_numbers = itertools.count(1)


@dataclass(frozen=True)
class MemoryGroups:
    """Where groups can be made: the worker's own folder, and whether it speaks version 2."""

    folder: Path
    unified: bool

    def create(self, memory: int) -> MemoryGroup:
        """A new group whose processes may hold `memory` bytes together."""
        path = self.folder / f"bitgoeul-{os.getpid()}-{next(_numbers)}"
        path.mkdir()
        group = MemoryGroup(path, self.unified)
        try:
            group.limit(memory)
        except BaseException:
            path.rmdir()
            raise
        return group


@dataclass(frozen=True)
class MemoryGroup:
    """One job's group."""

    path: Path
    unified: bool

    def limit(self, memory: int) -> None:
        """Let the processes hold `memory` bytes, and nothing in swap."""
        if self.unified:
            self._write("memory.max", memory)
            self._write("memory.swap.max", 0, optional=True)
        else:
            self._write("memory.limit_in_bytes", memory)
            self._write("memory.memsw.limit_in_bytes", memory, optional=True)

    def entrance(self) -> int | None:
        """A descriptor by which a process moves itself in, with a "0"; None in version 2, which has none.

        That is quicker by far than `add`, for which the kernel holds up every fork of the machine for milliseconds.
        """
        return None if self.unified else os.open(self.path / "tasks", os.O_WRONLY | os.O_CLOEXEC)

    def add(self, pid: int) -> None:
        """Move a process in; those it starts from now on follow."""
        self._write("cgroup.procs", pid)

    def kills(self) -> int:
        """How many processes of the group the kernel has killed for want of memory."""
        name = "memory.events" if self.unified else "memory.oom_control"
        with contextlib.suppress(OSError, ValueError):
            handle = os.open(f"{self.path}/{name}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                told = os.read(handle, 4096)  # asked for before each cell: pathlib would take longer than the kernel
            finally:
                os.close(handle)
            for line in told.decode("ascii").splitlines():
                key, _, value = line.partition(" ")
                if key == "oom_kill":
                    return int(value)
        return 0

    def remove(self) -> None:
        """Remove the group, once its processes are gone."""
        deadline = time.monotonic() + REMOVE_WITHIN
        while True:
            try:
                self.path.rmdir()
            except FileNotFoundError:
                return
            except OSError:
                if time.monotonic() > deadline:
                    return
                time.sleep(0.005)
            else:
                return

    def _write(self, name: str, value: int, *, optional: bool = False) -> None:
        try:
            handle = os.open(self.path / name, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(handle, str(value).encode())
            finally:
                os.close(handle)
        except OSError:
            if not optional:
                raise


def find_memory_groups() -> MemoryGroups | str:
    """Where this process can make groups with a memory limit, or in a sentence why it can't."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return f"control groups can't be read ({error.strerror})"
    own = {tuple(line.split(":", 2)[1].split(",")): line.split(":", 2)[2] for line in lines}
    reason = "no memory controller is mounted"
    for line in mounts:
        left, _, right = line.partition(" - ")
        fields, (kind, _, options) = left.split(), right.split(" ", 2)
        root, point = fields[3], fields[4]
        if kind == "cgroup" and "memory" in options.split(","):
            path = next((path for names, path in own.items() if "memory" in names), "/")
        elif kind == "cgroup2":
            path = own.get(("",), "/")
        else:
            continue
        folder = Path(point) / os.path.relpath(path, root) if path.startswith(root) else Path(point)
        groups = MemoryGroups(folder, kind == "cgroup2")
        problem = _try(groups)
        if problem is None:
            _remove_stale(folder)
            return groups
        reason = f"{folder}: {problem}" if kind == "cgroup" or "memory" in _controllers(folder) else reason
    return reason


def _controllers(folder: Path) -> list[str]:
    try:
        return (folder / "cgroup.controllers").read_text(encoding="ascii").split()
    except OSError:
        return []


def _try(groups: MemoryGroups) -> str | None:
    """Why no group can be made, None when one could."""
    try:
        if groups.unified and "memory" not in (groups.folder / "cgroup.subtree_control").read_text().split():
            (groups.folder / "cgroup.subtree_control").write_text("+memory")
        groups.create(1 << 30).remove()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _remove_stale(folder: Path) -> None:
    """Remove the empty groups of workers that were killed."""
    for path in folder.glob("bitgoeul-*-*"):
        if not Path("/proc", path.name.split("-")[1]).exists():
            with contextlib.suppress(OSError):
                path.rmdir()
