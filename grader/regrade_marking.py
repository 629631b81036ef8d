"""A regrade's marking as a worker does it: with the regrade's tests, and a result that is kept, not applied.

Owns what differs from an ordinary marking. Nothing of the gradebook, the folders or the feedback is touched.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select, update

from cohorts.database import Database
from grader import jobs
from grader.jobs import Ended, Job
from grader.kept_result import keep_result
from grader.models import Marking, MarkingKind, Regrade
from grader.phases import PhaseClock
from grader.regrade_course import RegradeCourse, open_course
from grader.results import MarkingResult
from grader.storage import Storage


def course_of(database: Database, storage: Storage, job: Job) -> RegradeCourse | None:
    """The tests of the regrade that this marking belongs to; None for an ordinary one."""
    if job.kind is not MarkingKind.REGRADE:
        return None
    with database.read() as session:
        found = select(Regrade.course_sha256).join(Marking, Marking.regrade_id == Regrade.id)
        course_sha256 = session.scalars(found.where(Marking.id == job.marking_id)).one()
    return open_course(storage, course_sha256, job.assignment)


def store_result(
    database: Database,
    storage: Storage,
    clock: Callable[[], datetime],
    job: Job,
    result: MarkingResult,
    phases: PhaseClock,
) -> None:
    """Keep `result` whole, and what the preview needs of it in the marking's row. Raises ClaimLost."""
    sha256 = keep_result(storage, result).sha256
    ended = Ended(
        score=result.score,
        max_score=result.max_score,
        needs_manual=result.needs_manual,
        integrity=result.integrity,
        tests=[test.to_dict() for test in result.tests],
        findings=[finding.to_dict() for finding in result.findings],
        log=result.log or None,
        phases=phases.told(),
    )
    with database.write() as session:
        jobs.finish(session, job, ended, clock())
        session.execute(update(Marking).where(Marking.id == job.marking_id).values(result_sha256=sha256))
