"""The worker: takes markings from the database and carries them through, several at once, until told to stop.

Owns one job's life: claim, heartbeat, marking, and what becomes of it when something goes wrong. A job that breaks
something is logged and given back, never fatal. Who is next is `queueing`'s to say, how a marking becomes durable is
`recording`'s.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import tempfile
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from cohorts.database import Database, reason_of
from grader import archive, contention, job_source, jobs, presence, queueing, regrade_marking
from grader.capacity import Places
from grader.course_folder import overlay_source
from grader.doorbell import Bell, Doorbell
from grader.heartbeat import kept_alive
from grader.jobs import CLAIM_SECONDS, ClaimLost, Job
from grader.marking import mark
from grader.models import MarkingKind
from grader.phases import Phase, PhaseClock
from grader.recording import record_marking, renew_feedback
from grader.results import MarkingResult
from grader.sandbox.base import Cancelled, Limits, Sandbox, SandboxAway
from grader.sandboxes import Grant, Sandboxes
from grader.storage import Storage
from grader.warming import warmed_up

log = logging.getLogger(__name__)

#: how long to wait at the doorbell before looking again whether there is work
LOOK_EVERY = 0.5
AFTER_FAILURE = 1.25
SWEEP_EVERY = timedelta(days=1)


def now_utc() -> datetime:
    """The worker's clock."""
    return datetime.now(UTC)


