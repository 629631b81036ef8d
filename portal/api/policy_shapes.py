"""What the API sends and takes of an assignment's policy. Texts come in both languages, times with offset."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from grader.lateness import LateRule, Step, in_words
from grader.models import Counting
from grader.policies import Policy
from grader.policy_changes import Change, Preview, Side, fingerprint
from portal.api.exchange_shapes import Text
from portal.moments import read_moment


class PolicyShape(BaseModel):
    """What holds about handing in an assignment.

    `accept_days_late`: for how many days after the deadline late work is taken, 0 for not at all, null for without end.
    `base` names exactly this policy.
    """

    due_at: datetime | None
    attempt_limit: int | None
    cooldown_seconds: int
    counting: Counting
    grace_seconds: int
    accept_days_late: int | None
    late_percent_per_day: float
    late_most_percent: float
    late_rule: Text
    base: str

    @classmethod
    def of(cls, policy: Policy) -> PolicyShape:
        words = in_words(policy.late)
        return cls(
            due_at=policy.due_at,
            attempt_limit=policy.attempt_limit,
            cooldown_seconds=int(policy.cooldown.total_seconds()),
            counting=policy.counting,
            grace_seconds=int(policy.late.grace.total_seconds()),
            accept_days_late=policy.late.days,
            late_percent_per_day=policy.late.percent_per_day,
            late_most_percent=policy.late.most_percent,
            late_rule=Text(ko=words.ko, en=words.en),
            base=fingerprint(policy),
        )


class PolicyChange(BaseModel):
    """What is to become another; what is left out stays. Without an offset the deadline is a time of the cohort's zone.

    With the `base` of a preview nothing is saved if somebody else has changed the policy since.
    """

    due_at: str | None = Field(None, max_length=40, examples=["2026-03-20T18:00"])
    attempt_limit: int | None = None
    cooldown_seconds: int = 0
    counting: Counting = Counting.LATEST
    grace_seconds: int = 0
    accept_days_late: int | None = 0
    late_percent_per_day: float = 0.0
    late_most_percent: float = 100.0
    base: str | None = Field(None, max_length=64)

    def applied_to(self, policy: Policy, zone: str) -> Policy:
        """The policy that comes of it. Raises Invalid."""
        new = {name: getattr(self, name) for name in self.model_fields_set}
        due_at = policy.due_at
        if "due_at" in new:
            due_at = None if self.due_at is None else read_moment(self.due_at, zone)
        made = Policy(
            due_at=due_at,
            attempt_limit=new.get("attempt_limit", policy.attempt_limit),
            cooldown=_seconds(new.get("cooldown_seconds"), policy.cooldown),
            counting=new.get("counting", policy.counting),
            late=LateRule(
                grace=_seconds(new.get("grace_seconds"), policy.late.grace),
                days=new.get("accept_days_late", policy.late.days),
                percent_per_day=new.get("late_percent_per_day", policy.late.percent_per_day),
                most_percent=new.get("late_most_percent", policy.late.most_percent),
            ),
        )
        made.check()
        return made


class PolicyQuestion(PolicyChange):
    """A change to be tried; with `at`, also what a submission at that time would lose."""

    at: str | None = Field(None, max_length=40, examples=["2026-03-21T09:00"])


class StepShape(BaseModel):
    """What arriving after the step before, and until `until` (null: for ever), means."""

    until: datetime | None
    accepted: bool
    days_late: int
    penalty_percent: float

    @classmethod
    def of(cls, step: Step) -> StepShape:
        return cls(
            until=step.until,
            accepted=step.accepted,
            days_late=step.lateness.days,
            penalty_percent=step.lateness.percent,
        )


class AnswerShape(BaseModel):
    """What a submission at `at` would be worth."""

    at: datetime
    accepted: bool
    days_late: int
    penalty_percent: float


class SideShape(BaseModel):
    """A mark, and the attempt that it comes from."""

    attempt: int
    days_late: int
    penalty_percent: float
    score: float
    max_score: float

    @classmethod
    def of(cls, side: Side) -> SideShape:
        return cls(
            attempt=side.number,
            days_late=side.lateness.days,
            penalty_percent=side.lateness.percent,
            score=side.score,
            max_score=side.max_score,
        )


class ChangeShape(BaseModel):
    """A student whose mark, or counting attempt, would become another one."""

    username: str
    before: SideShape
    after: SideShape
    difference: float

    @classmethod
    def of(cls, change: Change) -> ChangeShape:
        return cls(
            username=change.username,
            before=SideShape.of(change.before),
            after=SideShape.of(change.after),
            difference=change.difference,
        )


class PreviewShape(BaseModel):
    """What a policy would do. Nothing has been saved; `base` goes with the change that confirms it."""

    policy: PolicyShape
    steps: list[StepShape]
    answer: AnswerShape | None
    changes: list[ChangeShape]
    marked: int
    base: str

    @classmethod
    def of(cls, preview: Preview, answer: AnswerShape | None) -> PreviewShape:
        return cls(
            policy=PolicyShape.of(preview.policy),
            steps=[StepShape.of(step) for step in preview.steps],
            answer=answer,
            changes=[ChangeShape.of(change) for change in preview.changes],
            marked=preview.marked,
            base=preview.base,
        )


class PolicySaved(BaseModel):
    """The policy that holds now, and how many markings mend what it changes."""

    policy: PolicyShape
    queued: int


def _seconds(given: int | None, otherwise: timedelta) -> timedelta:
    """Any number of seconds, so that the policy's own check refuses what is too much."""
    return otherwise if given is None else timedelta(seconds=max(-1, min(given, 10**9)))
