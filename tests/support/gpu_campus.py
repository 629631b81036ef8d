"""A campus that lends slices, for tests: two cohorts on two tracks, declared slices, a desk, a clock set by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from cohorts.database import Database, migrate
from cohorts.models import Cohort, Membership, Person, Role
from cohorts.timetable import add_class_session
from gpus.desk import Desk, Held, Place
from gpus.hardware import Hardware
from gpus.inventory import apply_declared
from gpus.models import Lease
from gpus.upkeep import Tended, tend
from gpus.writer import deciding

START = datetime(2026, 3, 2, 0, 0, tzinfo=UTC)  # a Monday, 9:00 in Seoul
ZONE = "Asia/Seoul"


def declare(slices: int, *, nodes: int = 1, rules: Mapping[str, Any] | None = None, **profile: Any) -> Hardware:
    """Hardware with a CPU profile, a GPU profile and so many slices spread over so many nodes."""
    names = [f"node{number % nodes + 1}" for number in range(slices)]
    return Hardware.model_validate(
        {
            "profiles": [
                {"name": "cpu", "title": {"ko": "CPU", "en": "CPU"}},
                {"name": "gpu", "title": {"ko": "GPU", "en": "GPU"}, "kind": "gpu", **profile},
            ],
            "rules": dict(rules or {}),
            "nodes": [
                {
                    "name": node,
                    "slices": [
                        {"device": f"GPU-{node}-{number}", "kind": "gpu"}
                        for number, name in enumerate(names)
                        if name == node
                    ],
                }
                for node in sorted(set(names))
            ],
        }
    )


@dataclass
class GpuCampus:
    """What a test acts with. `now` moves only when the test moves it."""

    database: Database
    hardware: Hardware
    now: datetime = START
    _people: set[str] = field(default_factory=set)

    @property
    def desk(self) -> Desk:
        return Desk(self.database, self.hardware, ZONE)

    def wait(self, **span: float) -> None:
        self.now += timedelta(**span)

    def students(self, count: int, cohort: str = "jc-1", prefix: str = "s") -> list[str]:
        """So many students of that cohort, `s01` and so on."""
        names = [f"{prefix}{number:02}" for number in range(1, count + 1)]
        with self.database.write() as session:
            for name in names:
                session.add(Person(username=name, name=name, locale="ko", is_admin=False, created_at=self.now))
                session.flush()
                session.add(
                    Membership(
                        cohort_id=cohort, username=name, role=Role.STUDENT, created_at=self.now, changed_at=self.now
                    )
                )
        return names

    def ask(self, username: str, profile: str = "gpu") -> Held | Place | None:
        return self.desk.ask(username, profile, self.now)

    def lent(self, username: str, profile: str = "gpu") -> Held:
        """A lease for that person, whose server runs."""
        got = self.ask(username, profile)
        assert isinstance(got, Held), got
        self.desk.running(got.id, device="", node="", now=self.now)
        return got

    def queued(self, username: str, profile: str = "gpu") -> Place:
        got = self.ask(username, profile)
        assert isinstance(got, Place), got
        return got

    def give_back(self, username: str) -> None:
        held, _ = self.desk.look(username, self.now)
        assert held is not None
        self.desk.ended(held.id, "stopped", self.now)

    def tend(self) -> Tended:
        with deciding(self.database) as session:
            return tend(session, self.hardware, self.now, timezone=ZONE)

    def holders(self) -> set[str]:
        with self.database.read() as session:
            return set(session.scalars(select(Lease.holder).where(Lease.ended_at.is_(None))))

    def add_class(self, cohort: str = "jc-1", *, starts: datetime, hours: float = 2, seats: int | None = None) -> int:
        with self.database.write() as session:
            entry = add_class_session(
                session,
                cohort,
                title="딥러닝 실습",
                starts_at=starts,
                ends_at=starts + timedelta(hours=hours),
                profile="gpu",
                seats=seats,
                by="admin",
                now=self.now,
            )
            return entry.id


@contextmanager
def gpu_campus(url: str, hardware: Hardware) -> Iterator[GpuCampus]:
    """The campus at the empty database `url`, with cohorts jc-1 (job-conversion) and at-1 (advanced-talent)."""
    migrate(url)
    database = Database(url)
    try:
        with database.write() as session:
            for key, track in (("jc-1", "job-conversion"), ("at-1", "advanced-talent")):
                session.add(
                    Cohort(id=key, track=track, title=key, starts_on=date(2026, 3, 2), timezone=ZONE, created_at=START)
                )
            apply_declared(session, hardware.nodes, START)
        yield GpuCampus(database, hardware)
    finally:
        database.close()
