"""Work handed in: who may, the attempt that is written for it, and the receipt.

Owns attempts. An attempt is numbered and queued for marking in one write transaction, after its files are in the
storage; it is never overwritten. The same key sent again gets the same receipt. Refuses what the policies refuse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cohorts.access import require_member
from cohorts.database import Database
from cohorts.errors import Conflict, Forbidden, Invalid, NotFound
from cohorts.models import Person, Role
from grader.assignments import find_assignment, unknown_assignment
from grader.doorbell import Bell, ring
from grader.models import Assignment, Attempt, Marking, MarkingKind, MarkingState
from grader.policies import Entry, require_open
from grader.releases import current_release
from grader.storage import SHA256, Staged, Storage

KEY = re.compile(r"[A-Za-z0-9._\-]{8,64}")


@dataclass(frozen=True)
class Receipt:
    """What a student holds for an attempt: its files are on the disk and it is queued for marking."""

    id: int
    course_id: str
    assignment: str
    username: str
    attempt: int
    key: str
    sha256: str
    size: int
    received_at: datetime
    due_at: datetime | None
    late: bool
    days_late: int = 0
    penalty_percent: float = 0.0
    repeated: bool = False


@dataclass(frozen=True)
class Admission:
    """A submission that may come in: to which assignment, against which released bundle, how late."""

    assignment_id: int
    release_sha256: str
    entry: Entry


def admit(
    session: Session, *, course_id: str, assignment: str, username: str, key: str, sha256: str, now: datetime
) -> Admission | Receipt:
    """Whether a submission arriving at `now` may come in, before a byte of it is read.

    The receipt of the attempt that `key` already made, where there is one; else the admission; else a refusal.
    """
    check_names(key, sha256)
    role = require_member(session, username, course_id)
    earlier = session.scalar(select(Attempt).where(Attempt.key == key))
    if earlier is not None:
        return _repeat(earlier, course_id, assignment, username, sha256)
    if role is not Role.STUDENT:
        raise Forbidden(
            f"Only students of {course_id} hand in work; you are its {role.value}. Sign in as a student to try it.",
            f"{course_id}의 학생만 과제를 제출합니다. 시험해 보려면 학생으로 로그인하세요.",
        )
    row = find_assignment(session, course_id, assignment)
    release = current_release(session, row)
    if release is None:
        raise unknown_assignment(assignment)
    return Admission(row.id, release.sha256, require_open(session, row, username, now))


def receive(
    database: Database,
    storage: Storage,
    *,
    course_id: str,
    assignment: str,
    username: str,
    key: str,
    sha256: str,
    size: int,
    now: datetime,
    staged: Staged | None = None,
) -> Receipt:
    """Make an attempt of the files named `sha256`, queue its marking and give the receipt, in one transaction.

    The files are in the storage, or `staged`: then they are kept only when nothing refuses the submission.
    """
    if staged is None and not storage.has(sha256):
        raise ValueError(f"the files {sha256} must be in the storage before the attempt is written")
    try:
        with database.write() as session:
            # On PostgreSQL this makes the submissions of one person wait for each other; SQLite has one writer anyway.
            session.execute(select(Person.username).where(Person.username == username).with_for_update(key_share=True))
            admitted = admit(
                session,
                course_id=course_id,
                assignment=assignment,
                username=username,
                key=key,
                sha256=sha256,
                now=now,
            )
            if isinstance(admitted, Receipt):
                return admitted
            attempt = _write(session, admitted, username=username, key=key, sha256=sha256, size=size, now=now)
            if staged is not None:
                staged.keep()
            return _receipt(attempt, attempt.assignment)
    except IntegrityError as problem:
        raise _other_work(key) from problem


def attempts_of(session: Session, assignment_id: int, username: str | None = None) -> list[Attempt]:
    """A student's attempts at an assignment (everybody's without `username`), oldest first."""
    found = select(Attempt).where(Attempt.assignment_id == assignment_id)
    if username is not None:
        found = found.where(Attempt.username == username)
    return list(session.scalars(found.order_by(Attempt.username, Attempt.number)))


def visible_attempts(
    session: Session, username: str, offering_id: str, name: str
) -> tuple[Assignment, list[Attempt], Role]:
    """An assignment and the attempts at it that `username` may see: their own, for staff everybody's."""
    role = require_member(session, username, offering_id)
    row = find_assignment(session, offering_id, name)
    attempts = attempts_of(session, row.id, None if role.is_staff else username)
    if not role.is_staff and not attempts and current_release(session, row) is None:
        raise unknown_assignment(name)
    return row, attempts, role


