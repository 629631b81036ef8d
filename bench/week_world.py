"""People and their labs through one week: whoever lends the slices, they come, wait, work, forget and go alike.

Owns what people do; who gets a slice is the lender's business. Keeps a record of what happened.
"""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from bench.week_demand import DAY, MINUTE, Demand, Trace, Wish


@dataclass
class Lab:
    """A lab with a GPU. `bursts` are the times in which it computes, in order and apart from each other; the person is
    there until `busy_until`.

    After that a `run` may compute on alone until `run_until`, and a browser may stay open until `tab_until`.
    """

    username: str
    since: float
    running: bool = False
    wish: Wish | None = None
    begun: float = 0.0
    busy_until: float = 0.0
    run_until: float = 0.0
    tab_until: float = 0.0
    used: float | None = None
    bursts: list[tuple[float, float]] = field(default_factory=list)
    there: float = 0.0  # seconds in which its person was there, of work that has ended

    def computed(self, since: float, until: float) -> float:
        """Seconds of computing between the two."""
        total = 0.0
        first = max(0, bisect_right(self.bursts, (since,)) - 1)
        for begins, ends in itertools.islice(self.bursts, first, None):
            if begins >= until:
                break
            total += max(0.0, min(ends, until) - max(begins, since))
        return total

    def computes(self, now: float) -> bool:
        return any(begins <= now < ends for begins, ends in self.bursts)

    def somebody_there(self, now: float) -> bool:
        return self.wish is not None and self.begun <= now < self.busy_until

    def last_activity(self, now: float) -> float:
        """What JupyterHub knows: traffic of an open browser, and kernels that print. A silent kernel is no activity."""
        if self.wish is None:
            return self.since if self.used is None else self.used
        seen = max(self.busy_until, self.tab_until)
        if self.wish.prints:
            seen = max(seen, self.run_until)
        return min(seen, now)


@dataclass
class Looked:
    """What a lender's look brought: labs to stop and why, whose turn has come, labs it started, and who is warned."""

    stop: dict[str, str] = field(default_factory=dict)
    turns: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Lent:
    """A slice that was taken from `since` to `until`; `answered` is when somebody came to use it (None: never)."""

    device: str
    holder: str
    since: float
    answered: float | None
    until: float


class Lender(Protocol):
    """Whoever lends slices."""

    every: float

    def ask(self, username: str, now: float) -> bool:
        """Whether the person may start a lab now; else they are in the queue."""

    def leave(self, username: str, now: float) -> list[str]:
        """The person leaves the queue; whose turn it is now."""

    def running(self, username: str, now: float) -> None: ...

    def stopped(self, username: str, now: float) -> list[str]:
        """The lab is no more; whose turn it is now."""

    def look(self, now: float, labs: Mapping[str, Lab]) -> Looked: ...

    def lent(self, end: float) -> list[Lent]:
        """Every slice that was taken, for the record."""

    def sample(self) -> tuple[int, int, int]:
        """Slices lent, slices kept free for a class, and people in the queue, at the last look."""


@dataclass(frozen=True)
class Service:
    """One ask: from when, and when the slice was there (None: given up, at `until`)."""

    username: str
    asked: float
    got: float | None
    until: float
    lesson: int | None


@dataclass(frozen=True)
class Stop:
    """A lab that ended: why, whether it computed then, and whether its person was there."""

    username: str
    at: float
    because: str
    computing: bool
    there: bool


@dataclass
class Record:
    """What happened. `seats` holds when each who came to a class sat down, and when their lab ran."""

    services: list[Service] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    seats: dict[tuple[int, str], list[float]] = field(default_factory=dict)
    computed: float = 0.0
    there: float = 0.0  # of the time with a lab, its person was there
    there_computing: float = 0.0
    got: dict[str, float] = field(default_factory=dict)  # GPU seconds in which a person or their run was at work
    samples: list[tuple[float, int, float, int, int]] = field(default_factory=list)


@dataclass
class _Waiting:
    wish: Wish
    since: float
    there: bool = True  # who went away without a word is still in the queue
    turn: bool = False


