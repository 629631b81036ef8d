"""What students are given: building it from the instructor's source, versions of it, taking it back.

Owns releases, and the order of things: the source as it is now is stored, built, checked, and only then put where
nbgrader and students find it. Refuses what the release check refuses, and a release without a notebook.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cohorts.database import Database
from cohorts.errors import Invalid
from grader import archive
from grader.assignments import ensure_assignment
from grader.exchange.names import ASSIGNMENT_NAME
from grader.gradebook_cells import save_cells
from grader.models import Assignment, Release, ReleaseCheck
from grader.offering_locks import offering_alone
from grader.release_build import Built, build_student_version
from grader.release_check import OnProgress
from grader.release_records import Subject, ensure_checked, require_no_marks, require_passed
from grader.sandbox.base import Sandbox
from grader.sandbox.detect import best_sandbox
from grader.sandboxes import Sandboxes
from grader.storage import Storage

IGNORED = (".ipynb_checkpoints", "*.pyc", "__pycache__", ".*.lock")


def release_assignment(
    database: Database,
    storage: Storage,
    course_dir: Path,
    *,
    offering_id: str,
    assignment: str,
    by: str,
    now: datetime,
    sandbox: Sandbox | Sandboxes | None = None,
    accept: str | None = None,
    on_progress: OnProgress = lambda done, of: None,
) -> Release:
    """Build, check, store and publish the assignment called `assignment`: what the instructor's button does.

    `accept` is a person's reason to release although marks waver. Raises ReleaseRefused, and then students go on
    getting what they got before.
    """
    with (
        _place(sandbox) as boxes,
        _made(storage, course_dir, offering_id, assignment, boxes.forked) as made,
        storage.stage() as bundle,
    ):
        require_notebooks(archive.pack_into(made.built.folder, bundle, ignore=IGNORED))
        record = ensure_checked(
            database,
            made.built,
            made.source,
            boxes,
            Subject(offering_id, assignment, made.source_sha256, bundle.sha256),
            by=by,
            now=now,
            on_progress=on_progress,
        )
        require_passed(database, record, accept, by, now)
        with offering_alone(course_dir):
            require_inside(course_dir, course_dir / "gradebook.db")
            save_cells(course_dir, offering_id, assignment, made.built.notebooks)
            _install(made.built, course_dir)
        bundle.keep()
        with database.write() as session:
            row = ensure_assignment(session, offering_id, assignment)
            return publish(session, storage, row, bundle.sha256, bundle.size, made.source_sha256, by, now)


def check_assignment(
    database: Database,
    storage: Storage,
    course_dir: Path,
    *,
    offering_id: str,
    assignment: str,
    by: str,
    now: datetime,
    sandbox: Sandbox | Sandboxes | None = None,
    on_progress: OnProgress = lambda done, of: None,
) -> ReleaseCheck:
    """Build and check, and release nothing."""
    with (
        _place(sandbox) as boxes,
        _made(storage, course_dir, offering_id, assignment, boxes.forked) as made,
        storage.stage() as bundle,
    ):
        require_notebooks(archive.pack_into(made.built.folder, bundle, ignore=IGNORED))
        subject = Subject(offering_id, assignment, made.source_sha256, bundle.sha256)
        return ensure_checked(
            database, made.built, made.source, boxes, subject, by=by, now=now, on_progress=on_progress
        )


def check_upload(
    database: Database,
    storage: Storage,
    course_dir: Path,
    bundle: BinaryIO,
    bundle_sha256: str,
    *,
    offering_id: str,
    assignment: str,
    by: str,
    now: datetime,
    sandbox: Sandbox | Sandboxes | None = None,
) -> str | None:
    """Check student files that somebody else built, with nbgrader's own commands; the SHA-256 of their source.

    Where the course folder has no source of that name there is nothing to run, so only traces of nbgrader's marks are
    looked for, and None is returned.
    """
    with tempfile.TemporaryDirectory(prefix="bitgoeul-upload-") as folder:
        given = Path(folder)
        archive.unpack(bundle, given)
        if not (course_dir / "source" / assignment).is_dir():
            require_no_marks(assignment, given)
            return None
        with _place(sandbox) as boxes, _made(storage, course_dir, offering_id, assignment, boxes.forked) as made:
            missing = [n.name for n in made.built.notebooks if not (given / f"{n.name}.ipynb").is_file()]
            if missing:
                raise Invalid(
                    f"The release lacks the notebook '{missing[0]}', which the source has. Run `nbgrader "
                    "generate_assignment` and release again.",
                    f"원본에 있는 노트북 '{missing[0]}'이(가) 배포할 파일에 없습니다. `nbgrader generate_assignment`를 "
                    "실행하고 다시 배포하세요.",
                )
            built = replace(made.built, folder=given)
            subject = Subject(offering_id, assignment, made.source_sha256, bundle_sha256)
            record = ensure_checked(database, built, made.source, boxes, subject, by=by, now=now)
            require_passed(database, record, None, by, now)
            return made.source_sha256


def build_release(course_dir: Path, offering_id: str, assignment: str, sandbox: Sandbox | None = None) -> Path:
    """Make the student version and the gradebook's cells, unchecked; returns `course_dir`/release/`assignment`."""
    source = require_source(course_dir, assignment)
    with tempfile.TemporaryDirectory(prefix="bitgoeul-release-") as folder, _place(sandbox) as boxes:
        built = build_student_version(course_dir, source, offering_id, assignment, boxes.forked, Path(folder))
        with offering_alone(course_dir):
            save_cells(course_dir, offering_id, assignment, built.notebooks)
            return _install(built, course_dir)


@contextmanager
def _place(sandbox: Sandbox | Sandboxes | None) -> Iterator[Sandboxes]:
    """`sandbox`, or the best this machine has, for the time of one act."""
    if sandbox is not None:
        yield Sandboxes.of(sandbox)
        return
    with closing(Sandboxes(best_sandbox())) as made:
        yield made


@dataclass(frozen=True)
class _Made:
    built: Built
    source: Path
    source_sha256: str


@contextmanager
def _made(storage: Storage, course_dir: Path, offering_id: str, assignment: str, sandbox: Sandbox) -> Iterator[_Made]:
    """The student version of the source as it is at this moment, and that source, in folders of their own."""
    require_source(course_dir, assignment)
    source_sha256 = keep_source(storage, course_dir, assignment)
    assert source_sha256 is not None  # it is there
    with tempfile.TemporaryDirectory(prefix="bitgoeul-release-") as folder:
        source, target = Path(folder, "source"), Path(folder, "release")
        target.mkdir()
        with storage.open(source_sha256) as kept:
            archive.unpack(kept, source)
        built = build_student_version(course_dir, source, offering_id, assignment, sandbox, target)
        yield _Made(built, source, source_sha256)


def require_source(course_dir: Path, assignment: str) -> Path:
    """The folder of the assignment's source; Invalid where there is none."""
    source = course_dir / "source" / assignment
    if not ASSIGNMENT_NAME.fullmatch(assignment) or not source.is_dir():
        raise Invalid(
            f"There is no source for '{assignment[:80]}'. Put its notebooks into the course's folder source/.",
            f"'{assignment[:80]}'의 원본이 없습니다. 과목 폴더의 source/에 노트북을 넣으세요.",
        )
    require_inside(course_dir, source)
    return source


def _install(built: Built, course_dir: Path) -> Path:
    """Put the student version where nbgrader looks for it; the caller holds `_alone`."""
    place = course_dir / "release"
    place.mkdir(exist_ok=True)
    require_inside(course_dir, place)
    target = place / built.assignment
    with tempfile.TemporaryDirectory(prefix=".arriving-", dir=place) as arriving:
        new, old = Path(arriving, "new"), Path(arriving, "old")
        shutil.copytree(built.folder, new)
        new.chmod(0o755)
        if target.exists() or target.is_symlink():
            target.rename(old)
        new.rename(target)
        if old.is_symlink():
            old.unlink()
    return target


def publish(
    session: Session,
    storage: Storage,
    assignment: Assignment,
    bundle_sha256: str,
    size: int,
    source_sha256: str | None,
    by: str,
    now: datetime,
) -> Release:
    """Hand out a stored bundle as the next version; the very same bundle and source again stay the version they are."""
    if not storage.has(bundle_sha256):
        raise ValueError(f"the bundle {bundle_sha256} must be in the storage before it is published")
    session.execute(select(Assignment.id).where(Assignment.id == assignment.id).with_for_update())
    current = current_release(session, assignment)
    if current is not None and (current.sha256, current.source_sha256) == (bundle_sha256, source_sha256):
        return current
    newest = session.scalar(select(func.max(Release.version)).where(Release.assignment_id == assignment.id))
    release = Release(
        assignment_id=assignment.id,
        version=(newest or 0) + 1,
        sha256=bundle_sha256,
        size=size,
        source_sha256=source_sha256,
        released_by=by,
        released_at=now,
    )
    session.add(release)
    session.flush()
    return release


def current_release(session: Session, assignment: Assignment) -> Release | None:
    """The version that is handed out, or None."""
    found = select(Release).where(Release.assignment_id == assignment.id, Release.withdrawn_at.is_(None))
    return session.scalar(found.order_by(Release.version.desc()).limit(1))


def withdraw_release(session: Session, assignment: Assignment, now: datetime) -> int:
    """Take all versions back: nobody gets or hands in this assignment until it is released again."""
    standing = session.scalars(
        select(Release).where(Release.assignment_id == assignment.id, Release.withdrawn_at.is_(None))
    ).all()
    for release in standing:
        release.withdrawn_at = now
    session.flush()
    return len(standing)


def keep_source(storage: Storage, course_dir: Path, assignment: str) -> str | None:
    """Store the source as it is now, so that a mark can be traced to its tests; None where there is none."""
    source = course_dir / "source" / assignment
    if not source.is_dir():
        return None
    require_inside(course_dir, source)
    with storage.writer() as staged:
        archive.pack_into(source, staged, ignore=IGNORED)
    return staged.sha256


def notebooks_of(storage: Storage, bundle_sha256: str) -> list[str]:
    """Names of the notebooks of a released bundle, `ps1.ipynb`."""
    return list(_notebooks(storage.path(bundle_sha256)))


def require_inside(course_dir: Path, folder: Path) -> None:
    """Refuse a folder that a link leads out of the course: the portal can read more than the course's staff may."""
    if not folder.resolve().is_relative_to(course_dir.resolve()):
        raise Invalid(
            f"'{folder.name[:80]}' is a link that leads out of the course folder. Put the files themselves there.",
            f"'{folder.name[:80]}'은(는) 과목 폴더 밖을 가리키는 링크입니다. 파일 자체를 넣으세요.",
        )


def require_notebooks(entries: list[archive.Entry]) -> None:
    if not archive.notebooks(entries):
        raise Invalid(
            "The release has no notebook (*.ipynb) at its top. Put one there and release again.",
            "배포할 파일의 맨 위에 노트북(*.ipynb)이 없습니다. 넣은 뒤 다시 배포하세요.",
        )


@lru_cache(maxsize=512)
def _notebooks(path: Path) -> tuple[str, ...]:
    """A stored file never changes, so what it holds is read once."""
    with path.open("rb") as bundle:
        return tuple(archive.notebooks(archive.check(bundle)))
