"""Changing an assignment's policy: what a change would do, and doing it in one act.

A preview writes nothing. Applying writes the policy and asks the workers to mend every mark that no longer holds: the
gradebook of whoever counts with another penalty or another attempt, and the feedback of the attempts that don't count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cohorts.errors import Conflict
from grader.counting import Marked, counted, marked_attempts
from grader.gradebook import Mark
from grader.jobs import BACKGROUND, enqueue_feedback, enqueue_marking
from grader.lateness import Lateness, Step, penalty, schedule
from grader.models import Assignment
from grader.policies import Deadlines, Policy, deadlines, policy_of


@dataclass(frozen=True)
class Side:
    """A student's mark under one policy: the attempt that counts, how late it is, and what remains of its score."""

    number: int
    lateness: Lateness
    score: float
    max_score: float


@dataclass(frozen=True)
class Change:
    """A student whose mark, or whose counting attempt, would become another one."""

    username: str
    before: Side
    after: Side

    @property
    def difference(self) -> float:
        return round(self.after.score - self.before.score, 6)


@dataclass(frozen=True)
class Preview:
    """What a policy would do: what arriving when would mean, and whose mark would change. `marked`: how many have one.

    `base` names the policy that it was compared with.
    """

    policy: Policy
    steps: tuple[Step, ...]
    changes: tuple[Change, ...]
    marked: int
    base: str


def fingerprint(policy: Policy) -> str:
    """A short name for exactly this policy, so that a confirmation fits what was previewed."""
    return hashlib.sha256(repr(policy).encode()).hexdigest()[:16]


def preview_policy(
    session: Session, assignment: Assignment, policy: Policy, marks: Mapping[str, Mark] | None = None
) -> Preview:
    """What `policy` would do; nothing is written.

    `marks`, by student, are what the gradebook says of this assignment: with them, points given by a person count.
    """
    policy.check()
    now = deadlines(session, assignment)
    then = replace(now, policy=policy)
    marked = marked_attempts(session, assignment.id)
    changes = [change for mine in marked.values() if (change := _change(mine, now, then, marks or {})) is not None]
    return Preview(
        policy=policy,
        steps=tuple(schedule(policy.late, policy.due_at, now.zone)),
        changes=tuple(sorted(changes, key=lambda change: (change.difference, change.username))),
        marked=len(marked),
        base=fingerprint(now.policy),
    )


def apply_policy(
    session: Session, assignment: Assignment, policy: Policy, now: datetime, base: str | None = None
) -> int:
    """Let `policy` hold from now on; returns how many jobs mend what it changes.

    `base` is the one of the preview that was confirmed: Conflict if the policy has been changed since.
    """
    policy.check()
    hold_still(session, assignment)
    before = deadlines(session, assignment)
    if base is not None and base != fingerprint(before.policy):
        raise Conflict(
            "Somebody has changed these rules since your preview. Nothing was saved. Look at them and preview again.",
            "미리 보기 이후 다른 사람이 규칙을 바꿨습니다. 저장되지 않았습니다. 확인하고 다시 미리 보세요.",
        )
    assignment.due_at = policy.due_at
    assignment.attempt_limit = policy.attempt_limit
    assignment.cooldown_seconds = int(policy.cooldown.total_seconds())
    assignment.counting = policy.counting
    assignment.grace_seconds = int(policy.late.grace.total_seconds())
    assignment.accept_days_late = policy.late.days
    assignment.late_percent_per_day = policy.late.percent_per_day
    assignment.late_most_percent = policy.late.most_percent
    session.flush()
    return mend(session, assignment, before, now, priority=BACKGROUND)


def hold_still(session: Session, assignment: Assignment) -> None:
    """Keep markings that end meanwhile from using what is about to change; rereads the row."""
    held = select(Assignment).where(Assignment.id == assignment.id).with_for_update(key_share=True)
    session.execute(held.execution_options(populate_existing=True))


def mend(
    session: Session,
    assignment: Assignment,
    before: Deadlines,
    now: datetime,
    *,
    priority: int,
    username: str | None = None,
) -> int:
    """Queue what makes marks and feedback right again after policies or extensions changed; returns how many jobs."""
    after = replace(deadlines(session, assignment), policy=policy_of(assignment))
    queued = 0
    for mine in marked_attempts(session, assignment.id, username).values():
        was, counts = _counted(mine, before), _counted(mine, after)
        if counts.attempt.id != was.attempt.id:
            enqueue_marking(session, counts.attempt, now, priority)
            queued += 1
        for marked in mine:
            same = before.of(marked.attempt).percent == after.of(marked.attempt).percent
            if same or (marked is counts and counts is not was):
                continue
            if marked is counts:
                enqueue_feedback(session, marked.attempt, now)
            else:
                enqueue_marking(session, marked.attempt, now, BACKGROUND)
            queued += 1
    return queued


def _counted(mine: list[Marked], holding: Deadlines) -> Marked:
    standing = counted([marked.standing(holding) for marked in mine], holding.policy.counting)
    assert standing is not None  # a student is listed with the attempts that are marked
    return next(marked for marked in mine if marked.attempt.id == standing.attempt_id)


def _change(mine: list[Marked], now: Deadlines, then: Deadlines, marks: Mapping[str, Mark]) -> Change | None:
    was, counts = _counted(mine, now), _counted(mine, then)
    before, after = _side(was, now, marks), _side(counts, then, marks)
    same = (before.number, round(before.score, 6)) == (after.number, round(after.score, 6))
    return None if same else Change(was.attempt.username, before, after)


def _side(marked: Marked, holding: Deadlines, marks: Mapping[str, Mark]) -> Side:
    attempt, score, max_score = marked.attempt, marked.score, marked.max_score
    mark = marks.get(attempt.username)
    if mark is not None and mark.submitted_at == attempt.received_at:  # the one that stands in the gradebook
        score, max_score = mark.score + mark.penalty, mark.max_score
    late = holding.of(attempt)
    return Side(attempt.number, late, max(0.0, round(score - penalty(late.percent, max_score), 6)), max_score)
