"""How long somebody will wait, by how long leases last and how long the present ones have lasted. A guess, said so."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
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
_OPEN = select(_L.c.granted_at, _L.c.until).where(_L.c.kind == bindparam("kind"), _L.c.ended_at.is_(None))
_ENDED = (
    select(_L.c.granted_at, _L.c.ended_at)
    .where(_L.c.kind == bindparam("kind"), _L.c.ended_at.is_not(None), _L.c.running_at.is_not(None))
    .order_by(_L.c.ended_at.desc())
    .limit(literal_column(str(REMEMBERED)))
)


@dataclass(frozen=True)
class Estimator:
    """Knows in how many seconds each of the present leases may end, in order, and how long one lasts."""

    ends: tuple[float, ...]
    cycle: float

    @classmethod
    def read(cls, session: Session, kind: str, usual: timedelta, now: datetime) -> Estimator:
        """From the leases of that kind; `usual` stands in for how long one lasts until some have ended."""
        lasted = sorted((ended - granted).total_seconds() for granted, ended in session.execute(_ENDED, {"kind": kind}))
        ends = []
        for granted, until in session.execute(_OPEN, {"kind": kind}):
            left = left_of((now - granted).total_seconds(), lasted, usual.total_seconds())
            ends.append(max(min(left, (until - now).total_seconds() if until else left), SHORTEST))
        return cls(tuple(sorted(ends)), max(median(lasted) if lasted else usual.total_seconds(), SHORTEST))

    def wait(self, position: int) -> timedelta | None:
        """How long until the slice for that position is free; None where there is none that could become free.

        Slices are taken one after another, each for `cycle` seconds.
        """
        if not self.ends:
            return None
        rounds, place = divmod(position - 1, len(self.ends))
        return timedelta(seconds=self.ends[place] + rounds * self.cycle)


def left_of(age: float, lasted: Sequence[float], usual: float) -> float:
    """Seconds that a lease of that age will go on: the median of what was left to those that lasted longer.

    `lasted` is in ascending order.
    """
    longer = len(lasted) - bisect_right(lasted, age)
    if not longer:
        return max(usual - age, SHORTEST)
    middle = len(lasted) - longer / 2 - 0.5
    return (lasted[floor(middle)] + lasted[ceil(middle)]) / 2 - age
