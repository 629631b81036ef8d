"""The trusted side of a job: the instructor's cells as the gradebook has them, and all that is known of them.

Owns what is known beside the cells: what earlier releases looked like, and what marking the reference solution both
ways has shown of each test, at the release or at the start of the regrade that was applied after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from cohorts.database import Database
from grader.gradebook import gradebook_url
from grader.jobs import Job
from grader.models import Regrade, RegradeState, Release
from grader.offering_locks import offering_shared
from grader.regrade_course import RegradeCourse, open_course
from grader.release_evidence import Evidence, as_json
from grader.release_records import evidence_for
from grader.source import SourceAssignment, with_profiles
from grader.source_reading import read_gradebook, with_earlier
from grader.storage import Storage

_RELEASES = select(Release.sha256).where(Release.assignment_id == bindparam("assignment")).order_by(Release.version)
_CURRENT_SOURCE = (
    select(Release.source_sha256)
    .where(Release.assignment_id == bindparam("assignment"))
    .order_by(Release.version.desc())
    .limit(1)
)
_APPLIED = (
    select(Regrade.course_sha256)
    .where(
        Regrade.assignment_id == bindparam("assignment"),
        Regrade.state.in_((RegradeState.APPLYING, RegradeState.APPLIED)),
        ~select(Release.id)
        .where(Release.assignment_id == Regrade.assignment_id, Release.released_at > Regrade.started_at)
        .exists(),
    )
    .order_by(Regrade.id.desc())
    .limit(1)
)


def read_source(database: Database, storage: Storage, job: Job, offering: Path) -> SourceAssignment:
    """The assignment as the gradebook of the course folder `offering` has it."""
    with offering_shared(offering):
        source = read_gradebook(gradebook_url(offering), job.assignment, offering / "source" / job.assignment)
    with database.read() as session:
        evidence = _evidence(session, storage, job)
        known = source if evidence is None else with_profiles(source, evidence)
        return _with_releases(session, storage, job, known)


def read_regrade(database: Database, storage: Storage, job: Job, course: RegradeCourse) -> SourceAssignment:
    """The assignment as the regrade that the job belongs to has it."""
    with database.read() as session:
        return _with_releases(session, storage, job, course.source)


def _with_releases(session: Session, storage: Storage, job: Job, source: SourceAssignment) -> SourceAssignment:
    """`source`, knowing what earlier releases looked like: who fetched one of them did nothing wrong."""
    bundles = session.scalars(_RELEASES, {"assignment": job.assignment_id})
    return with_earlier(source, (storage.path(bundle) for bundle in bundles))


def _evidence(session: Session, storage: Storage, job: Job) -> Mapping[str, Evidence] | None:
    """What is known of the tests that the gradebook has now."""
    applied = session.scalar(_APPLIED, {"assignment": job.assignment_id})
    if applied is not None:
        return as_json(open_course(storage, applied, job.assignment).source.notebooks)
    current = session.scalar(_CURRENT_SOURCE, {"assignment": job.assignment_id})
    return evidence_for(session, current) if current else None
