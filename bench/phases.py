"""Where the time of a submission goes: its phases as the worker notes them, and whose processor time it is.

Phases are wall time with several submissions under way at once; processor time is what the kernel counted for the
worker, for its warm interpreters (they only fork), for the jobs forked from them, and for the rest of the machine.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from bench.queue import Queue, opened
from bench.report import Result
from bench.soak import descendants
from grader.models import Marking
from grader.phases import Phase

SUBMISSIONS = 200
WARM_UP = 6
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Spent:
    """Processor time since the start, in seconds, of a process tree whose jobs have ended; and their page faults."""

    worker: float
    forking: float
    jobs_user: float
    jobs_system: float
    faults: int
    machine: float
    idle: float


def measure() -> list[Result]:
    """Milliseconds for each of SUBMISSIONS of the numpy/pandas notebook, on a worker that is warm."""
    with (
        tempfile.TemporaryDirectory(prefix="bitgoeul-bench-") as name,
        opened(Path(name) / "campus", SUBMISSIONS) as queue,
    ):
        queue.hold_back(SUBMISSIONS, WARM_UP)
        (worker,) = queue.workers
        before = look(worker.pid)
        queue.go_on()
        queue.wait_for_feedback(WARM_UP + SUBMISSIONS, every=0.2)
        after = look(worker.pid)
        queue.require_full_marks()
        return [*phases(queue), *spent(before, after)]


def phases(queue: Queue) -> list[Result]:
    """The mean of each phase, from the claim to the end."""
    with queue.database.read() as session:
        told = session.scalars(select(Marking.phases).order_by(Marking.id).offset(WARM_UP)).all()
    return [
        Result(
            f"phase {phase.value}", 1000 * statistics.fmean(one[phase.value]["seconds"] for one in told if one), "ms"
        )
        for phase in Phase
    ]


def spent(before: Spent, after: Spent) -> list[Result]:
    def each(name: str, factor: float = 1000.0) -> float:
        return factor * (getattr(after, name) - getattr(before, name)) / SUBMISSIONS

    ours = each("worker") + each("forking") + each("jobs_user") + each("jobs_system")
    return [
        Result("worker: database, files, feedback", each("worker"), "ms CPU"),
        Result("warm interpreters: forks", each("forking"), "ms CPU"),
        Result("jobs, user: cells and tests", each("jobs_user"), "ms CPU"),
        Result("jobs, kernel: page faults, forks, namespaces, ends", each("jobs_system"), "ms CPU"),
        Result("page faults of jobs", each("faults", factor=1.0), "faults"),
        Result("rest of the machine", each("machine") - ours, "ms CPU"),
        Result("idle", each("idle"), "ms CPU"),
    ]


def look(worker: int) -> Spent:
    """What the kernel counts for the worker and the interpreters below it, so far."""
    own = fields(worker)
    forking = user = system = faults = 0
    for pid in descendants(worker)[1:]:
        told = fields(pid)
        forking += told[11] + told[12]
        user, system, faults = user + told[13], system + told[14], faults + told[8]
    machine = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:8]]
    idle = machine[3] + machine[4]
    return Spent(
        worker=(own[11] + own[12]) / TICK,
        forking=forking / TICK,
        jobs_user=user / TICK,
        jobs_system=system / TICK,
        faults=faults,
        machine=(sum(machine) - idle) / TICK,
        idle=idle / TICK,
    )


def fields(pid: int) -> list[int]:
    """The numbers of /proc/PID/stat that follow its state; 11 to 14 are times, 8 the faults of ended children."""
    text = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [int(word) if word.lstrip("-").isdigit() else 0 for word in text]
