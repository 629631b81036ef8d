"""What a worker does before its first job, so that the first student of the day waits no longer than the others.

Owns which interpreters are warmed: those that the newest releases will ask for. Whatever goes wrong here is logged, and
comes up again, where it matters, with the job that needs it.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from cohorts.database import Database, reason_of
from grader.gradebook import gradebook_url
from grader.models import Assignment, Release
from grader.needs import ON_PROCESSOR
from grader.offering_locks import offering_shared
from grader.running import imports_for
from grader.sandbox.base import CellCode, Limits, Opening, Sandbox, Side
from grader.sandbox.parents import MOST_PARENTS
from grader.source_reading import read_gradebook

log = logging.getLogger(__name__)

MODULES = ("nbgrader.api", "nbgrader.preprocessors", "nbgrader.utils", "grader.feedback_page", "nbformat")
MOST_INTERPRETERS = MOST_PARENTS - 1  # a release that comes in meanwhile finds room
MOST_RELEASES = 20


@contextmanager
def warmed_up(database: Database, offerings: Path, sandbox: Sandbox, stop: Event) -> Iterator[None]:
    """Warm up beside the jobs that come in already; over when the block ends."""
    thread = Thread(target=_warm_up, args=(database, offerings, sandbox, stop), name="warming")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _warm_up(database: Database, offerings: Path, sandbox: Sandbox, stop: Event) -> None:
    """Import what every marking needs, and start the interpreters of the newest releases."""
    try:
        for module in MODULES:
            importlib.import_module(module)
        for imports in _newest_imports(database, offerings):
            if stop.is_set():
                return
            with sandbox.open(Opening(limits=Limits(), imports=imports)) as job:
                job.run(Side.WORK, CellCode(0, "pass"))
            log.info("warm: an interpreter with %s", ", ".join(sorted(imports)) or "no libraries")
    except SQLAlchemyError as error:
        log.warning("the first jobs will take longer, nothing could be warmed up: %s", reason_of(error))
    except Exception:
        log.exception("the first jobs will take longer: not everything could be warmed up")


def _newest_imports(database: Database, offerings: Path) -> list[frozenset[str]]:
    found: list[frozenset[str]] = []
    for offering, assignment in _newest_releases(database):
        folder = offerings / offering
        if not (folder / "gradebook.db").exists():
            continue
        with offering_shared(folder):
            source = read_gradebook(gradebook_url(folder), assignment, folder / "source" / assignment)
        for notebook in source.notebooks:
            imports = imports_for(notebook)
            if imports not in found:
                found.append(imports)
        if len(found) >= MOST_INTERPRETERS:
            break
    return found[:MOST_INTERPRETERS]


def _newest_releases(database: Database) -> Iterator[tuple[str, str]]:
    newest = (
        select(Assignment.offering_id, Assignment.name)
        .join(Release, Release.assignment_id == Assignment.id)
        .where(Assignment.hardware == ON_PROCESSOR, Assignment.image.is_(None))
        .group_by(Assignment.id, Assignment.offering_id, Assignment.name)
        .order_by(func.max(Release.id).desc())
        .limit(MOST_RELEASES)
    )
    with database.read() as session:
        rows = session.execute(newest).all()
    yield from ((row.offering_id, row.name) for row in rows)
