"""The trusted side of a job: the instructor's cells as the gradebook has them, and all that is known of them.

Owns what is known beside the cells: what earlier releases looked like, and what marking the reference solution both
ways has shown of each test, at the release or at the start of the regrade that was applied after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Select, bindparam, select
from sqlalchemy.orm import Session

from cohorts.database import Database, table_of
from grader.gradebook import gradebook_url
from grader.jobs import Job
from grader.models import Assignment, Regrade, RegradeState, Release
from grader.offering_locks import offering_shared
from grader.regrade_course import RegradeCourse, open_course
from grader.release_evidence import Evidence, as_json
from grader.release_records import evidence_for
from grader.source import SourceAssignment, with_profiles
from grader.source_reading import read_gradebook, with_earlier
from grader.storage import Storage


def _to_read() -> Select[*tuple[Any, ...]]:
    """Each release of an assignment, the newest last, and the regrade that was applied after it."""
    assignment, release, regrade = table_of(Assignment), table_of(Release), table_of(Regrade)
    later = select(release.c.id).where(
        release.c.assignment_id == regrade.c.assignment_id, release.c.released_at > regrade.c.started_at
    )
    applied = (
        select(regrade.c.course_sha256)
        .where(
            regrade.c.assignment_id == bindparam("assignment"),
            regrade.c.state.in_((RegradeState.APPLYING, RegradeState.APPLIED)),
            ~later.correlate(regrade).exists(),
        )
        .order_by(regrade.c.id.desc())
        .limit(1)
    )
    return (
        select(release.c.sha256, release.c.source_sha256, applied.scalar_subquery().label("applied"))
        .select_from(assignment)
        .outerjoin(release, release.c.assignment_id == assignment.c.id)
        .where(assignment.c.id == bindparam("assignment"))
        .order_by(release.c.version)
    )


_TO_READ = _to_read()


def read_source(database: Database, storage: Storage, job: Job, offering: Path) -> SourceAssignment:
    """The assignment as the gradebook of the course folder `offering` has it."""
    with offering_shared(offering):
        source = read_gradebook(gradebook_url(offering), job.assignment, offering / "source" / job.assignment)
    with database.read() as session:
        releases = session.execute(_TO_READ, {"assignment": job.assignment_id}).all()
        evidence = _evidence(session, storage, job, releases)
    known = source if evidence is None else with_profiles(source, evidence)
    return _with_releases(storage, known, releases)


def read_regrade(database: Database, storage: Storage, job: Job, course: RegradeCourse) -> SourceAssignment:
    """The assignment as the regrade that the job belongs to has it."""
    with database.read() as session:
        releases = session.execute(_TO_READ, {"assignment": job.assignment_id}).all()
    return _with_releases(storage, course.source, releases)


def _with_releases(storage: Storage, source: SourceAssignment, releases: Sequence[Row[Any]]) -> SourceAssignment:
    """`source`, knowing what earlier releases looked like: who fetched one of them did nothing wrong."""
    return with_earlier(source, (storage.path(row.sha256) for row in releases if row.sha256 is not None))


def _evidence(
    session: Session, storage: Storage, job: Job, releases: Sequence[Row[Any]]
) -> Mapping[str, Evidence] | None:
    """What is known of the tests that the gradebook has now."""
    newest = releases[-1]
    if newest.applied is not None:
        return as_json(open_course(storage, newest.applied, job.assignment).source.notebooks)
    return evidence_for(session, newest.source_sha256) if newest.source_sha256 else None
