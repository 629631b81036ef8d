"""What a campus of 760 trainees wishes of its GPUs in one week, from a seed. Owns every number of the model.

The numbers are assumptions that a course office can check and change; none was measured on a running campus. Times are
seconds since Monday 0:00 in the campus's zone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

#: how likely somebody comes in each hour of the day: full-time trainees sit in class from 9 to 18 and work after it,
#: students of a college come between and after lectures, those on a project whenever they are awake
AFTER_CLASS = (1, 0, 0, 0, 0, 0, 0, 1, 2, 1, 1, 1, 4, 2, 1, 1, 2, 3, 8, 9, 10, 9, 7, 3)
BETWEEN_LECTURES = (1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 5, 6, 7, 7, 5, 3)
PROJECT = (3, 2, 1, 0, 0, 0, 0, 1, 2, 4, 6, 6, 4, 6, 7, 7, 7, 6, 5, 6, 7, 7, 6, 5)


@dataclass(frozen=True)
class Track:
    """People of one track. `slots` are (weekday, hour) of the week's GPU classes, one of them for each cohort."""

    name: str
    cohorts: int
    size: int
    slots: tuple[tuple[int, int], ...]
    wishes: float  # own work with a GPU, times a person and week
    work: float  # minutes of it, median
    run: float  # how often it ends with a long run that computes on alone
    hours: tuple[int, ...]
    weekend: float  # a day of the weekend against a working day


def _weekdays(days: Sequence[int], hours: Sequence[int]) -> tuple[tuple[int, int], ...]:
    return tuple((day, hour) for day in days for hour in hours)


@dataclass(frozen=True)
class Demand:
    """The model: who there is, when they come, how they work, what they forget."""

    tracks: tuple[Track, ...] = (
        # one class of three hours a week each: two cohorts of 30 at a time are 60 seats of 64 slices
        Track("job-conversion", 16, 30, _weekdays(range(4), (9, 13)), 1.5, 60, 0.05, AFTER_CLASS, 0.7),
        Track("convergence-college", 6, 30, _weekdays((1, 2, 3), (19,)), 1.2, 50, 0.05, BETWEEN_LECTURES, 0.9),
        Track("advanced-talent", 5, 20, _weekdays((4,), (9, 13)), 4.0, 120, 0.25, PROJECT, 0.8),
    )
    slices: int = 64
    nodes: int = 2  # of eight cards, each in four slices
    days: int = 7
    seats: int = 60  # of classes at a time
    class_hours: float = 3.0
    load: float = 1.0  # own work against what the tracks say
    attendance: float = 0.85
    bell_spread: float = 4.0  # minutes around two before the bell in which people sit down
    stays: float = 0.3  # who goes on after a class ...
    stay: float = 30.0  # ... for so many minutes, median
    deadline_rush: float = 3.0  # how much more own work there is in the 24 hours before a cohort's weekly deadline
    work_sigma: float = 0.7  # of the lognormal working time
    compute: float = 5.0  # minutes of a burst of computing in own work, median ...
    think: float = 4.0  # ... and of the pause after it
    class_compute: float = 2.5  # in class cells are short, and somebody explains in between
    class_think: float = 5.0
    burst_sigma: float = 0.9
    redo: float = 5.0  # minutes of computing until somebody is where they were when their lab was stopped
    run_hours: float = 3.0  # of a long run, median
    run_prints: float = 0.75  # long runs that print something at least now and then
    stops: float = 0.4  # people who stop their lab when they go
    leaves_tab: float = 0.35  # of the others: whose browser stays open ...
    tab_hours: float = 3.0  # ... for so long, median
    heeds: float = 0.7  # people at work who run a cell when they are told that their GPU is idle
    patience: float = 60.0  # minutes in the queue, median
    patience_sigma: float = 0.8
    says_so: float = 0.6  # who gives up and leaves the queue, instead of just going away
    returns: float = 0.6  # who gives up and tries again later, twice at most
    return_hours: float = 3.0
    answer: float = 45.0  # seconds until somebody who waits notices that it is their turn, median
    answer_sigma: float = 1.0
    class_answer: float = 15.0  # in class they sit in front of it
    start: float = 20.0  # seconds that a lab takes to start


@dataclass(frozen=True)
class Lesson:
    """A GPU class of a cohort."""

    cohort: str
    starts: float
    ends: float


@dataclass(frozen=True)
class Wish:
    """What one person wants to do with a GPU, and how they behave. `bursts` are (computing, pause) in seconds."""

    username: str
    at: float
    bursts: tuple[tuple[float, float], ...]
    lesson: int | None = None
    run: float = 0.0
    prints: bool = True
    stops: bool = True
    tab: float = 0.0
    heeds: bool = True
    patience: float = math.inf
    says_so: bool = True
    returns: tuple[float, ...] = ()
    answer: float = 0.0

    @property
    def wanted(self) -> float:
        """Seconds with a GPU that this takes."""
        return sum(compute + pause for compute, pause in self.bursts) + self.run


@dataclass(frozen=True)
class Trace:
    """One week: people by cohort, the timetable, and the wishes in the order of time."""

    demand: Demand
    cohorts: dict[str, tuple[str, tuple[str, ...]]]  # id: (track, usernames)
    lessons: tuple[Lesson, ...]
    wishes: tuple[Wish, ...] = field(repr=False)

    def track_of(self) -> dict[str, str]:
        return {name: track for track, names in self.cohorts.values() for name in names}


