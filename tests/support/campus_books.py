"""The campus's own records, as tests on an engine or a Swarm read them, and the people and classes put there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select

from cohorts.database import Database, migrate
from cohorts.models import ClassSession, Cohort, Membership, Offering, Person, Role
from cohorts.timetable import add_class_session
from gpus.leases import end
from gpus.models import Lease, LeaseState, Node, NodeState, Slice, Ticket
from gpus.writer import deciding

WALK_INS, CLASS = "jc-1", "at-1"


@dataclass(frozen=True)
class Lent:
    """A lease that has not ended."""

    id: int
    holder: str
    device: str
    node: str
    state: LeaseState
    in_class: bool


def write_hardware(folder: Path, file: Mapping[str, Any]) -> None:
    """Have the campus in `folder` lend what `file` says, from its portal's next start."""
    (folder / "hardware.yaml").write_text(json.dumps(file), encoding="utf-8")  # JSON is YAML


class Books:
    """The campus's database, beside the portal that owns it."""

    def __init__(self, url: str) -> None:
        migrate(url)
        self.database = Database(url)
        self._enrolled: set[str] = set()
        now = datetime.now(UTC)
        with self.database.write() as session:
            for key, track in ((WALK_INS, "job-conversion"), (CLASS, "advanced-talent")):
                cohort = {"title": key, "starts_on": date(2026, 3, 2), "timezone": "Asia/Seoul", "created_at": now}
                session.add(Cohort(id=key, track=track, **cohort))

    def close(self) -> None:
        self.database.close()

    def enrol(self, names: Iterable[str], cohort: str, role: Role = Role.STUDENT) -> list[str]:
        """Put them on the cohort's roster; who is on one stays there. Those who are new."""
        new = [name for name in names if name not in self._enrolled]
        if not new:
            return []
        now = datetime.now(UTC)
        with self.database.write() as session:
            for name in new:
                session.add(Person(username=name, name=name, locale="ko", is_admin=False, created_at=now))
                session.flush()
                dates: dict[str, Any] = {"created_at": now, "changed_at": now}
                session.add(Membership(cohort_id=cohort, username=name, role=role, **dates))
        self._enrolled.update(new)
        return new

    def add_offering(self, name: str) -> None:
        """A course of the cohort WALK_INS, which has a grading server; its folder is the test's business."""
        with self.database.write() as session:
            session.add(Offering(id=name, cohort_id=WALK_INS, course=name, starts_on=date(2026, 3, 2)))

    def add_class(self, *, begins: timedelta, seats: int) -> int:
        """A class of the cohort CLASS on GPU slices; its number."""
        now = datetime.now(UTC)
        with self.database.write() as session:
            made = add_class_session(
                session,
                CLASS,
                title="딥러닝 실습",
                starts_at=now + begins,
                ends_at=now + begins + timedelta(hours=1),
                profile="gpu-slice",
                seats=seats,
                by="boss",
                now=now,
            )
            return made.id

    def cancel_class(self, number: int) -> None:
        with self.database.write() as session:
            session.execute(delete(ClassSession).where(ClassSession.id == number))

    def lent(self) -> dict[str, Lent]:
        """Who holds what."""
        with self.database.read() as session:
            return {
                lease.holder: Lent(
                    *(lease.id, lease.holder, lease.slice.device, lease.slice.node, lease.state),
                    in_class=lease.class_session_id is not None,
                )
                for lease in session.scalars(select(Lease).where(Lease.ended_at.is_(None)))
            }

    def ended(self, lease: int) -> str | None:
        """Why that lease ended; None while it goes on."""
        with self.database.read() as session:
            return session.get_one(Lease, lease).ended_because

    def end(self, lease: int) -> None:
        """End that lease while its lab goes on."""
        with deciding(self.database) as session:
            end(session.get_one(Lease, lease), "over", datetime.now(UTC))

    def move(self, lease: int, device: str) -> None:
        """Write another free slice down for that lease than the one it was granted."""
        with deciding(self.database) as session:
            slice_id = session.scalars(select(Slice.id).where(Slice.device == device)).one()
            session.get_one(Lease, lease).slice_id = slice_id

    def seen_by_engine(self, lease: int) -> bool:
        """Whether the portal was told that the engine has a lab of that lease."""
        with self.database.read() as session:
            return session.get_one(Lease, lease).engine_seen_at is not None

    def ends_of(self, holder: str) -> list[str | None]:
        """Why that person's leases ended, the oldest first; None for one that goes on."""
        with self.database.read() as session:
            return list(session.scalars(select(Lease.ended_because).where(Lease.holder == holder).order_by(Lease.id)))

    def count(self) -> int:
        """How many leases there have been."""
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(Lease)) or 0

    def waiting(self) -> list[str]:
        """Who waits, in no order."""
        with self.database.read() as session:
            return list(session.scalars(select(Ticket.username).where(Ticket.closed_at.is_(None))))

    def nodes(self) -> dict[str, NodeState]:
        """The Swarm's nodes as the portal knows them."""
        with self.database.read() as session:
            found = session.scalars(select(Node).where(Node.name.startswith("node")))
            return {node.name: node.state for node in found}

    def lendable(self) -> list[str]:
        """GPU slices of nodes that take servers, lent or not."""
        there = (Slice.kind == "GPU", Slice.present, Node.state == NodeState.READY)
        with self.database.read() as session:
            query = select(Slice.device).join(Node, Node.name == Slice.node).where(*there)
            return sorted(session.scalars(query))
