"""What the API sends a learner of where they stand. A score is there once its feedback is released."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from portal.standing import AttemptStanding, Standing, State


class AttemptShape(BaseModel):
    """An attempt and its receipt, as its student sees it."""

    id: int
    number: int
    received_at: datetime
    sha256: str
    size: int
    late: bool
    days_late: int
    penalty_percent: float
    state: State
    score: float | None
    max_score: float | None
    has_feedback: bool

    @classmethod
    def of(cls, attempt: AttemptStanding) -> AttemptShape:
        return cls(
            id=attempt.id,
            number=attempt.number,
            received_at=attempt.received_at,
            sha256=attempt.sha256,
            size=attempt.size,
            late=attempt.late,
            days_late=attempt.lateness.days,
            penalty_percent=attempt.lateness.percent,
            state=attempt.state,
            score=attempt.score,
            max_score=attempt.max_score,
            has_feedback=attempt.has_feedback,
        )


class StandingShape(BaseModel):
    """Where the caller stands with an assignment.

    Work is taken until `closes_at`; now with `penalty_percent_now` of the points off.
    """

    offering_id: str
    name: str
    title_ko: str
    title_en: str
    state: State
    due_at: datetime | None
    extended: bool
    closes_at: datetime | None
    penalty_percent_now: float
    may_submit: bool
    attempts_left: int | None
    counted_attempt: int | None
    attempts: list[AttemptShape]

    @classmethod
    def of(cls, work: Standing) -> StandingShape:
        return cls(
            offering_id=work.assignment.offering_id,
            name=work.assignment.name,
            title_ko=work.assignment.title_ko,
            title_en=work.assignment.title_en,
            state=work.state,
            due_at=work.due_at,
            extended=work.extended,
            closes_at=work.closes_at,
            penalty_percent_now=work.late_now.percent,
            may_submit=work.may_submit,
            attempts_left=work.attempts_left,
            counted_attempt=work.counted.number if work.counted else None,
            attempts=[AttemptShape.of(attempt) for attempt in work.attempts],
        )
