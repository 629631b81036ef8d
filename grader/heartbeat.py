"""A job's sign of life: while a worker has a job, it says so now and then, and hears whether it still has it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from cohorts.database import Database
from grader import jobs
from grader.jobs import Job
from grader.phases import Phase, PhaseClock

log = logging.getLogger(__name__)


@contextmanager
def kept_alive(
    database: Database,
    job: Job,
    phases: PhaseClock,
    expiry: float,
    stop: threading.Event,
    clock: Callable[[], datetime],
    recalled: Callable[[], bool] = lambda: False,
) -> Iterator[threading.Event]:
    """Keep the claim alive; the event is set when it was lost, the worker is to stop, or its device is `recalled`.

    `expiry` is after how many seconds of silence the claim is lost. A job that lasts for seconds has its phase written
    down whenever that is another one.
    """
    cancel = threading.Event()
    over = threading.Event()

    def beat() -> None:
        step = min(1.0, expiry / 6)
        waited = 0.0
        written: Phase | None = None
        while not over.wait(step):
            waited += step
            if stop.is_set():
                cancel.set()
            phase = phases.current
            if waited >= expiry / 3 or phase is not written:
                waited = 0.0
                try:
                    if not jobs.heartbeat(database, job, clock(), phase) or recalled():
                        cancel.set()
                    written = phase
                except Exception:
                    log.exception("no heartbeat for marking %s", job.marking_id)

    thread = threading.Thread(target=beat, name=f"heartbeat-{job.marking_id}", daemon=True)
    thread.start()
    try:
        yield cancel
    finally:
        over.set()
        thread.join()
