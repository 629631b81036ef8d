"""Late work as arithmetic: how many days late, what that takes off, until when work is taken.

Pure: times and numbers in, values out; `policies` knows the rows they come from. A day of lateness ends at the
deadline's time of day in the cohort's zone, so a day in which clocks change has 23 or 25 hours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cohorts.errors import Invalid
from courses.model import Text

MOST_GRACE = timedelta(hours=12)
MOST_DAYS = 365
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class LateRule:
    """What becomes of work that arrives after the deadline.

    Until `grace` is over it is on time. `days`: for how many days after the deadline late work is taken, 0 for not at
    all, None for without end. Each started day, counted from the deadline, takes `percent_per_day` of the
    assignment's points off, never more than `most_percent`.
    """

    grace: timedelta = timedelta()
    days: int | None = 0
    percent_per_day: float = 0.0
    most_percent: float = 100.0


@dataclass(frozen=True)
class Lateness:
    """How late an attempt is: started days after the deadline, and what they take off, in percent of the points."""

    days: int = 0
    percent: float = 0.0

    @property
    def late(self) -> bool:
        return self.days > 0


@dataclass(frozen=True)
class Step:
    """From the step before it until `until` (None: for ever) work is taken with `percent` off, or not at all."""

    until: datetime | None
    lateness: Lateness
    accepted: bool = True


ON_TIME = Lateness()


def lateness(rule: LateRule, due_at: datetime | None, received_at: datetime, zone: str) -> Lateness:
    """How late work is that arrived at `received_at`, whether or not it would have been taken."""
    if due_at is None or received_at <= due_at + rule.grace:
        return ON_TIME
    days = max(1, math.ceil((received_at - due_at) / ONE_DAY) - 1)  # a day with 25 hours may still not be over
    while received_at > days_after(due_at, days, zone):
        days += 1
    return Lateness(days, percent_off(rule, days))


def percent_off(rule: LateRule, days: int) -> float:
    """What `days` started days take off, in percent of the assignment's points."""
    return min(days * rule.percent_per_day, rule.most_percent, 100.0)


def closes_at(rule: LateRule, due_at: datetime | None, zone: str) -> datetime | None:
    """The last moment at which work is taken; None where there is none."""
    if due_at is None or rule.days is None:
        return None
    return max(due_at + rule.grace, days_after(due_at, rule.days, zone))


def days_after(due_at: datetime, days: int, zone: str) -> datetime:
    """The same time of day, `days` days later, by the clocks of `zone`."""
    if days == 0:
        return due_at
    return (due_at.astimezone(ZoneInfo(zone)) + timedelta(days=days)).astimezone(UTC)


def schedule(rule: LateRule, due_at: datetime | None, zone: str) -> list[Step]:
    """What arriving when means, from before the deadline to the end; days that take off the same are one step."""
    if due_at is None:
        return [Step(None, ON_TIME)]
    end = closes_at(rule, due_at, zone)
    steps = [Step(due_at + rule.grace, ON_TIME)]
    day = 0
    while end is None or (steps[-1].until or due_at) < end:
        day += 1
        until = days_after(due_at, day, zone)
        if until <= due_at + rule.grace:
            continue
        late = Lateness(day, percent_off(rule, day))
        settled = percent_off(rule, day + 1) == late.percent
        if settled:
            steps.append(Step(end, late))
            break
        steps.append(Step(until, late))
    if end is not None:
        steps.append(Step(None, ON_TIME, accepted=False))
    return steps


def penalty(percent: float, max_score: float) -> float:
    """`percent` of `max_score`, in points; rounded so that no trace of binary fractions shows."""
    return round(percent * max_score / 100.0, 6)


@dataclass(frozen=True)
class Part:
    """One notebook's share of the points: what it has, can have, and may still get from a person."""

    score: float
    max_score: float
    waiting: float = 0.0


