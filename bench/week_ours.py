"""The week with the real thing: desk, queue, classes, readings, reclaim and use of `gpus` on a database of its own.

What the portal does every two seconds happens here every 150; agents' readings of that time come as often as they must
to count as evidence. The database syncs nothing: how long a commit takes is `bench leases`' question.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

from sqlalchemy import event, func, insert, select
from sqlalchemy.orm import Session

from bench.week_demand import DAY, MINUTE, Demand, Trace
from bench.week_world import Lab, Lent, Looked
from cohorts.database import Database, migrate, table_of
from cohorts.models import Cohort, Membership, MembershipState, Person, Role
from cohorts.timetable import add_class_session
from gpus.classes import due_starts, return_unused
from gpus.desk import Desk, Held
from gpus.hardware import Hardware
from gpus.inventory import apply_declared
from gpus.models import Lease, LeaseState, Slice, Ticket, Use
from gpus.readings import RULE, Reading, take_readings
from gpus.reservations import current, holds
from gpus.upkeep import tend
from gpus.usage import accrue_all
from gpus.writer import deciding

ZONE = "Asia/Seoul"
MONDAY = datetime(2026, 3, 1, 15, 0, tzinfo=UTC)  # Monday 2 March 2026, 0:00 in Seoul
KIND, PROFILE = "gpu", "gpu-slice"
_L, _S, _T = table_of(Lease), table_of(Slice), table_of(Ticket)
_HELD = select(_L.c.holder).where(_L.c.ended_at.is_(None), _L.c.state == LeaseState.HELD).order_by(_L.c.id)
_WARNED = select(_L.c.holder, _L.c.idle_warned_at).where(_L.c.ended_at.is_(None), _L.c.idle_warned_at.is_not(None))
_OPEN = select(_L.c.holder, _S.c.node, _S.c.device).join(_S, _S.c.id == _L.c.slice_id).where(_L.c.ended_at.is_(None))
_QUEUE = select(func.count()).select_from(_T).where(_T.c.closed_at.is_(None))


def build_hardware(demand: Demand, **rules: Any) -> Hardware:
    """So many slices over so many nodes, lent by the rules that a campus has when it says nothing."""
    nodes = [
        {
            "name": f"node{node + 1}",
            "slices": [
                {"device": f"GPU-{node + 1}-{number}", "kind": KIND}
                for number in range(node, demand.slices, demand.nodes)
            ],
        }
        for node in range(demand.nodes)
    ]
    profiles = [
        {"name": "cpu", "title": {"ko": "CPU", "en": "CPU"}},
        {"name": PROFILE, "title": {"ko": "GPU", "en": "GPU"}, "kind": KIND},
    ]
    return Hardware.model_validate({"profiles": profiles, "nodes": nodes, "rules": rules})


class Ours:
    """Lends through `gpus`."""

    every = 2.5 * MINUTE
    book_every = 10 * MINUTE

    def __init__(self, folder: Path, trace: Trace, hardware: Hardware) -> None:
        url = f"sqlite:///{folder / 'week.db'}"
        migrate(url)
        self.database, self.hardware = Database(url), hardware
        event.listen(self.database.engine, "connect", _sync_nothing)
        self.desk = Desk(self.database, hardware, ZONE)
        self.lease: dict[str, int] = {}
        self.lessons: dict[int, int] = {}
        self._known: set[str] = set()
        self._warned: dict[str, datetime] = {}
        self._booked = 0.0
        self._looked = 0.0
        self._sample = (0, 0, 0)
        self._bells = [(lesson.starts - 16 * MINUTE, lesson.starts + 16 * MINUTE) for lesson in trace.lessons]
        self.kept_hours = 0.0
        self._enrol(trace)

    def close(self) -> None:
        self.database.close()

    def ask(self, username: str, now: float) -> bool:
        got = self.desk.ask(username, PROFILE, moment(now))
        self._known.discard(username)
        if isinstance(got, Held):
            self.lease[username] = got.id
            return True
        return False

    def leave(self, username: str, now: float) -> list[str]:
        self.desk.leave(username, moment(now))
        return self._turns()

    def running(self, username: str, now: float) -> None:
        self.desk.running(self.lease[username], device="", node="", now=moment(now))

    def stopped(self, username: str, now: float) -> list[str]:
        self.desk.ended(self.lease.pop(username), "stopped", moment(now))
        return self._turns()

    def look(self, now: float, labs: Mapping[str, Lab]) -> Looked:
        """What the portal's steward does at a look, and before it what the nodes' agents tell."""
        at, found = moment(now), Looked()
        used = {name: None if lab.used is None else moment(lab.used) for name, lab in labs.items() if lab.running}
        near = any(begins <= now <= ends for begins, ends in self._bells)
        with deciding(self.database) as session:
            taken = session.execute(_OPEN).all()
            for node in sorted({node for _, node, _ in taken}):
                for since, until in self._looks(now):
                    seen = self._readings(taken, node, labs, since, until)
                    take_readings(session, node, seen, moment(until))
            return_unused(session, self.hardware, used, at)
            due = tend(session, self.hardware, at, timezone=ZONE)
            if now - self._booked >= self.book_every:
                accrue_all(session, at, self.hardware.rules.half_life, ZONE)
                self._booked = now
            starts = due_starts(session, self.hardware, at) if near else []
            warned = {row.holder: row.idle_warned_at for row in session.execute(_WARNED)}
            self._take_sample(session, len(taken), at, now, near)
        found.stop = {name: why for name, why in due.stop.items() if name in labs}
        found.warned = sorted(name for name, since in warned.items() if self._warned.get(name) != since)
        self._warned = warned
        for start in starts:
            if start.username not in labs and self.ask(start.username, now):
                found.started.append(start.username)
        found.turns = self._turns()
        return found

    def lent(self, end: float) -> list[Lent]:
        query = select(_S.c.device, _L.c.holder, _L.c.granted_at, _L.c.running_at, _L.c.ended_at)
        with self.database.read() as session:
            rows = session.execute(query.join(_S, _S.c.id == _L.c.slice_id).order_by(_L.c.id)).all()
        return [
            Lent(device, holder, seconds(since), seconds(ran) if ran else None, seconds(ended) if ended else end)
            for device, holder, since, ran, ended in rows
        ]

    def booked_hours(self) -> float:
        """GPU hours that the books of use hold."""
        with self.database.read() as session:
            return float(session.scalar(select(func.sum(Use.seconds * Use.share))) or 0.0) / 3600

    def ended_because(self) -> dict[str, int]:
        with self.database.read() as session:
            rows = session.execute(select(Lease.ended_because, func.count()).group_by(Lease.ended_because)).all()
        return {because or "open": count for because, count in rows}

    def sample(self) -> tuple[int, int, int]:
        return self._sample

    def _looks(self, now: float) -> list[tuple[float, float]]:
        """The spans that agents read since the last look: as long as readings may be apart, and still count."""
        count = ceil(self.every / RULE.longest_gap.total_seconds())
        span = self.every / count
        return [(now - span * left, now - span * (left - 1)) for left in range(count, 0, -1)]

    def _readings(self, taken: Any, node: str, labs: Mapping[str, Lab], since: float, until: float) -> list[Reading]:
        """What the agent of that node sees on cards that are lent; nobody asks for the others."""
        found = []
        for holder, where, device in taken:
            if where == node:
                lab = labs.get(holder)
                busy = lab.computed(since, until) / (until - since) if lab is not None else 0.0
                found.append(Reading(device, busy, None, None))
        return found

    def _take_sample(self, session: Session, lent: int, at: datetime, now: float, near: bool) -> None:
        kept = 0
        if near:
            found = current(holds(session, self.hardware, KIND, at, timedelta()), at)
            free = sum(len(node.slices) for node in self.hardware.nodes) - lent
            kept = min(sum(hold.kept for hold in found), free)
        self.kept_hours += kept * (now - self._looked) / 3600
        self._looked = now
        self._sample = (lent, kept, session.scalar(_QUEUE) or 0)

    def _turns(self) -> list[str]:
        """Whose turn has come since this was asked last."""
        with self.database.read() as session:
            held = list(session.scalars(_HELD))
        new = [name for name in held if name not in self._known]
        self._known = set(held)
        return new

    def _enrol(self, trace: Trace) -> None:
        with self.database.write() as session:
            for cohort, (track, names) in trace.cohorts.items():
                session.add(
                    Cohort(
                        id=cohort,
                        track=track,
                        title=cohort,
                        starts_on=date(2026, 3, 2),
                        timezone=ZONE,
                        created_at=MONDAY,
                    )
                )
                session.flush()
                people = [
                    {"username": name, "name": name, "locale": "ko", "is_admin": False, "created_at": MONDAY}
                    for name in names
                ]
                session.execute(insert(Person), people)
                members = [
                    {
                        "cohort_id": cohort,
                        "username": name,
                        "role": Role.STUDENT,
                        "state": MembershipState.ACTIVE,
                        "created_at": MONDAY,
                        "changed_at": MONDAY,
                    }
                    for name in names
                ]
                session.execute(insert(Membership), members)
            for lesson in trace.lessons:
                add_class_session(
                    session,
                    lesson.cohort,
                    title=lesson.cohort,
                    starts_at=moment(lesson.starts),
                    ends_at=moment(lesson.ends),
                    profile=PROFILE,
                    by="office",
                    now=MONDAY,
                )
            apply_declared(session, self.hardware.nodes, MONDAY)


def moment(now: float) -> datetime:
    return MONDAY + timedelta(seconds=now)


def seconds(at: datetime) -> float:
    return (at - MONDAY).total_seconds()


def _sync_nothing(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")


__all__ = ["DAY", "Ours", "build_hardware", "moment", "seconds"]
