"""The grader in figures: states, outcomes, time in the queue and in each phase, workers. Reads only.

Everything comes from the database, so several portals say the same. Finished markings never change: each is read once
and added up, so that looking costs what has happened since, not what ever happened.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grader.models import Assignment, Attempt, Marking, MarkingKind, MarkingState
from grader.phases import Told
from grader.presence import alive, capacity
from grader.questions import Question, questions_of

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
#: a transaction may become visible this long after the time that it carries
OVERLAP = timedelta(minutes=2)
BEGINNING = datetime(1970, 1, 2, tzinfo=UTC)


@dataclass
class Histogram:
    """How many durations fell below each bound, their sum in seconds and their number."""

    below: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        seconds = max(0.0, seconds)
        self.below[bisect_left(SECONDS, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """Prometheus' buckets: how many took at most so long."""
        together, found = 0, []
        for bound, number in zip((*map(str, SECONDS), "+Inf"), self.below, strict=True):
            together += number
            found.append((bound, float(together)))
        return found


@dataclass(frozen=True)
class Finished:
    """A finished marking, as far as figures go."""

    kind: MarkingKind
    outcome: str
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime
    phases: Told | None


@dataclass
class Totals:
    """Added up over all finished markings."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    queue: dict[str, Histogram] = field(default_factory=dict)
    marking: dict[str, Histogram] = field(default_factory=dict)
    phases: dict[str, Histogram] = field(default_factory=dict)

    def add(self, done: Finished) -> None:
        self.outcomes[done.kind.value, done.outcome] += 1
        if done.started_at is not None:
            waited = (done.started_at - done.queued_at).total_seconds()
            took = (done.finished_at - done.started_at).total_seconds()
            self.queue.setdefault(done.kind.value, Histogram()).add(waited)
            self.marking.setdefault(done.kind.value, Histogram()).add(took)
        for phase, told in (done.phases or {}).items():
            self.phases.setdefault(phase, Histogram()).add(told["seconds"])


@dataclass(frozen=True)
class QuestionFigure:
    """A question of an offering's assignment."""

    offering_id: str
    assignment: str
    question: Question


@dataclass(frozen=True)
class Snapshot:
    """What holds at this moment, and the totals.

    `queued` counts what waits by priority, `waiting` by what it needs (`grader.needs`). `slots` is how many of each of
    these can run at once.
    """

    states: dict[str, int]
    queued: dict[int, int]
    waiting: dict[str, int]
    workers: int
    slots: dict[str, int]
    totals: Totals
    questions: tuple[QuestionFigure, ...]


class Figures:
    """Adds up what has finished since it was last asked; safe to ask from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals = Totals()
        self._until = BEGINNING
        self._seen: dict[int, datetime] = {}
        self._questions: dict[int, tuple[QuestionFigure, ...]] = {}

    def read(self, session: Session, now: datetime) -> Snapshot:
        """The figures as of `now`."""
        with self._lock:
            changed = self._add_finished(session)
            for assignment in session.scalars(select(Assignment).where(Assignment.id.in_(changed))):
                self._questions[assignment.id] = tuple(
                    QuestionFigure(assignment.offering_id, assignment.name, question)
                    for question in questions_of(session, assignment)
                )
            states = session.execute(select(Marking.state, func.count()).group_by(Marking.state))
            queued = session.execute(
                select(Marking.priority, func.count())
                .where(Marking.state == MarkingState.QUEUED)
                .group_by(Marking.priority)
            )
            waiting = session.execute(
                select(Marking.needs, func.count()).where(Marking.state == MarkingState.QUEUED).group_by(Marking.needs)
            )
            return Snapshot(
                states={state.value: 0 for state in MarkingState} | {state.value: number for state, number in states},
                queued=dict(queued.all()),
                waiting=dict(waiting.all()),
                workers=len(alive(session, now)),
                slots=dict(capacity(session, now)),
                totals=self._totals,
                questions=tuple(figure for _, found in sorted(self._questions.items()) for figure in found),
            )

    def _add_finished(self, session: Session) -> set[int]:
        """Add what finished since; returns the assignments it belongs to."""
        since = self._until - OVERLAP
        rows = session.execute(
            select(
                Marking.id,
                Marking.kind,
                Marking.state,
                Marking.integrity,
                Marking.queued_at,
                Marking.started_at,
                Marking.finished_at,
                Marking.phases,
                Attempt.assignment_id,
            )
            .join(Attempt, Attempt.id == Marking.attempt_id)
            .where(Marking.finished_at > since, Marking.state.in_((MarkingState.DONE, MarkingState.FAILED)))
            .execution_options(yield_per=1000)
        )
        changed: set[int] = set()
        for marking_id, kind, state, integrity, queued_at, started_at, finished_at, phases, assignment_id in rows:
            if finished_at is None or self._seen.get(marking_id) == finished_at:
                continue
            self._seen[marking_id] = finished_at
            outcome = "failed" if state is MarkingState.FAILED else integrity or "done"
            self._totals.add(Finished(kind, outcome, queued_at, started_at, finished_at, phases))
            self._until = max(self._until, finished_at)
            changed.add(assignment_id)
        since = self._until - OVERLAP
        self._seen = {marking_id: when for marking_id, when in self._seen.items() if when > since}
        return changed
