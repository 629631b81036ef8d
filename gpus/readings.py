"""What node agents read off the cards, and since when a slice has computed nothing. Ends no lease.

A slice counts as idle only on evidence: readings that came without a gap and each saw nothing computed. A reading that
is missing, stale or can't tell is evidence of nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from cohorts.database import table_of
from gpus.models import Slice

STALE = timedelta(minutes=3)
BUSY_FROM = 0.02  # a driver that only keeps a context alive reads 0 or 1 per cent

_S = table_of(Slice)
_KNOWN = select(_S.c.id, _S.c.device, _S.c.read_at).where(_S.c.node == bindparam("of"))
_READ = (
    update(_S)
    .where(_S.c.id == bindparam("number"))
    .values(
        read_at=bindparam("at"),
        busy=bindparam("share"),
        processes=bindparam("count"),
        memory_used_mib=bindparam("memory"),
    )
)
_READ_BUSY = _READ.values(busy_at=bindparam("at"))


@dataclass(frozen=True)
class Reading:
    """One look at one device. `busy` is the share of time since the last look; None where the card can't tell."""

    device: str
    busy: float | None
    processes: int | None
    memory_used_mib: int | None


def take_readings(session: Session, node: str, readings: Iterable[Reading], now: datetime) -> int:
    """Keep what an agent read of its node's devices; how many of them the inventory knows."""
    known = {device: (number, read_at) for number, device, read_at in session.execute(_KNOWN, {"of": node})}
    quiet: list[dict[str, object]] = []
    busy: list[dict[str, object]] = []
    for reading in readings:
        if reading.device not in known:
            continue
        number, read_at = known[reading.device]
        values = {
            "number": number,
            "at": now,
            "share": reading.busy,
            "count": reading.processes,
            "memory": reading.memory_used_mib,
        }
        gap = read_at is None or now - read_at > STALE
        (busy if gap or computes(reading) else quiet).append(values)
    if quiet:
        session.execute(_READ, quiet)
    if busy:
        session.execute(_READ_BUSY, busy)
    return len(quiet) + len(busy)


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
