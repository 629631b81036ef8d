"""Acts that span the rooms: opening a cohort, releasing an assignment. Each happens whole or not at all.

Owns how a course's source comes into an offering's folder: copied once, under a temporary name first, and from then on
the instructors' own; never overwritten.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from cohorts.cohorts import create_cohort
from cohorts.database import Database
from cohorts.models import Cohort
from courses.model import Catalogue, Course
from grader import releases
from grader.assignments import ensure_assignments, find_assignment
from grader.models import Release, ReleaseCheck
from grader.storage import Storage
from portal.sandboxing import instructors_sandboxes
from portal.settings import PortalSettings

NOT_COPIED = shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__", ".*")


class House(Protocol):
    """What these acts need of a campus; `portal.context.Campus` is one, and the command line has a smaller one."""

    @property
    def settings(self) -> PortalSettings: ...
    @property
    def database(self) -> Database: ...
    @property
    def storage(self) -> Storage: ...
    @property
    def catalogue(self) -> Catalogue: ...


def open_cohort(
    campus: House,
    *,
    cohort_id: str,
    track: str,
    starts_on: date,
    title: str,
    timezone: str | None = None,
    now: datetime,
) -> Cohort:
    """Open a cohort: its offerings, their assignments with deadlines, and their source folders.

    Raises Invalid or Conflict, and then has changed nothing but, at worst, made folders that the next try uses.
    """
    zone = timezone or campus.settings.timezone
    with campus.database.write() as session:
        cohort = create_cohort(
            session,
            campus.catalogue,
            cohort_id=cohort_id,
            track=track,
            starts_on=starts_on,
            title=title,
            timezone=zone,
            now=now,
        )
        for offering in cohort.offerings:
            course = campus.catalogue.course(track, offering.course)
            ensure_assignments(session, offering, course, zone)
            ensure_source(campus.settings.offerings / offering.id, course)
    return cohort


def ensure_source(folder: Path, course: Course) -> list[str]:
    """Copy what the offering's `folder` lacks of the course's source; returns the names that were copied.

    Every assignment appears at once and complete. One that is there already stays as its instructors left it.
    """
    source = folder / "source"
    source.mkdir(parents=True, exist_ok=True)
    copied = []
    for original in sorted((course.path / "source").iterdir()):
        target = source / original.name
        if original.name.startswith(".") or target.exists():
            continue
        with tempfile.TemporaryDirectory(dir=folder, prefix=".arriving-") as arriving:
            copy = Path(arriving) / original.name
            if original.is_dir():
                shutil.copytree(original, copy, ignore=NOT_COPIED)
            else:
                shutil.copy2(original, copy)
            copy.rename(target)
        copied.append(original.name)
    return copied


def release_assignment(
    campus: House, offering_id: str, assignment: str, by: str, now: datetime, accept: str | None = None
) -> Release:
    """Make the student version from the offering's source, check it, and hand it out as the next version.

    `accept` is a reason to release although marks waver. Raises NotFound for an unknown assignment, Invalid when no
    student version can be made of the source, ReleaseRefused when the release check stands in the way.
    """
    with campus.database.read() as session:
        find_assignment(session, offering_id, assignment)
    with instructors_sandboxes(campus.settings) as sandboxes:
        return releases.release_assignment(
            campus.database,
            campus.storage,
            campus.settings.offerings / offering_id,
            offering_id=offering_id,
            assignment=assignment,
            by=by,
            now=now,
            sandbox=sandboxes,
            accept=accept,
        )


def check_release(campus: House, offering_id: str, assignment: str, by: str, now: datetime) -> ReleaseCheck:
    """What the release check says of the source as it is now; nothing is released."""
    with campus.database.read() as session:
        find_assignment(session, offering_id, assignment)
    with instructors_sandboxes(campus.settings) as sandboxes:
        return releases.check_assignment(
            campus.database,
            campus.storage,
            campus.settings.offerings / offering_id,
            offering_id=offering_id,
            assignment=assignment,
            by=by,
            now=now,
            sandbox=sandboxes,
        )
