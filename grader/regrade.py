"""A regrade: all attempts at an assignment marked again with the source as it is now, and nothing changed by that.

Owns the rows of `Regrade` and the markings that belong to one: starting, following, dropping. An assignment has one
open regrade at most. What would change is `regrade_preview`'s, making it so `regrade_apply`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from cohorts.database import Database
from cohorts.errors import Conflict, Invalid, NotFound
from grader.assignments import find_assignment
from grader.doorbell import Bell, ring
from grader.job_progress import Progress
from grader.jobs import BACKGROUND
from grader.models import Assignment, Attempt, Marking, MarkingKind, MarkingState, Regrade, RegradeState
from grader.needs import needs_of
from grader.regrade_course import KeptCourse, keep_course
from grader.release_evidence import Evidence
from grader.release_records import evidence_for
from grader.releases import current_release
from grader.sandbox.base import Limits, Sandbox
from grader.sandboxes import Sandboxes
from grader.storage import Storage

OPEN = (RegradeState.RUNNING, RegradeState.APPLYING)


def start_regrade(
    database: Database,
    storage: Storage,
    course_dir: Path,
    *,
    offering_id: str,
    assignment: str,
    by: str,
    now: datetime,
    sandbox: Sandbox | Sandboxes,
) -> Regrade:
    """Keep the source as it is in `course_dir` and have every attempt marked with it, after everything more urgent.

    Raises NotFound, Invalid (nothing to mark, or nbgrader refuses the source) or Conflict (one is open already).
    """
    with database.read() as session:
        row = find_assignment(session, offering_id, assignment)
        _require_startable(session, row)
    limits = Limits.within(float(row.time_limit_seconds))

    def known(source_sha256: str) -> Mapping[str, Evidence] | None:
        with database.read() as session:
            return evidence_for(session, source_sha256)

    boxes = Sandboxes.of(sandbox)
    with boxes.lend(row.hardware, row.image) as place:
        kept = keep_course(storage, course_dir, offering_id, assignment, boxes.forked, place, limits, known)
    with database.write() as session:
        row = find_assignment(session, offering_id, assignment)
        session.execute(select(Assignment.id).where(Assignment.id == row.id).with_for_update())
        attempts = _require_startable(session, row)
        return _add(session, row, attempts, kept, by, now)


def regrades_of(session: Session, assignment_id: int) -> list[Regrade]:
    """All regrades of the assignment, the newest first."""
    found = select(Regrade).where(Regrade.assignment_id == assignment_id)
    return list(session.scalars(found.order_by(Regrade.id.desc())))


def find_regrade(session: Session, assignment_id: int, regrade_id: int) -> Regrade:
    """The assignment's regrade of this number; NotFound where it has none."""
    found = session.get(Regrade, regrade_id)
    if found is None or found.assignment_id != assignment_id:
        raise NotFound(
            f"This assignment has no regrade {regrade_id}. Look at its list of regrades.",
            f"이 과제에는 재채점 {regrade_id}이(가) 없습니다. 재채점 목록을 확인하세요.",
        )
    return found


def open_regrade(session: Session, assignment_id: int) -> Regrade | None:
    """The assignment's regrade that is neither applied nor dropped."""
    found = select(Regrade).where(Regrade.assignment_id == assignment_id, Regrade.state.in_(OPEN))
    return session.scalar(found.limit(1))


def regrade_progress(session: Session, regrade_id: int) -> Progress:
    """How far its markings are."""
    states = Counter(session.scalars(select(Marking.state).where(Marking.regrade_id == regrade_id)))
    return Progress(**{state.value: states[state] for state in MarkingState})


def state_of(regrade: Regrade, progress: Progress) -> RegradeState:
    """The state people are told: running turns into ready when nothing waits or runs any more."""
    if regrade.state is RegradeState.RUNNING and not progress.queued and not progress.running:
        return RegradeState.READY
    return regrade.state


def drop_regrade(session: Session, regrade: Regrade, by: str, now: datetime) -> None:
    """End an open regrade without changing anything; what has run stays as history. Raises Conflict."""
    session.execute(select(Regrade.id).where(Regrade.id == regrade.id).with_for_update())
    session.refresh(regrade)
    require_open(regrade)
    if regrade.state is RegradeState.APPLYING:
        raise Conflict(
            "Applying this regrade has begun, so it can't be dropped. Apply it again to finish; to go back, "
            "put the old tests into the source and regrade once more.",
            "이 재채점은 이미 적용하기 시작해 취소할 수 없습니다. 적용을 다시 눌러 마치세요. 되돌리려면 원본에 이전 "
            "검사를 넣고 다시 재채점하세요.",
        )
    regrade.state, regrade.ended_by, regrade.ended_at = RegradeState.DROPPED, by, now
    session.execute(delete(Marking).where(Marking.regrade_id == regrade.id, Marking.state == MarkingState.QUEUED))
    session.flush()


def require_open(regrade: Regrade) -> None:
    """Refuse a regrade that has ended."""
    if regrade.state not in OPEN:
        done = "적용" if regrade.state is RegradeState.APPLIED else "취소"
        raise Conflict(
            f"This regrade was {regrade.state.value} by {regrade.ended_by} already. Start a new one if need be.",
            f"이 재채점은 {regrade.ended_by}이(가) 이미 {done}했습니다. 필요하면 새로 시작하세요.",
        )


def _require_startable(session: Session, assignment: Assignment) -> Sequence[int]:
    """The attempts there are to regrade; a refusal where there is none, or a regrade is open."""
    if (found := open_regrade(session, assignment.id)) is not None:
        raise Conflict(
            f"A regrade of {assignment.title_en}, started by {found.started_by}, is still open. "
            "Apply or drop it first.",
            f"{found.started_by}이(가) 시작한 {assignment.title_ko} 재채점이 아직 열려 있습니다. 먼저 적용하거나 "
            "취소하세요.",
        )
    attempts = session.scalars(select(Attempt.id).where(Attempt.assignment_id == assignment.id).order_by(Attempt.id))
    ids = attempts.all()
    if not ids or current_release(session, assignment) is None:
        raise Invalid(
            f"There is nothing to regrade in {assignment.title_en}: it must be released and handed in first.",
            f"{assignment.title_ko}에는 다시 채점할 것이 없습니다. 배포한 뒤 제출물이 있어야 합니다.",
        )
    return ids


def _add(
    session: Session, assignment: Assignment, attempts: Sequence[int], kept: KeptCourse, by: str, now: datetime
) -> Regrade:
    regrade = Regrade(
        assignment_id=assignment.id,
        state=RegradeState.RUNNING,
        source_sha256=kept.source_sha256,
        course_sha256=kept.course_sha256,
        started_by=by,
        started_at=now,
    )
    session.add(regrade)
    session.flush()
    rows = [
        {
            "attempt_id": attempt_id,
            "regrade_id": regrade.id,
            "offering_id": assignment.offering_id,
            "needs": needs_of(assignment.hardware, assignment.image),
            "kind": MarkingKind.REGRADE,
            "state": MarkingState.QUEUED,
            "priority": BACKGROUND,
            "queued_at": now,
        }
        for attempt_id in attempts
    ]
    session.execute(insert(Marking), rows)
    ring(session, Bell.WORK)
    return regrade