class World:
    """One week with one lender."""

    def __init__(self, trace: Trace, lender: Lender) -> None:
        self.trace, self.lender = trace, lender
        self.demand: Demand = trace.demand
        self.end = self.demand.days * DAY
        self.labs: dict[str, Lab] = {}
        self.waiting: dict[str, _Waiting] = {}
        self.record = Record()
        self._events: list[tuple[float, int, Callable[..., None], tuple[object, ...]]] = []
        self._number = itertools.count()
        self._sampled = 0.0

    def live(self) -> Record:
        """Let the week pass."""
        for wish in self.trace.wishes:
            self._at(wish.at, self._come, wish)
        self._at(0.0, self._look)
        while self._events and self._events[0][0] < self.end:
            now, _, act, given = heapq.heappop(self._events)
            act(now, *given)
        for username in list(self.labs):
            self._account(self.labs.pop(username), self.end)
        for username, waiting in self.waiting.items():
            if waiting.there:
                self.record.services.append(Service(username, waiting.since, None, self.end, waiting.wish.lesson))
        return self.record

    def _at(self, when: float, act: Callable[..., None], *given: object) -> None:
        heapq.heappush(self._events, (when, next(self._number), act, given))

    def _come(self, now: float, wish: Wish, retry: int = 0) -> None:
        """Somebody wants to work: in the lab that runs, in the queue where they are already, or they ask."""
        if wish.lesson is not None:
            if now >= self.trace.lessons[wish.lesson].ends:
                return
            self.record.seats.setdefault((wish.lesson, wish.username), [now])
        lab = self.labs.get(wish.username)
        if lab is not None:
            self.record.services.append(Service(wish.username, now, now, now, wish.lesson))
            if lab.running:
                self._work(now, lab, wish)
            else:
                lab.wish = wish
            return
        waiting = self.waiting.get(wish.username)
        if waiting is not None and waiting.there:
            if wish.lesson is not None or waiting.wish.lesson is None:
                rest = waiting.wish.bursts if wish.lesson is None else ()
                waiting.wish = replace(wish, bursts=rest + wish.bursts)
            return
        since = _Waiting(wish, now)
        self.waiting[wish.username] = since
        if self.lender.ask(wish.username, now):
            self._start(now, wish.username)
        else:
            self._at(now + wish.patience, self._give_up, since, retry)

    def _give_up(self, now: float, waiting: _Waiting, retry: int) -> None:
        wish = waiting.wish
        if self.waiting.get(wish.username) is not waiting or not waiting.there or waiting.turn:
            return
        if wish.lesson is not None and now < self.trace.lessons[wish.lesson].ends:
            self._at(self.trace.lessons[wish.lesson].ends, self._give_up, waiting, retry)
            return
        self.record.services.append(Service(wish.username, waiting.since, None, now, wish.lesson))
        waiting.there = False
        if wish.says_so:
            del self.waiting[wish.username]
            self._turns(now, self.lender.leave(wish.username, now))
        if wish.lesson is None and retry < len(wish.returns):
            self._at(now + wish.returns[retry], self._come, wish, retry + 1)

    def _turns(self, now: float, names: list[str]) -> None:
        for username in names:
            waiting = self.waiting.get(username)
            if waiting is None:
                continue
            if waiting.there:
                waiting.turn = True
                self._at(now + waiting.wish.answer, self._answer, waiting)
            else:
                del self.waiting[username]  # it is the turn of somebody who went away

    def _answer(self, now: float, waiting: _Waiting) -> None:
        username = waiting.wish.username
        if self.waiting.get(username) is not waiting:
            return
        waiting.turn = False
        if self.lender.ask(username, now):
            self._start(now, username)
        else:  # too late; they are in the queue again
            self._at(now + waiting.wish.patience, self._give_up, waiting, 2)

    def _start(self, now: float, username: str) -> None:
        waiting = self.waiting.pop(username)
        self.record.services.append(Service(username, waiting.since, now, now, waiting.wish.lesson))
        self.labs[username] = lab = Lab(username, now, wish=waiting.wish)
        self._at(now + self.demand.start, self._runs, lab)

    def _runs(self, now: float, lab: Lab) -> None:
        if self.labs.get(lab.username) is lab:
            lab.running = True
            self.lender.running(lab.username, now)
            if lab.wish is not None:
                self._work(now, lab, lab.wish)

    def _work(self, now: float, lab: Lab, wish: Wish) -> None:
        """The person is at their lab, and goes through what they want to do."""
        if wish.lesson is not None:
            seat = self.record.seats[wish.lesson, wish.username]
            if len(seat) == 1:
                seat.append(now)
        begin = now
        if lab.somebody_there(now) and lab.bursts and lab.busy_until > now:
            begin = lab.busy_until  # they are at work already, and go on with this afterwards
        else:
            lab.there += max(0.0, lab.busy_until - lab.begun)
            lab.begun = now
        if lab.run_until > begin:
            begin = max(begin, lab.busy_until)
        lab.wish, lab.used = wish, now
        moment = begin
        done = [(begins, min(ends, begin)) for begins, ends in lab.bursts if begins < begin]
        for compute, pause in wish.bursts:
            done.append((moment, moment + compute))
            moment += compute + pause
        lab.busy_until = moment
        lab.run_until = moment + wish.run
        if wish.run:
            done.append((moment, lab.run_until))
        lab.bursts = done
        lab.tab_until = moment + wish.tab
        if wish.stops:
            self._at(moment, self._go, lab, moment)

    def _go(self, now: float, lab: Lab, expected: float) -> None:
        if self.labs.get(lab.username) is lab and lab.busy_until == expected:
            self._stop(now, lab.username, "stopped")

    def _stop(self, now: float, username: str, because: str) -> None:
        lab = self.labs.pop(username)
        there = lab.somebody_there(now)
        self.record.stops.append(Stop(username, now, because, lab.computes(now), there))
        self._account(lab, now)
        self._turns(now, self.lender.stopped(username, now))
        if lab.wish is None or because == "stopped":
            return
        if there:
            self._at(now + MINUTE, self._come, self._rest(lab, now))
        elif now < lab.run_until:  # found out when they look for the result
            rest = replace(lab.wish, bursts=((MINUTE, 0.0),), run=lab.run_until - now, lesson=None)
            self._at(lab.run_until, self._come, rest)

    def _rest(self, lab: Lab, now: float) -> Wish:
        """What is left to do for somebody whose lab was stopped, after they are where they were."""
        assert lab.wish is not None
        left: list[tuple[float, float]] = [(self.demand.redo * MINUTE, 0.0)]
        edges = [begins for begins, _ in lab.bursts[1:]] + [lab.busy_until]
        for (begins, ends), following in zip(lab.bursts, edges, strict=True):
            if following > now and begins < lab.busy_until:
                following = min(following, lab.busy_until)
                left.append((max(0.0, ends - max(begins, now)), max(0.0, following - max(ends, now))))
        lesson = lab.wish.lesson
        if lesson is not None and now >= self.trace.lessons[lesson].ends:
            lesson = None
        return replace(lab.wish, bursts=tuple(left), lesson=lesson, returns=())

    def _account(self, lab: Lab, now: float) -> None:
        record = self.record
        record.computed += lab.computed(lab.since, now)
        there = lab.there
        if lab.wish is not None and lab.begun:
            there += max(0.0, min(lab.busy_until, now) - lab.begun)
            record.there_computing += lab.computed(lab.since, min(lab.busy_until, now))
        record.there += there
        run = max(0.0, min(lab.run_until, now) - lab.busy_until) if lab.run_until > lab.busy_until else 0.0
        record.got[lab.username] = record.got.get(lab.username, 0.0) + there + run

    def _heed(self, now: float, lab: Lab | None) -> None:
        """Somebody at work is told that their GPU is idle: they run a cell, unless one runs by then anyway."""
        if lab is None or lab.wish is None or not lab.wish.heeds or not lab.somebody_there(now):
            return
        begins, ends = now + 2 * MINUTE, now + 3 * MINUTE
        if lab.computed(begins, ends) == 0:
            lab.bursts = sorted([*lab.bursts, (begins, ends)])

    def _look(self, now: float) -> None:
        looked = self.lender.look(now, self.labs)
        for username in looked.started:
            self.labs[username] = lab = Lab(username, now)
            self._at(now + self.demand.start, self._runs, lab)
        for username in looked.warned:
            self._heed(now, self.labs.get(username))
        for username, because in looked.stop.items():
            if username in self.labs:
                self._stop(now, username, because)
        self._turns(now, looked.turns)
        if now - self._sampled >= 10 * MINUTE - 1:
            self._sampled = now
            lent, kept, waiting = self.lender.sample()
            span = 10 * MINUTE
            computing = sum(lab.computed(now - span, now) for lab in self.labs.values()) / span
            self.record.samples.append((now, lent, computing, kept, waiting))
        self._at(now + self.lender.every, self._look)