def name_of_this_process() -> str:
    """A name for a worker, that no other one has."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"


class Worker:
    """One worker: claims, marks, stores. `expiry` is how long it may be silent before its job is given to another.

    It takes up to `places` jobs at once, each in a thread of its own; with one, in the caller's. A bare `sandbox` is
    for work on the processor, and no other work is taken then.
    """

    def __init__(
        self,
        database: Database,
        storage: Storage,
        offerings: Path,
        sandbox: Sandbox | Sandboxes,
        *,
        name: str | None = None,
        places: int = 1,
        expiry: float = CLAIM_SECONDS,
        stop: threading.Event | None = None,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self.database = database
        self.storage = storage
        self.offerings = offerings
        self.sandboxes = Sandboxes.of(sandbox)
        self.name = name or name_of_this_process()
        self.places = Places(places)
        self.expiry = expiry
        self.stop = stop or threading.Event()
        self.clock = clock
        self._lanes = deque(self.sandboxes.serves(places))
        self._gave: str | None = None  # the lane that the last job came from: where one was, another may wait

    def run(self, *, once: bool = False) -> int:
        """Work until told to stop, or with `once` until nothing waits; returns how many jobs were taken."""
        if once:
            return self._drain()
        warming = warmed_up(self.database, self.offerings, self.sandboxes.forked, self.stop)
        serves = self.sandboxes.serves(self.places.number)
        seen = presence.announced(self.database, self.name, self.sandboxes.forked.name, serves, self.clock)
        with warming, seen, Doorbell(self.database, Bell.WORK) as bell, self._threads() as pool:
            return self._serve(bell, pool)

    def _drain(self) -> int:
        taken = 0
        with self._threads() as pool:
            while not self.stop.is_set():
                if not self.places.take(LOOK_EVERY):
                    continue
                found = self._next()
                if found is not None:
                    taken += 1
                    self._hand_over(*found, pool)
                    continue
                self.places.give_back()
                if self.places.idle(LOOK_EVERY):  # what runs may ask for more when it ends
                    break
        return taken

    def _serve(self, bell: Doorbell, pool: ThreadPoolExecutor | None) -> int:
        taken = 0
        swept: datetime | None = None
        while not self.stop.is_set():
            if swept is None or self.clock() - swept >= SWEEP_EVERY:
                swept = self.clock()
                self.storage.sweep(swept)
            if not self.places.take(LOOK_EVERY):
                continue
            try:
                found = self._next()
            except SQLAlchemyError as error:  # it is away, or the portal hasn't made its tables yet
                self.places.give_back()
                log.warning("the database can't be asked for work, trying again: %s", reason_of(error))
                self.stop.wait(AFTER_FAILURE)
                continue
            except Exception:
                self.places.give_back()
                log.exception("no work could be taken; trying again")
                self.stop.wait(AFTER_FAILURE)
                continue
            if found is None:
                self.places.give_back()
                bell.wait(LOOK_EVERY)
                continue
            taken += 1
            self._hand_over(*found, pool)
        return taken

    def _next(self) -> tuple[Job, Grant] | None:
        """A job, and what it needs. The lanes that are served here take turns."""
        for _ in range(len(self._lanes)):
            needs = self._lanes[0]
            self._lanes.rotate(-1)
            grant = self.sandboxes.take(needs)
            if grant is None:
                continue
            job = None
            try:
                likely = needs == self._gave
                job = queueing.claim(self.database, self.name, self.clock(), self.expiry, needs, likely=likely)
                self._gave = needs if job is not None else None
            finally:
                if job is None:
                    grant.close()
            if job is not None:
                self.places.take_more(grant.weight - 1)
                return job, grant
        return None

    @contextmanager
    def _threads(self) -> Iterator[ThreadPoolExecutor | None]:
        if self.places.number == 1:
            yield None
            return
        with ThreadPoolExecutor(self.places.number, thread_name_prefix="job") as pool:
            yield pool

    def _hand_over(self, job: Job, grant: Grant, pool: ThreadPoolExecutor | None) -> None:
        def work() -> None:
            try:
                with grant:
                    self.do(job, grant)
            except Exception:  # the database went away: the claim runs out, and another takes the job
                log.exception("marking %s is left to another worker", job.marking_id)
            finally:
                self.places.give_back(grant.weight)

        if pool is None:
            work()
        else:
            pool.submit(work)

    def do(self, job: Job, grant: Grant) -> None:
        """Carry one claimed job through. Whatever goes wrong is logged and the job given back."""
        phases = PhaseClock()
        with kept_alive(self.database, job, phases, self.expiry, self.stop, self.clock, grant.recalled) as cancel:
            try:
                if job.kind is not MarkingKind.FEEDBACK:
                    self._mark(job, grant, phases, cancel)
                else:
                    renew_feedback(self.database, self.storage, self.clock, job, self.offerings / job.offering_id)
                log.info(
                    "marking %s (%s, %s, attempt %s) done", job.marking_id, job.assignment, job.username, job.number
                )
            except (ClaimLost, Cancelled):
                recalled = grant.recalled()
                if (self.stop.is_set() or recalled) and jobs.requeue(self.database, job):
                    why = "somebody waits for its device" if recalled else "stopping"
                    log.info("marking %s given back, %s", job.marking_id, why)
                else:
                    log.warning("marking %s was taken over by another worker", job.marking_id)
            except SandboxAway as error:
                log.error("marking %s has to wait: %s", job.marking_id, error)
                self.sandboxes.rest(job.needs)
                jobs.requeue(self.database, job)
            except Exception as error:
                log.exception("marking %s failed, try %s", job.marking_id, job.tries)
                text = "".join(traceback.format_exception(error))
                jobs.fail(self.database, job, text, self.clock())

    def _mark(self, job: Job, grant: Grant, phases: PhaseClock, cancel: threading.Event) -> None:
        phases.enter(Phase.READING)
        offering = self.offerings / job.offering_id
        regrade = regrade_marking.course_of(self.database, self.storage, job)
        if regrade is None:
            source = job_source.read_source(self.database, self.storage, job, offering)
        else:
            source = job_source.read_regrade(self.database, self.storage, job, regrade)
        with tempfile.TemporaryDirectory(prefix="bitgoeul-attempt-") as folder:
            submission, files, given = (Path(folder) / name for name in ("submission", "files", "given"))
            given.mkdir()
            with self.storage.open(job.sha256) as bundle:
                archive.unpack(bundle, submission)
            shutil.copytree(submission, files)
            for target in (files, given):
                overlay_source(offering if regrade is None else regrade.folder, job.assignment, target)
            limits = Limits.within(float(job.time_limit_seconds))
            sandbox = grant.sandbox(job.image)

            def run() -> MarkingResult:
                return mark(
                    source,
                    submission,
                    sandbox,
                    limits,
                    files=files,
                    given=given,
                    cancel=cancel,
                    on_phase=phases.enter,
                )

            result = self._run(job, run, cancel, grant.weight)
            phases.enter(Phase.STORING)
            if regrade is not None:
                regrade_marking.store_result(self.database, self.storage, self.clock, job, result, phases)
                return
            record_marking(
                self.database, self.storage, self.clock, job, offering, source, submission, result, phases=phases
            )

    def _run(self, job: Job, run: Callable[[], MarkingResult], cancel: threading.Event, places: int) -> MarkingResult:
        """Run it; once more and alone if it ran out of time while it got too little of this machine."""
        conditions = contention.watch()
        result = run()
        if not contention.deserves_another_try(contention.timed_out(result), conditions()):
            return result
        log.warning("marking %s ran out of time on a busy machine: once more, alone", job.marking_id)
        with self.places.alone(cancel, places):
            return run()


def run_worker(
    database: Database,
    storage: Storage,
    offerings: Path,
    *,
    once: bool = False,
    stop: threading.Event,
    sandbox: Sandbox | Sandboxes | None = None,
    expiry: float = CLAIM_SECONDS,
    name: str | None = None,
    places: int = 1,
) -> int:
    """Mark what students hand in until `stop` is set, or with `once` until nothing waits; returns how many jobs."""
    if sandbox is None:
        from grader.sandbox.detect import best_sandbox

        sandbox = best_sandbox()
    worker = Worker(database, storage, offerings, sandbox, name=name, places=places, expiry=expiry, stop=stop)
    return worker.run(once=once)
