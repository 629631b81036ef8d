"""What one week came to, in figures. Takes records; knows no lender."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.week_demand import HOUR, MINUTE, Trace
from bench.week_world import Lent, Record, Service

LATE = 5 * MINUTE  # after the bell, or after they sat down if that was later


@dataclass(frozen=True)
class Waits:
    """Own work of one track: how often people asked, how many gave up, and minutes until the others had a slice."""

    asked: int
    gave_up: int
    at_once: float
    median: float
    p95: float


@dataclass(frozen=True)
class Figures:
    """One week with one lender. Hours are those of slices; `seats` are people who came to a class."""

    capacity: float
    leased: float
    computing: float
    there: float
    nobody: float
    unanswered: float
    kept: float
    waits: Mapping[str, Waits]
    classes: int
    late_classes: int
    seats: int
    late_seats: int
    lost_minutes: float
    late_by_class: tuple[int, ...]
    idle_stops: int
    idle_there: int
    idle_computing: int
    over_stops: int
    over_computing: int
    unused_stops: int
    fairness: Mapping[str, float]

    @property
    def idle(self) -> float:
        """Hours in which a slice was lent and computed nothing."""
        return self.leased - self.computing


def build_figures(trace: Trace, record: Record, lent: Sequence[Lent], kept: float) -> Figures:
    """The figures of a week that is over."""
    leased = sum(one.until - one.since for one in lent) / HOUR
    track = trace.track_of()
    own = [service for service in record.services if service.lesson is None]
    late, lost, by_class = _lateness(trace, record)
    stops = Counter[str]()
    for stop in record.stops:
        stops[stop.because] += 1
        stops[f"{stop.because} there"] += stop.there
        stops[f"{stop.because} computing"] += stop.computing
    tracks = {
        name: [service for service in own if track[service.username] == name] for name in dict.fromkeys(track.values())
    }
    return Figures(
        capacity=trace.demand.slices * trace.demand.days * 24.0,
        leased=leased,
        computing=record.computed / HOUR,
        there=record.there / HOUR,
        nobody=leased - record.there / HOUR - (record.computed - record.there_computing) / HOUR,
        unanswered=sum(one.until - one.since for one in lent if one.answered is None) / HOUR,
        kept=kept,
        waits={"everybody": _waits(own)} | {name: _waits(some) for name, some in tracks.items()},
        classes=len(by_class),
        late_classes=sum(1 for count in by_class if count),
        seats=len(record.seats),
        late_seats=late,
        lost_minutes=lost / MINUTE,
        late_by_class=by_class,
        idle_stops=stops["idle"],
        idle_there=stops["idle there"],
        idle_computing=stops["idle computing"],
        over_stops=stops["over"],
        over_computing=stops["over computing"],
        unused_stops=stops["unused"],
        fairness=_fairness(trace, record),
    )


def minutes_until_served(services: Sequence[Service]) -> list[float]:
    """How long each had waited when they got a slice."""
    return [(service.got - service.asked) / MINUTE for service in services if service.got is not None]


def _waits(services: Sequence[Service]) -> Waits:
    waited = minutes_until_served(services)
    if not waited:
        return Waits(len(services), len(services), 0.0, float("nan"), float("nan"))
    return Waits(
        asked=len(services),
        gave_up=len(services) - len(waited),
        at_once=sum(1 for minutes in waited if minutes < 1) / len(services),
        median=float(np.percentile(waited, 50)),
        p95=float(np.percentile(waited, 95)),
    )


def _lateness(trace: Trace, record: Record) -> tuple[int, float, tuple[int, ...]]:
    """People who sat in class without a GPU, the seconds that they missed, and how many in each class."""
    late, lost = Counter[int](), 0.0
    for (number, _), seat in record.seats.items():
        lesson = trace.lessons[number]
        ready = seat[1] if len(seat) > 1 else lesson.ends
        waited = max(0.0, min(ready, lesson.ends) - max(lesson.starts, seat[0]))
        lost += waited
        if waited > LATE:
            late[number] += 1
    return sum(late.values()), lost, tuple(late[number] for number in range(len(trace.lessons)))


def _fairness(trace: Trace, record: Record) -> dict[str, float]:
    """Jain's index of what part of the time they wished for people got, by track: 1 is the same part for everybody."""
    wanted = Counter[str]()
    for wish in trace.wishes:
        wanted[wish.username] += wish.wanted
    found = {}
    for name in dict.fromkeys(track for track, _ in trace.cohorts.values()):
        people = [person for track, names in trace.cohorts.values() if track == name for person in names]
        parts = np.array([min(1.0, record.got.get(who, 0.0) / wanted[who]) for who in people if wanted[who] > 0])
        found[name] = float(parts.sum() ** 2 / (len(parts) * (parts**2).sum())) if parts.any() else 0.0
    return found
