"""What a node has to lend: its devices as values, and the names of their kinds. Knows no NVML.

A device is what one server can hold: a whole card (GPU-...) or a MIG device (MIG-...), never a card that is divided.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

#: kind of a whole card; a MIG device's kind is its profile, such as 1g.18gb
WHOLE_CARD = "gpu"


@dataclass(frozen=True)
class Device:
    """One device at one moment. Memory is in MiB.

    `busy` is the share (0 to 1) of the time since the last settled look in which it computed. `pids` are the processes
    that compute on it. Both, like `memory_used`, are None where the driver doesn't say.
    """

    device: str
    kind: str
    model: str
    memory: int
    busy: float | None
    memory_used: int | None
    pids: tuple[int, ...] | None
    card: str


@dataclass(frozen=True)
class Lost:
    """A device that can't be lent, and why, in the driver's words. `device` is "card N" where its id was never seen."""

    device: str
    reason: str


@dataclass(frozen=True)
class Sight:
    """Everything a look at a node's cards found. `undivided` are cards in MIG mode that hold no MIG device."""

    driver: str
    devices: tuple[Device, ...] = ()
    lost: tuple[Lost, ...] = ()
    undivided: tuple[str, ...] = ()


def renamed(kind: str, names: Mapping[str, str]) -> str:
    """The site's name for a kind, or the kind itself."""
    return names.get(kind, kind)


def profile_in_name(name: str) -> tuple[str, str | None]:
    """A MIG device's model and profile out of its name: "NVIDIA H200 MIG 1g.18gb" -> ("NVIDIA H200", "1g.18gb")."""
    found = re.fullmatch(r"(.*?)\s*\bMIG (\S+)", name)
    return (found[1], found[2]) if found else (name, None)


def profile_of_slices(*, compute: int, slices: int, memory_mb: int, card_bytes: int) -> str:
    """The profile's name from what the device has, as NVIDIA's own tools derive it.

    The memory counts in eighths of the card's, rounded up: 16,384 MiB of an H200 (140 GiB) are "18gb".
    https://docs.nvidia.com/datacenter/tesla/mig-user-guide/mig-device-names.html
    """
    eighths = math.ceil(memory_mb * 2**20 * 8 / card_bytes)
    gigabytes = math.floor(eighths / 8 * math.ceil(card_bytes / 2**30) + 0.5)  # a half goes up: 3g.71gb
    part = "" if compute == slices else f"{compute}c."
    return f"{part}{slices}g.{gigabytes}gb"