def draw_week(demand: Demand, seed: int) -> Trace:
    """The week of that seed; the same wishes for whoever lends the slices."""
    cohorts, lessons = {}, []
    for track in demand.tracks:
        short = "".join(part[0] for part in track.name.split("-"))
        at_once = max(1, demand.seats // track.size)
        for number in range(track.cohorts):
            cohort = f"{short}-{number + 1:02}"
            cohorts[cohort] = (track.name, tuple(f"{cohort}-{place + 1:02}" for place in range(track.size)))
            day, hour = track.slots[(number // at_once) % len(track.slots)]
            begins = day * DAY + hour * HOUR
            lessons.append(Lesson(cohort, begins, begins + demand.class_hours * HOUR))
    lessons = [lesson for lesson in lessons if lesson.ends <= demand.days * DAY]
    lessons.sort(key=lambda lesson: (lesson.starts, lesson.cohort))
    wishes = _Drawing(demand, seed).wishes(cohorts, lessons)
    wishes.sort(key=lambda wish: (wish.at, wish.username))
    return Trace(demand, cohorts, tuple(lessons), tuple(wishes))


class _Drawing:
    """Draws wishes; everything random comes from one generator, in a fixed order."""

    def __init__(self, demand: Demand, seed: int) -> None:
        self.demand, self.rng = demand, np.random.default_rng(seed)

    def wishes(self, cohorts: dict[str, tuple[str, tuple[str, ...]]], lessons: Sequence[Lesson]) -> list[Wish]:
        tracks = {track.name: track for track in self.demand.tracks}
        found = []
        for place, (cohort, (name, people)) in enumerate(cohorts.items()):
            own = [(number, lesson) for number, lesson in enumerate(lessons) if lesson.cohort == cohort]
            deadline = (place % self.demand.days + 1) * DAY - MINUTE  # midnight, another day for each cohort
            odds = self._odds(tracks[name], deadline)
            for person in people:
                found += [
                    self._in_class(person, number, lesson) for number, lesson in own if self._is(self.demand.attendance)
                ]
                for _ in range(int(self.rng.poisson(tracks[name].wishes * self.demand.load * self.demand.days / 7))):
                    found.append(self._own_work(person, tracks[name], odds, [lesson for _, lesson in own]))
        return found

    def _odds(self, track: Track, deadline: float) -> np.ndarray:
        """How likely a wish comes in each hour of the week."""
        odds = []
        for hour in range(self.demand.days * 24):
            weight = track.hours[hour % 24] * (track.weekend if hour // 24 >= 5 else 1.0)
            left = deadline - hour * HOUR
            odds.append(weight * (self.demand.deadline_rush if 0 < left <= DAY else 1.0))
        return np.array(odds) / sum(odds)

    def _own_work(self, person: str, track: Track, odds: np.ndarray, lessons: Sequence[Lesson]) -> Wish:
        demand = self.demand
        at = float((self.rng.choice(len(odds), p=odds) + self.rng.random()) * HOUR)
        for lesson in lessons:
            if lesson.starts - 30 * MINUTE <= at < lesson.ends:
                at = lesson.ends + self._about(30 * MINUTE, 0.5)
        run = self._about(demand.run_hours * HOUR, 0.6) if self._is(track.run) else 0.0
        bursts = self._bursts(self._about(track.work * MINUTE, demand.work_sigma), demand.compute, demand.think)
        return self._behave(Wish(person, at, bursts, run=run))

    def _in_class(self, person: str, number: int, lesson: Lesson) -> Wish:
        demand = self.demand
        at = lesson.starts + float(self.rng.normal(-2.0, demand.bell_spread)) * MINUTE
        at = max(at, lesson.starts - 12 * MINUTE)
        until = lesson.ends + (self._about(demand.stay * MINUTE, 0.5) if self._is(demand.stays) else 0.0)
        wish = self._behave(Wish(person, at, self._bursts(until - at, demand.class_compute, demand.class_think)))
        return Wish(
            **{
                **wish.__dict__,
                "lesson": number,
                "patience": lesson.ends - at,
                "returns": (),
                "answer": demand.class_answer,
            }
        )

    def _behave(self, wish: Wish) -> Wish:
        demand = self.demand
        tab = 0.0 if not self._is(demand.leaves_tab) else self._about(demand.tab_hours * HOUR, 0.8)
        returns = tuple(self._about(demand.return_hours * HOUR, 0.5) for _ in range(2) if self._is(demand.returns))
        return Wish(
            **{
                **wish.__dict__,
                "prints": self._is(demand.run_prints),
                "stops": self._is(demand.stops) and not wish.run,
                "tab": tab,
                "heeds": self._is(demand.heeds),
                "patience": self._about(demand.patience * MINUTE, demand.patience_sigma),
                "says_so": self._is(demand.says_so),
                "returns": returns,
                "answer": self._about(demand.answer, demand.answer_sigma),
            }
        )

    def _bursts(self, length: float, compute: float, think: float) -> tuple[tuple[float, float], ...]:
        found, total = [], 0.0
        while total < length:
            burst = self._about(compute * MINUTE, self.demand.burst_sigma)
            pause = self._about(think * MINUTE, self.demand.burst_sigma)
            burst = min(burst, length - total)
            pause = min(pause, length - total - burst)
            found.append((burst, pause))
            total += burst + pause + 1e-6
        return tuple(found)

    def _about(self, median: float, sigma: float) -> float:
        return float(median * math.exp(sigma * self.rng.standard_normal()))

    def _is(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)
