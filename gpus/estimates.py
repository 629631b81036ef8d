"""How long somebody will wait, by how long leases last and how long the present ones have lasted. A guess, said so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import select
from sqlalchemy.orm import Session

from gpus.models import Lease

REMEMBERED = 100
SHORTEST = 60.0


def estimate(session: Session, kind: str, position: int, usual: timedelta, now: datetime) -> timedelta | None:
    """How long until the slice for that position is free; None where there is no slice that could become free.

    `usual` stands in for how long leases last until some have ended.
    """
    leases = session.execute(
        select(Lease.granted_at, Lease.until).where(Lease.kind == kind, Lease.ended_at.is_(None))
    ).all()
    if not leases:
        return None
    lasted = [
        (ended - granted).total_seconds()
        for granted, ended in session.execute(
            select(Lease.granted_at, Lease.ended_at)
            .where(Lease.kind == kind, Lease.ended_at.is_not(None), Lease.running_at.is_not(None))
            .order_by(Lease.ended_at.desc())
            .limit(REMEMBERED)
        )
        if ended is not None
    ]
    remaining = [
        min(
            left_of((now - granted).total_seconds(), lasted, usual.total_seconds()),
            (until - now).total_seconds() if until else float("inf"),
        )
        for granted, until in leases
    ]
    return timedelta(seconds=wait_for(position, remaining, median(lasted) if lasted else usual.total_seconds()))


def left_of(age: float, lasted: Sequence[float], usual: float) -> float:
    """Seconds that a lease of that age will go on: the median of what was left to those that lasted longer."""
    longer = [seconds - age for seconds in lasted if seconds > age]
    return median(longer) if longer else max(usual - age, SHORTEST)


def wait_for(position: int, remaining: Sequence[float], cycle: float) -> float:
    """Seconds until the `position`-th slice is free, when all are used one after another for `cycle` seconds."""
    ends = sorted(max(seconds, SHORTEST) for seconds in remaining)
    rounds, place = divmod(position - 1, len(ends))
    return ends[place] + rounds * max(cycle, SHORTEST)