def share_penalty(percent: float, parts: Sequence[Part]) -> list[float]:
    """The points that lateness takes off each part.

    Together they are `percent` of all points, but never more than there is to take: no mark falls below zero. Points
    that a person has yet to give are reached last, so that the mark is right as soon as they are given.
    """
    left = penalty(percent, sum(part.max_score for part in parts))
    taken = [min(part.score, penalty(percent, part.max_score)) for part in parts]
    left -= sum(taken)
    for room in ([part.score for part in parts], [part.score + part.waiting for part in parts]):
        free = [max(0.0, most - has) for most, has in zip(room, taken, strict=True)]
        share = min(1.0, left / sum(free)) if left > 0 and sum(free) > 0 else 0.0
        taken = [has + share * part for has, part in zip(taken, free, strict=True)]
        left -= share * sum(free)
    return [round(points, 6) for points in taken]


def check_rule(rule: LateRule) -> None:
    """Refuse numbers that make no rule."""
    if not timedelta() <= rule.grace <= MOST_GRACE:
        raise Invalid(
            "The grace period must be between 0 and 720 minutes. For more time, move the deadline.",
            "유예 시간은 0분부터 720분까지입니다. 더 길게 주려면 마감을 옮기세요.",
        )
    if rule.days is not None and not 0 <= rule.days <= MOST_DAYS:
        raise Invalid(
            f"Late work can be accepted for 0 to {MOST_DAYS} days, not {rule.days}. Choose a number in between.",
            f"지각 제출은 0일부터 {MOST_DAYS}일까지 받을 수 있습니다({rule.days}일은 안 됩니다). "
            "그 사이의 날수를 고르세요.",
        )
    for percent in (rule.percent_per_day, rule.most_percent):
        if not 0 <= percent <= 100:  # also refuses NaN
            raise Invalid(
                f"A penalty must be between 0 and 100 percent of the points, not {percent:g}. Choose one in between.",
                f"감점은 배점의 0 %부터 100 %까지입니다({percent:g} %는 안 됩니다). 그 사이의 값을 고르세요.",
            )


def in_words(rule: LateRule) -> Text:
    """The rule as a student reads it, in a sentence or two."""
    korean, english = [], []
    if rule.grace:
        korean.append(f"마감 후 {_span_ko(rule.grace)}까지는 제시간으로 봅니다.")
        english.append(f"Up to {_span_en(rule.grace)} after the deadline counts as on time.")
    if rule.days == 0:
        korean.append("그 뒤에는 받지 않습니다." if rule.grace else "마감 후에는 받지 않습니다.")
        english.append("Nothing is accepted after that." if rule.grace else "Nothing is accepted after the deadline.")
        return Text(" ".join(korean), " ".join(english))
    if percent_off(rule, 1) == 0:
        price = Text("마감 후에는 감점 없이 지각으로 표시", "After the deadline work is marked late, without a penalty")
    else:
        capped = rule.most_percent < 100
        price = Text(
            f"마감 후 하루에 {rule.percent_per_day:g} % 감점" + (f"(최대 {rule.most_percent:g} %)" if capped else ""),
            f"{rule.percent_per_day:g} % off for each day or part of a day after the deadline"
            + (f" (at most {rule.most_percent:g} %)" if capped else ""),
        )
    if rule.days is None:
        korean.append(f"{price.ko}, 끝나는 때 없이 받습니다.")
        english.append(f"{price.en}; accepted without end.")
    else:
        plural = "" if rule.days == 1 else "s"
        korean.append(f"{price.ko}, {rule.days}일 뒤에는 받지 않습니다.")
        english.append(f"{price.en}; nothing is accepted later than {rule.days} day{plural} after it.")
    return Text(" ".join(korean), " ".join(english))


def _span_ko(length: timedelta) -> str:
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "시간"), (minutes, "분"), (seconds, "초")]
    return " ".join(f"{amount}{unit}" for amount, unit in parts if amount)


def _span_en(length: timedelta) -> str:
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "hour"), (minutes, "minute"), (seconds, "second")]
    return " ".join(f"{amount} {unit}{'' if amount == 1 else 's'}" for amount, unit in parts if amount)
