"""How long somebody will wait, by how long leases last and how long the present ones have lasted. A guess, said so."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil, floor
from statistics import median

from sqlalchemy import bindparam, literal_column, select
from sqlalchemy.orm import Session

from cohorts.database import table_of
from gpus.models import Lease

REMEMBERED = 100
SHORTEST = 60.0

_L = table_of(Lease)
_PRESENT = select(_L.c.granted_at, _L.c.until).where(_L.c.kind == bindparam("kind"), _L.c.ended_at.is_(None))
_PAST = (
    select(_L.c.granted_at, _L.c.ended_at)
    .where(_L.c.kind == bindparam("kind"), _L.c.ended_at.is_not(None), _L.c.running_at.is_not(None))
    .order_by(_L.c.ended_at.desc())
    .limit(literal_column(str(REMEMBERED)))
)


def estimate(session: Session, kind: str, position: int, usual: timedelta, now: datetime) -> timedelta | None:
    """How long until the slice for that position is free; None where there is no slice that could become free.

    `usual` stands in for how long leases last until some have ended.
    """
    leases = session.execute(_PRESENT, {"kind": kind}).all()
    if not leases:
        return None
    past = session.execute(_PAST, {"kind": kind}).all()
    lasted = sorted((ended - granted).total_seconds() for granted, ended in past)
    remaining = [
        min(
            left_of((now - granted).total_seconds(), lasted, usual.total_seconds()),
            (until - now).total_seconds() if until else float("inf"),
        )
        for granted, until in leases
    ]
    return timedelta(seconds=wait_for(position, remaining, median(lasted) if lasted else usual.total_seconds()))


def left_of(age: float, lasted: Sequence[float], usual: float) -> float:
    """Seconds that a lease of that age will go on: the median of what was left to those that lasted longer.

    `lasted` is in ascending order.
    """
    longer = len(lasted) - bisect_right(lasted, age)
    if not longer:
        return max(usual - age, SHORTEST)
    middle = len(lasted) - longer / 2 - 0.5
    return (lasted[floor(middle)] + lasted[ceil(middle)]) / 2 - age


def wait_for(position: int, remaining: Sequence[float], cycle: float) -> float:
    """Seconds until the `position`-th slice is free, when all are used one after another for `cycle` seconds."""
    ends = sorted(max(seconds, SHORTEST) for seconds in remaining)
    rounds, place = divmod(position - 1, len(ends))
    return ends[place] + rounds * max(cycle, SHORTEST)