def visible_attempt(
    session: Session, username: str, offering_id: str, name: str, attempt_id: int
) -> tuple[Attempt, Role]:
    """One attempt that `username` may see; somebody else's and one that does not exist get the same refusal."""
    _, attempts, role = visible_attempts(session, username, offering_id, name)
    for attempt in attempts:
        if attempt.id == attempt_id:
            return attempt, role
    raise NotFound(
        f"You have no attempt {attempt_id} at '{name[:80]}'.", f"'{name[:80]}'에 제출 {attempt_id}이(가) 없습니다."
    )


def check_names(key: str, sha256: str) -> None:
    """Refuse an idempotency key or a SHA-256 that is missing or malformed."""
    if not KEY.fullmatch(key):
        raise Invalid(
            "The header Idempotency-Key must have 8 to 64 letters, digits, '-', '_' or '.'. "
            "Send a new one per submission.",
            "Idempotency-Key 헤더는 글자, 숫자, '-', '_', '.' 8~64자여야 합니다. 제출마다 새 값을 보내세요.",
        )
    if not SHA256.fullmatch(sha256):
        raise Invalid(
            "The header X-Content-SHA256 must be the SHA-256 of the files, 64 lower-case hexadecimal digits.",
            "X-Content-SHA256 헤더는 파일의 SHA-256, 소문자 16진수 64자리여야 합니다.",
        )


def check_content(names: list[str], expected: list[str]) -> None:
    """Refuse files that hold none of the assignment's notebooks."""
    if not set(names) & set(expected):
        raise Invalid(
            f"The submission holds none of the assignment's notebooks: {', '.join(expected)} is missing. "
            "Hand in the fetched notebook under its own name.",
            f"제출한 파일에 과제 노트북이 없습니다: {', '.join(expected)}이(가) 없습니다. "
            "받은 노트북을 원래 이름으로 제출하세요.",
        )


def _write(
    session: Session, admitted: Admission, *, username: str, key: str, sha256: str, size: int, now: datetime
) -> Attempt:
    newest = session.scalar(
        select(func.max(Attempt.number)).where(
            Attempt.assignment_id == admitted.assignment_id, Attempt.username == username
        )
    )
    attempt = Attempt(
        assignment_id=admitted.assignment_id,
        username=username,
        number=(newest or 0) + 1,
        key=key,
        sha256=sha256,
        size=size,
        received_at=now,
        due_at=admitted.entry.due_at,
        late=admitted.entry.lateness.late,
        days_late=admitted.entry.lateness.days,
        penalty_percent=admitted.entry.lateness.percent,
    )
    session.add(attempt)
    session.flush()
    session.add(Marking(attempt_id=attempt.id, kind=MarkingKind.MARK, state=MarkingState.QUEUED, queued_at=now))
    session.flush()
    ring(session, Bell.WORK)
    return attempt


def _repeat(attempt: Attempt, course_id: str, assignment: str, username: str, sha256: str) -> Receipt:
    row = attempt.assignment
    same = (attempt.username, attempt.sha256, row.offering_id, row.name) == (username, sha256, course_id, assignment)
    if not same:
        raise _other_work(attempt.key)
    return _receipt(attempt, row, repeated=True)


def _other_work(key: str) -> Conflict:
    return Conflict(
        f"The Idempotency-Key {key[:12]}… was already used for other work. Send the submission with a new key.",
        f"Idempotency-Key {key[:12]}…은(는) 다른 제출에 이미 쓰였습니다. 새 키로 다시 제출하세요.",
    )


def _receipt(attempt: Attempt, assignment: Assignment, *, repeated: bool = False) -> Receipt:
    return Receipt(
        id=attempt.id,
        course_id=assignment.offering_id,
        assignment=assignment.name,
        username=attempt.username,
        attempt=attempt.number,
        key=attempt.key,
        sha256=attempt.sha256,
        size=attempt.size,
        received_at=attempt.received_at,
        due_at=attempt.due_at,
        late=attempt.late,
        days_late=attempt.days_late,
        penalty_percent=attempt.penalty_percent,
        repeated=repeated,
    )
