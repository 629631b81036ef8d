"""Applying a regrade: the new tests, all marks and all feedback, in one act.

Owns the order that survives a kill anywhere. A marker in the campus database comes first (`applying`); the offering's
folders and gradebook follow, the gradebook in one transaction; then feedback is made, which nobody sees yet; the last
transaction in the campus database turns the regrade's markings into the attempts' own and shows the feedback, to all
students at once. Done again after a crash, it does the same again, to its end.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert, or_, select, update
from sqlalchemy.orm import Session

from cohorts.database import Database
from cohorts.errors import Conflict
from grader import archive
from grader.course_folder import place_marking
from grader.feedback import build_bundle, own_grades, pages_of_marking
from grader.gradebook import NotebookGrades, gradebook_url
from grader.jobs import enqueue_marking
from grader.kept_result import kept_result
from grader.models import (
    Assignment,
    Attempt,
    Feedback,
    FeedbackPolicy,
    Marking,
    MarkingKind,
    MarkingState,
    Regrade,
    RegradeState,
    Release,
)
from grader.offering_locks import offering_alone
from grader.regrade import regrade_progress, require_open, state_of
from grader.regrade_by_hand import by_hand_scores, given_elsewhere
from grader.regrade_course import RegradeCourse, open_course
from grader.regrade_gradebook import Placement, write_regrade
from grader.regrade_plan import Regraded, left_over, regraded_attempts
from grader.storage import Storage

LOCK_FILE = ".regrade.lock"
STORED_AT_ONCE = 4
Grades = Mapping[str, NotebookGrades]


@dataclass(frozen=True)
class Applied:
    """What applying did: attempts with new marks, and attempts that are marked once more by the new tests."""

    attempts: int
    queued: int


def apply_regrade(
    database: Database,
    storage: Storage,
    clock: Callable[[], datetime],
    offering: Path,
    regrade_id: int,
    by: str,
) -> Applied:
    """Make the regrade's results the students' marks. `offering` is the course folder. Raises Conflict."""
    with _alone(offering):
        with database.read() as session:
            regrade = session.get_one(Regrade, regrade_id)
            assignment = session.get_one(Assignment, regrade.assignment_id)
        course = open_course(storage, regrade.course_sha256, assignment.name)
        with offering_alone(offering):
            _set_marker(database, offering, course, regrade_id)
            with database.read() as session:
                regraded = regraded_attempts(session, regrade_id, assignment)
            grades = _write(storage, offering, assignment.name, course, regraded)
        with ThreadPoolExecutor(STORED_AT_ONCE) as pool:  # most of it is waiting for the disk
            feedback = list(pool.map(lambda item: _feedback(storage, course, item, grades), regraded))
        with database.write() as session:
            return _finish(session, regrade_id, regraded, feedback, by, clock())


@contextmanager
def _alone(offering: Path) -> Iterator[None]:
    """One act at a time in an offering; the kernel lets go of the lock however the process ends."""
    descriptor = os.open(offering / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Conflict(
            "A regrade of this course is being applied right now. Wait until it is done.",
            "이 과목의 재채점을 지금 적용하고 있습니다. 끝날 때까지 기다려 주세요.",
        ) from None
    finally:
        os.close(descriptor)


def _set_marker(database: Database, offering: Path, course: RegradeCourse, regrade_id: int) -> None:
    """Say that the act has begun, and put by what people gave on cells that are about to go."""
    kept = {(notebook.name, cell) for notebook in course.source.notebooks for cell in notebook.cells}
    lost = given_elsewhere(by_hand_scores(offering, course.source.name), kept)
    with database.write() as session:
        regrade = session.scalars(select(Regrade).where(Regrade.id == regrade_id).with_for_update()).one()
        require_open(regrade)
        if regrade.state is RegradeState.RUNNING:
            _require_ready(session, regrade)
        known = {(row["username"], row["notebook"], row["cell"]): row for row in (*(regrade.lost or ()), *lost)}
        regrade.lost = list(known.values()) or None
        regrade.state = RegradeState.APPLYING


def _require_ready(session: Session, regrade: Regrade) -> None:
    progress = regrade_progress(session, regrade.id)
    left = progress.queued + progress.running
    if state_of(regrade, progress) is not RegradeState.READY:
        raise Conflict(
            f"{left} attempts are still to be marked with the new tests. Wait until they are, or drop the regrade.",
            f"아직 새 검사로 채점하지 않은 제출물이 {left}건 있습니다. 기다리거나 재채점을 취소하세요.",
        )
    newest = select(Release).where(
        Release.assignment_id == regrade.assignment_id,
        Release.released_at > regrade.started_at,
        or_(Release.source_sha256.is_(None), Release.source_sha256 != regrade.source_sha256),
    )
    if (release := session.scalar(newest.order_by(Release.version.desc()).limit(1))) is not None:
        raise Conflict(
            f"Version {release.version} was released from another source after this regrade had started. "
            "Drop the regrade and start it again.",
            f"이 재채점을 시작한 뒤 다른 원본으로 {release.version}차 배포를 했습니다. 재채점을 취소하고 "
            "다시 시작하세요.",
        )


def _write(
    storage: Storage, offering: Path, assignment: str, course: RegradeCourse, regraded: list[Regraded]
) -> dict[str, dict[str, NotebookGrades]]:
    """Folders and gradebook of every student whose counting attempt was regraded."""
    placements = []
    for item in regraded:
        if not item.counts:
            continue
        attempt = item.attempt
        result = kept_result(storage, item.result_sha256, course.source)
        with tempfile.TemporaryDirectory(prefix="bitgoeul-attempt-") as folder:
            with storage.open(attempt.sha256) as bundle:
                archive.unpack(bundle, Path(folder))
            place_marking(
                offering,
                assignment,
                attempt.username,
                submission=Path(folder),
                submitted_at=attempt.received_at,
                attempt_id=attempt.id,
                result=result,
            )
        light = replace(result, notebooks=tuple(replace(part, executed=None, shown=None) for part in result.notebooks))
        placements.append(Placement(attempt.username, attempt.received_at, light, item.late_percent))
    return write_regrade(gradebook_url(offering), course.source, placements)


def _feedback(storage: Storage, course: RegradeCourse, item: Regraded, grades: Mapping[str, Grades]) -> dict[str, Any]:
    """The attempt's new feedback, in storage; its row is still to be written."""
    result = kept_result(storage, item.result_sha256, course.source)
    mine = grades[item.attempt.username] if item.counts else own_grades(result, item.late_percent)
    bundle = build_bundle(pages_of_marking(course.source, result, mine))
    return {
        "attempt_id": item.attempt.id,
        "sha256": storage.put_bytes(bundle),
        "size": len(bundle),
        "score": sum(part.score - part.late_penalty for part in mine.values()),
        "max_score": sum(part.max_score for part in mine.values()),
        "needs_manual": any(part.needs_manual for part in mine.values()),
    }


