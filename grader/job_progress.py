"""How far marking is: counts for an assignment, places in the queue, and when somebody's turn will come. Reads only.

An estimate is made from what was measured lately and the workers that are there now; without either there is none.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from grader.models import Attempt, Marking, MarkingKind, MarkingState
from grader.presence import capacity

LOOKED_AT = 50
LOOKED_BACK = timedelta(hours=6)
ENOUGH = 3


@dataclass(frozen=True)
class Progress:
    """How the newest marking of each attempt at an assignment stands."""

    queued: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Waiting:
    """A marking in the queue."""

    id: int
    priority: int
    offering_id: str


@dataclass(frozen=True)
class Pace:
    """How fast markings of one lane go: seconds each took lately, how many can run at once, and how many do."""

    recent: tuple[float, ...]
    capacity: int
    running: int


@dataclass(frozen=True)
class Place:
    """A marking's place in its lane, 1 for the next one, and in how many seconds it will be marked, if one can say.

    `served` is False where no worker that runs now has what it needs: it waits until one comes.
    """

    position: int
    estimate_seconds: int | None
    served: bool


def progress(session: Session, assignment_id: int) -> Progress:
    """How far the marking of an assignment's attempts is."""
    newest = (
        select(func.max(Marking.id))
        .join(Attempt, Attempt.id == Marking.attempt_id)
        .where(Attempt.assignment_id == assignment_id, Marking.kind == MarkingKind.MARK)
        .group_by(Marking.attempt_id)
    )
    states = Counter(session.scalars(select(Marking.state).where(Marking.id.in_(newest))))
    return Progress(**{state.value: states[state] for state in MarkingState})


def places(session: Session, now: datetime, wanted: AbstractSet[int]) -> dict[int, Place]:
    """The places of those of the `wanted` markings that wait, by their ids."""
    rows = session.execute(
        select(Marking.id, Marking.priority, Marking.offering_id, Marking.needs).where(
            Marking.state == MarkingState.QUEUED
        )
    )
    lanes: dict[str, list[Waiting]] = defaultdict(list)
    for row in rows:
        lanes[row.needs].append(Waiting(row.id, row.priority, row.offering_id))
    found: dict[int, Place] = {}
    for needs, waiting in lanes.items():
        if wanted.isdisjoint(job.id for job in waiting):
            continue
        pace = measured_pace(session, now, needs)
        order = enumerate(turns(waiting), start=1)
        served = pace.capacity > 0
        found |= {key: Place(place, estimate(place, pace), served) for place, key in order if key in wanted}
    return found


def place_of_attempt(session: Session, attempt_id: int, now: datetime) -> Place | None:
    """The place of an attempt whose marking waits; None for one that doesn't."""
    marking_id = session.scalar(
        select(func.max(Marking.id)).where(Marking.attempt_id == attempt_id, Marking.state == MarkingState.QUEUED)
    )
    return places(session, now, {marking_id}).get(marking_id) if marking_id is not None else None


def measured_pace(session: Session, now: datetime, needs: str) -> Pace:
    """What the database knows of the last markings of a lane and of the workers that serve it."""
    rows = session.execute(
        select(Marking.started_at, Marking.finished_at)
        .where(Marking.finished_at > now - LOOKED_BACK, Marking.state == MarkingState.DONE, Marking.needs == needs)
        .order_by(Marking.finished_at.desc())
        .limit(LOOKED_AT)
    )
    recent = tuple((ended - began).total_seconds() for began, ended in rows if began is not None and ended is not None)
    runs = and_(Marking.state == MarkingState.RUNNING, Marking.needs == needs)
    running = session.scalar(select(func.count()).where(runs)) or 0
    return Pace(recent, capacity(session, now)[needs], running)


def turns(waiting: Iterable[Waiting]) -> list[int]:
    """The ids in the order in which they will be taken: by priority, then one of each offering in turn, oldest first.

    The turns of `queueing` also look at what runs and was served last, so this may be off by one job per offering.
    """
    rounds: dict[tuple[int, str], int] = defaultdict(int)
    keys: list[tuple[int, int, int]] = []
    for job in sorted(waiting, key=lambda job: job.id):
        lane = (job.priority, job.offering_id)
        keys.append((job.priority, rounds[lane], job.id))
        rounds[lane] += 1
    return [marking_id for _, _, marking_id in sorted(keys)]


def estimate(position: int, pace: Pace) -> int | None:
    """In how many seconds the job at `position` will be marked, rounded as a person would; None without a basis.

    Jobs that run are taken to be half done; `capacity` jobs are taken off the queue each time one's mean passes.
    """
    if pace.capacity < 1 or len(pace.recent) < ENOUGH:
        return None
    each = fmean(pace.recent)
    before = position - 1 + min(pace.running, pace.capacity) / 2
    free = pace.capacity - pace.running
    waits = 0.0 if position <= free else before * each / pace.capacity
    return rounded(waits + each)


def rounded(seconds: float) -> int:
    """Seconds as a person would say them, never less than what was computed: 1, 2 … 10, 15 … 60, 90 … 600, 660 …"""
    steps: Sequence[tuple[float, int]] = ((10, 1), (60, 5), (600, 30), (float("inf"), 60))
    step = next(step for limit, step in steps if seconds <= limit)
    return max(1, -int(-seconds // step)) * step
