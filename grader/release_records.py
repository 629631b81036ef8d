"""What release checks said, kept: one row for a source version, so that the same source is not checked twice.

Owns the table `release_check` and what may be accepted: marks that waver, by a member of staff with a reason. Leaks,
free points and a failing reference can't be accepted by anybody.
"""

from __future__ import annotations

import hashlib
import json
import sys
import sysconfig
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from cohorts.database import Database, table_of
from cohorts.errors import Invalid
from grader.models import Assignment, ReleaseCheck
from grader.needs import ON_PROCESSOR
from grader.release_build import Built
from grader.release_check import OnProgress, check
from grader.release_leaks import find_leaks
from grader.release_report import ReleaseRefused, ReleaseReport, Verdict
from grader.sandbox.base import Limits, Sandbox
from grader.sandboxes import Sandboxes

RULES = 3  # counts up when the check looks for more, so that sources are looked at again
DEFAULT_WALL = 120.0
SHORTEST_REASON = 5
LONGEST_REASON = 500


@dataclass(frozen=True)
class Subject:
    """What is checked: an assignment's source version, and the student version made of it."""

    offering_id: str
    assignment: str
    source_sha256: str
    bundle_sha256: str


def ensure_checked(
    database: Database,
    built: Built,
    source: Path,
    sandboxes: Sandboxes,
    subject: Subject,
    *,
    by: str,
    now: datetime,
    on_progress: OnProgress = lambda done, of: None,
) -> ReleaseCheck:
    """The record of this source version: the one that is there, or a new one after checking it."""
    with database.read() as session:
        running = running_of(session, subject)
        conditions = conditions_of(subject, running, sandboxes.forked)
        known = session.scalar(
            select(ReleaseCheck)
            .where(ReleaseCheck.source_sha256 == subject.source_sha256, ReleaseCheck.conditions == conditions)
            .order_by(ReleaseCheck.id.desc())
        )
        if known is not None and (known.offering_id, known.assignment) == (subject.offering_id, subject.assignment):
            return known
    if known is None:
        limits = Limits.within(running.wall)
        with sandboxes.lend(running.hardware, running.image) as sandbox:
            checked = check(built, source, sandbox, limits, on_progress=on_progress)
        told: dict[str, Any] = checked.report.to_dict()
        evidence: dict[str, Any] | None = dict(checked.evidence)
    else:  # another offering's instructors checked the very same thing; what they accepted is not taken over
        told, evidence = known.report | {"assignment": subject.assignment}, known.evidence
    record = ReleaseCheck(
        offering_id=subject.offering_id,
        assignment=subject.assignment,
        source_sha256=subject.source_sha256,
        conditions=conditions,
        verdict=told["verdict"],
        report=told,
        evidence=evidence,
        seconds=told["seconds"],
        checked_by=by,
        created_at=now,
    )
    with database.write() as session:
        session.add(record)
        session.flush()
        return record


def require_passed(database: Database, record: ReleaseCheck, accept: str | None, by: str, now: datetime) -> None:
    """ReleaseRefused unless the check passed, or somebody accepts, or has accepted, that marks waver."""
    verdict = Verdict(record.verdict)
    if verdict is Verdict.PASSED:
        return
    if verdict is Verdict.UNSTEADY and accept is not None:
        reason = check_reason(accept)
        with database.write() as session:
            row = session.get_one(ReleaseCheck, record.id)
            row.accepted_by, row.accepted_reason, row.accepted_at = by, reason, now
        return
    if verdict is Verdict.UNSTEADY:
        with database.read() as session:
            accepted = select(ReleaseCheck.id).where(
                ReleaseCheck.offering_id == record.offering_id,
                ReleaseCheck.assignment == record.assignment,
                ReleaseCheck.source_sha256 == record.source_sha256,
                ReleaseCheck.accepted_at.is_not(None),
            )
            if session.scalar(accepted.limit(1)) is not None:
                return
    raise ReleaseRefused(ReleaseReport.from_dict(record.report))


def check_reason(text: str) -> str:
    """The reason as it is recorded; Invalid where it says nothing."""
    reason = " ".join(text.split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise Invalid(
            f"The reason has {len(reason)} characters; write {SHORTEST_REASON} to {LONGEST_REASON}. Say why marks may "
            "differ from run to run.",
            f"사유가 {len(reason)}자입니다. {SHORTEST_REASON}~{LONGEST_REASON}자로, 채점할 때마다 점수가 달라도 되는 "
            "까닭을 적으세요.",
        )
    return reason


def require_no_marks(assignment: str, folder: Path) -> None:
    """Refuse student files, whose source is not known, with nbgrader's marks left in them."""
    problems = tuple(find_leaks(folder, (), {}))
    if problems:
        raise ReleaseRefused(ReleaseReport(assignment, (), (), problems, 0, 0.0))


def latest_check(session: Session, offering_id: str, assignment: str) -> ReleaseCheck | None:
    """The newest check of an assignment, None before the first."""
    found = select(ReleaseCheck).where(ReleaseCheck.offering_id == offering_id, ReleaseCheck.assignment == assignment)
    return session.scalar(found.order_by(ReleaseCheck.id.desc()).limit(1))


_CHECK = table_of(ReleaseCheck)
_EVIDENCE = (
    select(_CHECK.c.evidence)
    .where(_CHECK.c.source_sha256 == bindparam("source"), _CHECK.c.evidence.is_not(None))
    .order_by(_CHECK.c.id.desc())
    .limit(1)
)


def evidence_for(session: Session, source_sha256: str) -> dict[str, Any] | None:
    """What marking this source's reference both ways has shown, by notebook and test cell; None: not known."""
    return session.scalar(_EVIDENCE, {"source": source_sha256})


@dataclass(frozen=True)
class Running:
    """How an assignment is run: on what, in which image (None: the campus's own), seconds for a notebook's cells."""

    hardware: str = ON_PROCESSOR
    image: str | None = None
    wall: float = DEFAULT_WALL


def running_of(session: Session, subject: Subject) -> Running:
    """How the assignment is run when it is marked."""
    found = select(Assignment.hardware, Assignment.image, Assignment.time_limit_seconds).where(
        Assignment.offering_id == subject.offering_id, Assignment.name == subject.assignment
    )
    row = session.execute(found).first()
    return Running(row.hardware, row.image, float(row.time_limit_seconds)) if row else Running()


def conditions_of(subject: Subject, running: Running, forked: Sandbox) -> str:
    """All that the outcome hangs on besides the source: student version, limits, rules, interpreter and packages."""
    packages = sorted(path.name for path in Path(sysconfig.get_paths()["purelib"]).glob("*.dist-info"))
    where = [running.hardware, running.image, running.wall, forked.name]
    told = [RULES, subject.bundle_sha256, *where, sys.version, packages]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
