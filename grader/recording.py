"""Making a marking durable: folders, gradebook and the campus database, in the order that survives a kill anywhere.

Owns what happens once marking itself, which is pure, is over. The gradebook is written in one transaction, the campus
database in one fenced transaction after it; killed between the two, the next worker writes the same again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cohorts.database import Database
from grader import gradebook, jobs
from grader.counting import enqueue_if_overtaken, rule_on
from grader.course_folder import place_marking, placed_attempt
from grader.feedback import (
    StoredBundle,
    add_feedback,
    build_bundle,
    own_grades,
    pages_of_folder,
    pages_of_marking,
)
from grader.jobs import Ended, Job
from grader.models import Attempt, FeedbackPolicy
from grader.offering_locks import student_alone
from grader.phases import PhaseClock
from grader.policies import lateness_of
from grader.results import MarkingResult
from grader.source import SourceAssignment
from grader.source_reading import read_gradebook
from grader.storage import Storage

Clock = Callable[[], datetime]


def record_marking(
    database: Database,
    storage: Storage,
    clock: Clock,
    job: Job,
    offering: Path,
    source: SourceAssignment,
    submission: Path,
    result: MarkingResult,
    *,
    phases: PhaseClock | None = None,
) -> None:
    """Store `result` where it counts: the gradebook where this attempt stands in it, feedback in any case.

    `offering` is the course folder, `submission` the folder with what was handed in. Feedback of a suspect marking
    waits for a person to release it. Raises ClaimLost.
    """
    with student_alone(offering, job.username):
        with database.read() as session:
            jobs.require_held(session, job)
            ruling = rule_on(session, job.attempt_id, result.score, result.max_score)
        placed: int | None = job.attempt_id
        if ruling.counts == job.attempt_id:
            place_marking(
                offering,
                job.assignment,
                job.username,
                submission=submission,
                submitted_at=job.received_at,
                attempt_id=job.attempt_id,
                result=result,
            )
            grades = gradebook.write_marking(
                gradebook.gradebook_url(offering),
                job.assignment,
                job.username,
                job.received_at,
                result,
                ruling.percent,
            )
        else:
            placed = placed_attempt(offering, job.assignment, job.username)
            grades = own_grades(result, ruling.percent)
        stored = StoredBundle.keep(storage, build_bundle(pages_of_marking(source, result, grades)))
        ended = Ended(
            score=result.score,
            max_score=result.max_score,
            needs_manual=result.needs_manual,
            integrity=result.integrity,
            tests=[test.to_dict() for test in result.tests],
            findings=[finding.to_dict() for finding in result.findings],
            log=result.log or None,
            phases=phases.told() if phases else None,
        )
        now = clock()
        with database.write() as session:
            jobs.finish(session, job, ended, now)
            add_feedback(
                session,
                attempt_id=job.attempt_id,
                stored=stored,
                grades=grades,
                policy=job.feedback_policy if result.integrity == "clean" else FeedbackPolicy.MANUAL,
                now=now,
            )
            final = rule_on(session, job.attempt_id, result.score, result.max_score, hold=True)
            enqueue_if_overtaken(session, final.counts, placed, now)
            if final.percent != ruling.percent:  # an extension or another policy came in between
                attempt = session.get_one(Attempt, job.attempt_id)
                (jobs.enqueue_feedback if placed == attempt.id else jobs.enqueue_marking)(session, attempt, now)


def renew_feedback(database: Database, storage: Storage, clock: Clock, job: Job, offering: Path) -> None:
    """Make feedback again from autograded/ and the gradebook, for the attempt that is in them.

    What lateness takes off is settled first, by the points and policies of now.
    """
    url = gradebook.gradebook_url(offering)
    with student_alone(offering, job.username):
        placed = placed_attempt(offering, job.assignment, job.username)
        with database.read() as session:
            late = lateness_of(session, job.attempt_id)
        grades = None
        if placed == job.attempt_id:
            grades = gradebook.settle_penalty(url, job.assignment, job.username, late.percent)
        now = clock()
        if grades is None:
            with database.write() as session:
                jobs.finish(session, job, Ended(log="This attempt is not the one in the gradebook."), now)
            return
        source = read_gradebook(url, job.assignment)
        folder = offering / "autograded" / job.username / job.assignment
        stored = StoredBundle.keep(storage, build_bundle(pages_of_folder(source, folder, grades)))
        ended = Ended(
            score=sum(part.score - part.late_penalty for part in grades.values()),
            max_score=sum(part.max_score for part in grades.values()),
            needs_manual=any(part.needs_manual for part in grades.values()),
        )
        with database.write() as session:
            jobs.finish(session, job, ended, now)
            add_feedback(
                session,
                attempt_id=job.attempt_id,
                stored=stored,
                grades=grades,
                policy=job.feedback_policy,
                now=now,
            )
