"""Devices for marking that people use, too: leased for each job, at the lowest priority, and given back when asked for.

The pool of one grader on one node. It takes no lease before there is work in the lane.
"""

from __future__ import annotations

import itertools
import logging
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from cohorts.database import Database
from gpus.decide import decide
from gpus.hardware import Hardware
from gpus.jobs import keep_for_job, lend_to_job, return_from_job
from gpus.models import Slice
from gpus.writer import deciding
from grader.queueing import anything_waits

log = logging.getLogger(__name__)


class LeasedDevice:
    """A leased slice that a job has."""

    def __init__(self, pool: LeasedDevices, kind: str, name: str, job: str) -> None:
        self.name = name
        self._pool, self._kind, self._job, self._open = pool, kind, job, True

    def recalled(self) -> bool:
        """Whether the lease is to be given back; asking renews it. A database that is away recalls nothing."""
        try:
            return self._open and not self._pool.keep(self._job)
        except SQLAlchemyError:
            return False

    def close(self) -> None:
        if self._open:
            self._open = False
            self._pool.give_back(self._kind, self._job)


class LeasedDevices:
    """The slices of `node` by the profiles that courses name as their hardware. `worker` is the grader's name."""

    def __init__(self, database: Database, hardware: Hardware, *, node: str, worker: str, timezone: str) -> None:
        self._database, self._hardware = database, hardware
        self._node, self._worker, self._timezone = node, worker, timezone
        self._numbers = itertools.count(1)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Profiles of which this node has slices."""
        return tuple(profile.name for profile in self._hardware.profiles if profile.kind and self.count(profile.name))

    def count(self, kind: str) -> int:
        wanted = self._hardware.profile(kind).kind
        with self._database.read() as session:
            here = select(func.count()).select_from(Slice).where(Slice.node == self._node, Slice.kind == wanted)
            return session.scalar(here) or 0

    def take(self, kind: str) -> LeasedDevice | None:
        """A slice to spare, where a job waits for one."""
        now = datetime.now(UTC)
        if not anything_waits(self._database, kind, now):
            return None
        job = f"{self._worker}:{next(self._numbers)}"
        with deciding(self._database) as session:
            device = lend_to_job(session, self._hardware, kind, job, self._node, now)
        return LeasedDevice(self, kind, device, job) if device else None

    def keep(self, job: str) -> bool:
        with deciding(self._database) as session:
            return keep_for_job(session, job, datetime.now(UTC))

    def give_back(self, kind: str, job: str) -> None:
        """End the job's lease, and let whoever waits have the slice at once."""
        now = datetime.now(UTC)
        profile = self._hardware.profile(kind)
        with deciding(self._database) as session:
            return_from_job(session, job, now)
            if profile.kind is not None:
                decide(session, self._hardware, profile.kind, now, timezone=self._timezone)
