"""Feedback that goes back through the exchange: which bundle an attempt's student may have, and one sent by staff.

Owns the choice (the newest released one) and the rows that `nbgrader release_feedback` makes.
The worker's own feedback is `grader.feedback`'s business.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cohorts.errors import Invalid, NotFound
from grader.exchange.names import parse_timestamp
from grader.models import Assignment, Attempt, Feedback
from grader.submissions import attempts_of

SAME_TIME = timedelta(milliseconds=1)


def released_feedback(session: Session, attempt_ids: Collection[int]) -> dict[int, Feedback]:
    """The newest released feedback of each attempt that has any."""
    found = select(Feedback).where(Feedback.attempt_id.in_(attempt_ids), Feedback.released_at.is_not(None))
    return {feedback.attempt_id: feedback for feedback in session.scalars(found.order_by(Feedback.id))}


def newest_feedback(session: Session, attempt_id: int) -> Feedback | None:
    """The newest feedback of an attempt, released or not: for staff."""
    found = select(Feedback).where(Feedback.attempt_id == attempt_id)
    return session.scalar(found.order_by(Feedback.id.desc()).limit(1))


def attempt_for_feedback(session: Session, assignment: Assignment, username: str, timestamp: str | None) -> Attempt:
    """The attempt that feedback belongs to: the one received at `timestamp`, or without that the student's latest."""
    attempts = attempts_of(session, assignment.id, username)
    if timestamp is not None:
        try:
            when = parse_timestamp(timestamp)
        except ValueError:
            raise Invalid(
                f"'{timestamp[:60]}' is no timestamp of the exchange; expected 2026-03-20 09:00:00.000000 UTC.",
                f"'{timestamp[:60]}'은(는) 제출 시각이 아닙니다. 2026-03-20 09:00:00.000000 UTC 형식이어야 합니다.",
            ) from None
        attempts = [attempt for attempt in attempts if abs(attempt.received_at - when) < SAME_TIME]
    if not attempts:
        at = f" at {timestamp}" if timestamp else ""
        raise NotFound(
            f"{username[:80]} handed in no attempt at {assignment.name}{at}. Collect and grade again, then release.",
            f"{username[:80]}이(가) {assignment.name}에 제출한 것{at}이 없습니다. 다시 수집하고 채점한 뒤 공개하세요.",
        )
    return attempts[-1]


def put_feedback(
    session: Session,
    attempt_id: int,
    *,
    sha256: str,
    size: int,
    score: float | None,
    max_score: float | None,
    needs_manual: bool,
    now: datetime,
) -> Feedback:
    """Release a stored bundle as the attempt's feedback; the very same one again stays as it is."""
    earlier = released_feedback(session, [attempt_id]).get(attempt_id)
    if earlier is not None and (earlier.sha256, earlier.score) == (sha256, score):
        return earlier
    feedback = Feedback(
        attempt_id=attempt_id,
        sha256=sha256,
        size=size,
        score=score,
        max_score=max_score,
        needs_manual=needs_manual,
        created_at=now,
        released_at=now,
    )
    session.add(feedback)
    session.flush()
    return feedback
