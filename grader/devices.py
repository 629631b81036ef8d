"""Devices for marking, each lent to one job at a time: what a sandbox asks of them, and those of this machine alone.

`Devices` owns who has which by a lock on a file for each device, so that all processes of the machine agree, and a
killed one gives its devices back. Where people and markings share devices, the portal brings a pool that leases them.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from courses.kinds import NAME_PATTERN
from grader.needs import ON_PROCESSOR


class WrongDevice(ValueError):
    """A device that is not written as KIND=ID."""


def read_devices(written: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Ids of devices by kind, from texts like `h100-1g=MIG-1c2d…`. Raises WrongDevice."""
    found: dict[str, list[str]] = defaultdict(list)
    for text in written:
        kind, _, device = text.strip().partition("=")
        if not device or kind == ON_PROCESSOR or not NAME_PATTERN.fullmatch(kind):
            raise WrongDevice(
                f"{text!r} must be KIND=ID: a kind of hardware as courses name it, and the device's id, "
                "such as h100-1g=MIG-1c2d (nvidia-smi -L lists ids)"
            )
        if any(device in ids for ids in found.values()):
            raise WrongDevice(f"{text!r} names a device a second time")
        found[kind].append(device)
    return {kind: tuple(ids) for kind, ids in found.items()}


class Lent(Protocol):
    """A device that a job has."""

    @property
    def name(self) -> str: ...

    def recalled(self) -> bool:
        """Whether a person needs it: the job is to stop, give it back, and wait again."""

    def close(self) -> None:
        """Give the device back; a second call does nothing."""


class DevicePool(Protocol):
    """Devices by kind."""

    @property
    def kinds(self) -> tuple[str, ...]: ...

    def count(self, kind: str) -> int:
        """How many there are of that kind, lent or not."""

    def take(self, kind: str) -> Lent | None:
        """A device of that kind; None when none is to be had now."""


class Device:
    """A device of this machine that a job has. Closing it gives it back."""

    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
        self._descriptor = descriptor

    def recalled(self) -> bool:
        """Never: devices of this pool are for marking alone."""
        return False

    def close(self) -> None:
        """Give the device back; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class Devices:
    """The devices of this machine by kind; `folder` holds the locks. Safe to use from several threads."""

    def __init__(self, folder: Path, ids: Mapping[str, tuple[str, ...]]) -> None:
        self._folder = folder
        self._ids = dict(ids)

    def count(self, kind: str) -> int:
        return len(self._ids.get(kind, ()))

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(self._ids)

    def take(self, kind: str) -> Device | None:
        """A device of that kind that nobody has; None when all are lent."""
        for name in self._ids.get(kind, ()):
            descriptor = self._lock(name)
            if descriptor is not None:
                return Device(name, descriptor)
        return None

    def _lock(self, name: str) -> int | None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / hashlib.sha256(name.encode()).hexdigest()[:32]
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor
