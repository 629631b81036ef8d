"""What students are given: building it from the instructor's source, versions of it, taking it back.

Owns releases. Building runs `nbgrader generate_assignment` in a process of its own that sees none of the campus's
secrets. Refuses a source that nbgrader refuses, in nbgrader's words, and a release without a notebook.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cohorts.database import Database
from cohorts.errors import Invalid
from grader import archive
from grader.assignments import ensure_assignment
from grader.exchange.names import ASSIGNMENT_NAME
from grader.models import Assignment, Release
from grader.storage import Storage

BUILD_SECONDS = 300
IGNORED = (".ipynb_checkpoints", "*.pyc", "__pycache__", ".*.lock")
LOG_ENTRY = re.compile(r"^\[\w+ \| (?=[A-Z]+\])", re.MULTILINE)
CLOSING_REMARKS = ("There was an error processing", "Please see the")


def release_assignment(
    database: Database, storage: Storage, course_dir: Path, *, offering_id: str, assignment: str, by: str, now: datetime
) -> Release:
    """Build, store and publish the assignment called `assignment`: what the instructor's button does."""
    folder = build_release(course_dir, offering_id, assignment)
    return publish_folder(
        database, storage, folder, course_dir, offering_id=offering_id, assignment=assignment, by=by, now=now
    )


def publish_folder(
    database: Database,
    storage: Storage,
    folder: Path,
    course_dir: Path,
    *,
    offering_id: str,
    assignment: str,
    by: str,
    now: datetime,
) -> Release:
    """Store the files of `folder` as the next version of the assignment and hand them out."""
    require_inside(course_dir, folder)
    with storage.writer() as bundle:
        entries = archive.pack_into(folder, bundle, ignore=IGNORED)
        require_notebooks(entries)
    source_sha256 = keep_source(storage, course_dir, assignment)
    with database.write() as session:
        row = ensure_assignment(session, offering_id, assignment)
        return publish(session, storage, row, bundle.sha256, bundle.size, source_sha256, by, now)


def build_release(course_dir: Path, offering_id: str, assignment: str) -> Path:
    """Make the student version of `course_dir`/source/`assignment`; returns its folder, `course_dir`/release/..."""
    if not ASSIGNMENT_NAME.fullmatch(assignment) or not (course_dir / "source" / assignment).is_dir():
        raise Invalid(
            f"There is no source for '{assignment[:80]}'. Put its notebooks into the course's folder source/.",
            f"'{assignment[:80]}'의 원본이 없습니다. 과목 폴더의 source/에 노트북을 넣으세요.",
        )
    with _alone(course_dir), tempfile.TemporaryDirectory(prefix="bitgoeul-release-") as home:
        command = [sys.executable, "-m", "nbgrader", "generate_assignment", assignment, "--force"]
        command += [f"--course-dir={course_dir}", f"--course={offering_id}"]
        try:
            done = subprocess.run(
                command,
                cwd=home,
                env=_environment(home),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=BUILD_SECONDS,
                text=True,
                errors="replace",
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Invalid(
                f"nbgrader did not finish '{assignment}' within {BUILD_SECONDS // 60} minutes. "
                "Look for a cell that hangs.",
                f"nbgrader가 {BUILD_SECONDS // 60}분 안에 '{assignment}'을(를) 끝내지 못했습니다. "
                "멈추는 셀을 찾아보세요.",
            ) from None
    folder = course_dir / "release" / assignment
    if done.returncode != 0 or not folder.is_dir():
        reason = _reason(done.stdout)
        raise Invalid(
            f"nbgrader could not make the student version of '{assignment}': {reason} "
            "Mend the source and release again.",
            f"nbgrader가 '{assignment}'의 학생용 파일을 만들지 못했습니다: {reason} 원본을 고치고 다시 배포하세요.",
        )
    return folder


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


@contextmanager
def _alone(course_dir: Path) -> Iterator[None]:
    """One build at a time in a course folder: nbgrader writes its release folder and gradebook without a lock."""
    with (course_dir / ".release.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _environment(home: str) -> dict[str, str]:
    """What nbgrader needs and nothing that is secret; no configuration of the person who started the portal."""
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
    return kept | {
        # nbgrader runs the command `alembic` when it makes a gradebook (nbgrader/api.py, get_alembic_version).
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "HOME": home,
        "JUPYTER_CONFIG_DIR": home,
        "JUPYTER_DATA_DIR": home,
        "JUPYTER_NO_CONFIG": "1",
        "IPYTHONDIR": home,
        "PYTHONWARNINGS": "ignore",
    }


def _reason(log: str) -> str:
    """What nbgrader's log gives as the reason: its errors, of each traceback the last line, without closing remarks."""
    told: list[str] = []
    notebook = ""
    for entry in LOG_ENTRY.split(log)[1:]:
        level, _, text = entry.partition("] ")
        if level == "INFO" and text.startswith("Converting notebook "):
            notebook = Path(text.strip()).name + ": "
        if level not in ("ERROR", "CRITICAL") or text.startswith(CLOSING_REMARKS):
            continue
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if "Traceback (most recent call last):" in lines:
            lines = [re.sub(r"^[\w.]+: ", "", lines[-1])]
        message = " ".join(lines)[:300]
        if message and message.rstrip(".").lower() not in " ".join(told).lower():
            told.append(message if message.endswith((".", "!", "?")) else message + ".")
    if not told:
        told = [line.strip() for line in log.splitlines() if line.strip()][-1:] or ["it gave no reason."]
    return notebook + " ".join(told)
