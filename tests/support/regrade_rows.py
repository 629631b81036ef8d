"""Regrades without a worker: the rows that starting one and marking its attempts write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from portal_site import COURSE, Site, hand_in
from sqlalchemy import update

from grader.assignments import find_assignment
from grader.models import Marking, MarkingKind, MarkingState, Regrade, RegradeState

#: by student, the mark by the old tests and by the new ones
STUDENTS = {"haneul.lee": (6.0, 8.0), "minseo.kim": (10.0, 10.0), "jiho.jung": (8.0, 5.0)}


def points_by_test(score: float) -> list[dict[str, Any]]:
    """Two tests of five points that make `score` together."""
    rows = [("mean-test", min(score, 5.0)), ("median-test", max(0.0, score - 5.0))]
    return [
        {
            "notebook": "first-steps",
            "name": name,
            "points": points,
            "max_points": 5.0,
            "outcome": "partial",
            "message": None,
            "message_ko": None,
        }
        for name, points in rows
    ]


def marked(site: Site, assignment: str = "first-steps", *, number: int = 1) -> dict[str, int]:
    """Everybody's attempt, marked with the old tests; attempts by student."""
    found = {}
    for username, (old, _) in STUDENTS.items():
        found[username] = hand_in(site.campus, COURSE, assignment, username, number=number, score=old, max_score=10)
        with site.campus.database.write() as session:
            session.execute(
                update(Marking).where(Marking.attempt_id == found[username]).values(tests=points_by_test(old))
            )
    return found


def regrade_rows(
    site: Site, attempts: dict[str, int], assignment: str = "first-steps", state: MarkingState = MarkingState.DONE
) -> int:
    """A regrade with a marking for each attempt: the rows that starting it and a worker write."""
    now = datetime.now(UTC)
    with site.campus.database.write() as session:
        regrade = Regrade(
            assignment_id=find_assignment(session, COURSE, assignment).id,
            state=RegradeState.RUNNING,
            source_sha256="ab" * 32,
            course_sha256="cd" * 32,
            started_by="yuna.kim",
            started_at=now - timedelta(minutes=2),
        )
        session.add(regrade)
        session.flush()
        for username, attempt_id in attempts.items():
            new = STUDENTS[username][1]
            done = state is MarkingState.DONE
            session.add(
                Marking(
                    attempt_id=attempt_id,
                    regrade_id=regrade.id,
                    kind=MarkingKind.REGRADE,
                    state=state,
                    queued_at=now,
                    finished_at=now if done else None,
                    score=new if done else None,
                    max_score=10 if done else None,
                    tests=points_by_test(new) if done else None,
                    integrity="clean" if done else None,
                )
            )
        return regrade.id
