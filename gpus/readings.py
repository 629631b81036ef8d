"""What node agents read off the cards, and since when a slice has computed nothing. Ends no lease.

A slice counts as idle only on evidence: readings that came without a gap and each saw nothing computed. A reading that
is missing, stale or can't tell is evidence of nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from gpus.models import Slice

STALE = timedelta(minutes=3)
BUSY_FROM = 0.02  # a driver that only keeps a context alive reads 0 or 1 per cent


@dataclass(frozen=True)
class Reading:
    """One look at one device. `busy` is the share of time since the last look; None where the card can't tell."""

    device: str
    busy: float | None
    processes: int | None
    memory_used_mib: int | None


def take_readings(session: Session, node: str, readings: Iterable[Reading], now: datetime) -> int:
    """Keep what an agent read of its node's devices; how many of them the inventory knows."""
    known = {piece.device: piece for piece in session.scalars(select(Slice).where(Slice.node == node))}
    taken = 0
    for reading in readings:
        piece = known.get(reading.device)
        if piece is None:
            continue
        taken += 1
        gap = piece.read_at is None or now - piece.read_at > STALE
        if gap or computes(reading):
            piece.busy_at = now
        piece.read_at = now
        piece.busy = reading.busy
        piece.processes = reading.processes
        piece.memory_used_mib = reading.memory_used_mib
    session.flush()
    return taken


def computes(reading: Reading) -> bool:
    """Whether the device was used, or may have been: a card that can't tell is in use while a process is on it."""
    if reading.busy is not None:
        return reading.busy >= BUSY_FROM
    return reading.processes is None or reading.processes > 0


def idle_since(piece: Slice, since: datetime | None, now: datetime) -> datetime | None:
    """Since when the slice has computed nothing, not before `since`; None unless that is known at this moment."""
    if since is None or piece.read_at is None or piece.busy_at is None or now - piece.read_at > STALE:
        return None
    began = max(piece.busy_at, since)
    return began if began < now else None