def _finish(
    session: Session,
    regrade_id: int,
    regraded: list[Regraded],
    feedback: list[dict[str, Any]],
    by: str,
    now: datetime,
) -> Applied:
    """What students and staff see turns over here."""
    regrade = session.scalars(select(Regrade).where(Regrade.id == regrade_id).with_for_update()).one()
    require_open(regrade)
    session.execute(
        update(Marking)
        .where(Marking.regrade_id == regrade_id, Marking.state == MarkingState.DONE)
        .values(kind=MarkingKind.MARK)
    )
    _show(session, session.get_one(Assignment, regrade.assignment_id), feedback, now)
    left = left_over(session, regrade, {item.attempt.id: item.marking_id for item in regraded})
    for attempt in left:
        enqueue_marking(session, attempt, now)
    regrade.state, regrade.ended_by, regrade.ended_at = RegradeState.APPLIED, by, now
    session.flush()
    return Applied(len(regraded), len(left))


def _show(session: Session, assignment: Assignment, feedback: list[dict[str, Any]], now: datetime) -> None:
    """Released at once where the policy says so, and where the student has seen earlier feedback."""
    shown = select(Feedback.attempt_id).join(Attempt, Attempt.id == Feedback.attempt_id)
    shown = shown.where(Attempt.assignment_id == assignment.id, Feedback.released_at.is_not(None))
    seen = set(session.scalars(shown))
    at_once = assignment.feedback_policy is FeedbackPolicy.AT_ONCE
    rows = [
        {**row, "created_at": now, "released_at": now if at_once or row["attempt_id"] in seen else None}
        for row in feedback
    ]
    if rows:
        session.execute(insert(Feedback), rows)
