"""What node agents read off the cards, kept with each slice, and since when a slice has computed nothing.

The rule is `gpus.activity`'s: only readings that came without a gap, and each saw nothing, make a slice idle. Ends no
lease. A device that its agent calls lost is left out of the inventory at the second such reading.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from gpus import activity
from gpus.models import Slice

RULE = activity.Rule()


@dataclass(frozen=True)
class Reading:
    """One look at one device. `busy` is the share of time since the last look; None where the card can't tell.

    `processes_cpu` are CPU seconds a second of the processes on it, `memory_used_mib` MiB.
    """

    device: str
    busy: float | None
    processes: int | None
    memory_used_mib: int | None
    processes_cpu: float | None = None


def take_readings(session: Session, node: str, readings: Iterable[Reading], now: datetime) -> int:
    """Keep what an agent read of its node's devices; how many of them the inventory knows."""
    known = {piece.device: piece for piece in session.scalars(select(Slice).where(Slice.node == node))}
    taken = 0
    for reading in readings:
        piece = known.get(reading.device)
        if piece is None:
            continue
        taken += 1
        latest = activity.Reading(now, reading.busy, reading.memory_used_mib, reading.processes, reading.processes_cpu)
        after = activity.advance(_activity(piece), latest, RULE)
        piece.read_at, piece.quiet_since, piece.lost_at = after.last.at, after.quiet_since, None
        piece.busy, piece.processes = after.last.busy, after.last.processes
        piece.memory_used_mib = after.last.memory_used
    session.flush()
    return taken


def take_losses(session: Session, node: str, devices: Collection[str], now: datetime) -> list[str]:
    """Devices that the node's agent can't reach; those that it could not reach before either are lent no more."""
    gone = []
    lost = select(Slice).where(Slice.node == node, Slice.device.in_(devices))
    for piece in session.scalars(lost):
        if piece.lost_at is None:
            piece.lost_at = now
        elif piece.present:
            piece.present = False
            gone.append(piece.device)
    session.flush()
    return gone


def idle_since(piece: Slice, since: datetime | None, now: datetime) -> datetime | None:
    """Since when the slice has computed nothing, not before `since`; None unless that is known at this moment."""
    quiet = activity.idle_since(_activity(piece), now=now, rule=RULE)
    return None if since is None or quiet is None else max(quiet, since)


def computes_nothing(piece: Slice, now: datetime) -> bool:
    """Whether the slice is known to be idle at this moment."""
    return activity.idle_since(_activity(piece), now=now, rule=RULE) is not None


def computes_now(piece: Slice, now: datetime) -> bool:
    """Whether a fresh reading saw the slice compute."""
    fresh = piece.read_at is not None and now - piece.read_at <= RULE.longest_gap
    return fresh and piece.busy is not None and piece.busy > RULE.busy_above


def _activity(piece: Slice) -> activity.Activity | None:
    if piece.read_at is None:
        return None
    last = activity.Reading(piece.read_at, piece.busy, piece.memory_used_mib, piece.processes)
    return activity.Activity(last, piece.quiet_since)
