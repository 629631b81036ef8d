"""The worker: takes markings from the database and carries them through, until told to stop.

Owns one job's life: claim, heartbeat, marking, and what becomes of it when something goes wrong. A job that breaks
something is logged and given back, never fatal; how a marking becomes durable is `recording`'s.
"""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cohorts.database import Database
from grader import archive, gradebook, jobs
from grader.course_folder import overlay_source
from grader.jobs import CLAIM_SECONDS, ClaimLost, Job
from grader.marking import mark
from grader.models import Attempt, MarkingKind
from grader.recording import record_marking, renew_feedback
from grader.sandbox.base import Cancelled, Limits, Sandbox
from grader.source import SourceAssignment, read_gradebook, with_earlier
from grader.storage import Storage

log = logging.getLogger(__name__)

POLL_SECONDS = 0.25
SWEEP_EVERY = timedelta(days=1)


def now_utc() -> datetime:
    """The worker's clock."""
    return datetime.now(UTC)


class Worker:
    """One worker: claims, marks, stores. `expiry` is how long it may be silent before its job is given to another."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        offerings: Path,
        sandbox: Sandbox,
        *,
        name: str | None = None,
        expiry: float = CLAIM_SECONDS,
        stop: threading.Event | None = None,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        self.database = database
        self.storage = storage
        self.offerings = offerings
        self.sandbox = sandbox
        self.name = name or f"{socket.gethostname()}-{os.getpid()}"
        self.expiry = expiry
        self.stop = stop or threading.Event()
        self.clock = clock

    def run(self, *, once: bool = False) -> int:
        """Work until told to stop, or with `once` until nothing waits; returns how many jobs were taken."""
        taken = 0
        swept: datetime | None = None
        while not self.stop.is_set():
            if swept is None or self.clock() - swept >= SWEEP_EVERY:
                swept = self.clock()
                self.storage.sweep(swept)
            try:
                job = jobs.claim(self.database, self.name, self.clock(), self.expiry)
            except Exception:
                if once:
                    raise
                log.exception("the database can't be asked for work; trying again")
                self.stop.wait(5 * POLL_SECONDS)
                continue
            if job is None:
                if once:
                    break
                self.stop.wait(POLL_SECONDS)
                continue
            taken += 1
            self.do(job)
        return taken

    def do(self, job: Job) -> None:
        """Carry one claimed job through. Whatever goes wrong is logged and the job given back."""
        with self._heartbeat(job) as cancel:
            try:
                if job.kind is MarkingKind.MARK:
                    self._mark(job, cancel)
                else:
                    renew_feedback(self.database, self.storage, self.clock, job, self.offerings / job.offering_id)
                log.info(
                    "marking %s (%s, %s, attempt %s) done", job.marking_id, job.assignment, job.username, job.number
                )
            except (ClaimLost, Cancelled):
                if self.stop.is_set() and jobs.requeue(self.database, job):
                    log.info("marking %s given back, stopping", job.marking_id)
                else:
                    log.warning("marking %s was taken over by another worker", job.marking_id)
            except Exception as error:
                log.exception("marking %s failed, try %s", job.marking_id, job.tries)
                text = "".join(traceback.format_exception(error))
                jobs.fail(self.database, job, text, self.clock())

    @contextmanager
    def _heartbeat(self, job: Job) -> Iterator[threading.Event]:
        """Keep the claim alive meanwhile; the event is set when it was lost, or the worker is to stop."""
        cancel = threading.Event()
        over = threading.Event()

        def beat() -> None:
            step = min(1.0, self.expiry / 6)
            waited = 0.0
            while not over.wait(step):
                waited += step
                if self.stop.is_set():
                    cancel.set()
                if waited >= self.expiry / 3:
                    waited = 0.0
                    try:
                        if not jobs.heartbeat(self.database, job, self.clock()):
                            cancel.set()
                    except Exception:
                        log.exception("no heartbeat for marking %s", job.marking_id)

        thread = threading.Thread(target=beat, name=f"heartbeat-{job.marking_id}", daemon=True)
        thread.start()
        try:
            yield cancel
        finally:
            over.set()
            thread.join()

    def _mark(self, job: Job, cancel: threading.Event) -> None:
        offering = self.offerings / job.offering_id
        source = self._source(job, offering)
        with tempfile.TemporaryDirectory(prefix="bitgoeul-attempt-") as folder:
            submission, files = Path(folder) / "submission", Path(folder) / "files"
            for target in (submission, files):
                target.mkdir()
                with self.storage.open(job.sha256) as bundle:
                    archive.unpack(bundle, target)
            overlay_source(offering, job.assignment, files)
            limits = Limits(wall=float(job.time_limit_seconds), cell=min(30.0, float(job.time_limit_seconds)))
            result = mark(source, submission, self.sandbox, limits, files=files, cancel=cancel)
            record_marking(self.database, self.storage, self.clock, job, offering, source, submission, result)

    def _source(self, job: Job, offering: Path) -> SourceAssignment:
        """The trusted side, with what earlier releases looked like: who fetched one of those did nothing wrong."""
        with gradebook.offering_lock(offering):
            source = read_gradebook(
                gradebook.gradebook_url(offering), job.assignment, offering / "source" / job.assignment
            )
        with self.database.read() as session:
            attempt = session.get_one(Attempt, job.attempt_id)
            bundles = {release.sha256 for release in attempt.assignment.releases}
        return with_earlier(source, (self.storage.path(bundle) for bundle in bundles))


def run_worker(
    database: Database,
    storage: Storage,
    offerings: Path,
    *,
    once: bool = False,
    stop: threading.Event,
    sandbox: Sandbox | None = None,
    expiry: float = CLAIM_SECONDS,
    name: str | None = None,
) -> int:
    """Mark what students hand in until `stop` is set, or with `once` until nothing waits; returns how many jobs."""
    if sandbox is None:
        from grader.sandbox.detect import best_sandbox

        sandbox = best_sandbox()
    worker = Worker(database, storage, offerings, sandbox, name=name, expiry=expiry, stop=stop)
    return worker.run(once=once)
