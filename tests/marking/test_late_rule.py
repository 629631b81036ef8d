"""The rule for late work: how many days late, what goes off, until when, and how it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cohorts.errors import Invalid
from courses.model import Text
from grader.lateness import (
    Lateness,
    LateRule,
    Part,
    check_rule,
    closes_at,
    in_words,
    lateness,
    penalty,
    schedule,
    share_penalty,
)

SEOUL, BERLIN, NEW_YORK = "Asia/Seoul", "Europe/Berlin", "America/New_York"
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
DUE = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)
RULE = LateRule(grace=timedelta(minutes=10), days=3, percent_per_day=10)


def at(zone: str, *when: int) -> datetime:
    return datetime(*when, tzinfo=ZoneInfo(zone)).astimezone(UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("after", "days"),
    [
        (-DAY, 0),
        (timedelta(), 0),
        (timedelta(minutes=10), 0),
        (timedelta(minutes=10, microseconds=1), 1),
        (DAY, 1),
        (DAY + timedelta(microseconds=1), 2),
        (2 * DAY, 2),
        (2 * DAY + SECOND, 3),
        (3 * DAY, 3),
        (30 * DAY, 30),
    ],
    ids=[
        "a day before",
        "at the deadline",
        "grace's last moment",
        "after grace",
        "the first day's last moment",
        "the second day",
        "its last moment",
        "the third day",
        "the last day's last moment",
        "long after",
    ],
)
def test_each_started_day_counts_from_the_deadline(after: timedelta, days: int) -> None:
    assert lateness(RULE, DUE, DUE + after, SEOUL) == Lateness(days, min(10.0 * days, 100.0))


def test_without_a_deadline_nothing_is_late() -> None:
    assert lateness(RULE, None, DUE, SEOUL) == Lateness()
    assert closes_at(RULE, None, SEOUL) is None


@pytest.mark.parametrize(
    ("zone", "due", "still_first", "second"),
    [
        (SEOUL, (2026, 3, 28, 18, 0), (2026, 3, 29, 18, 0), (2026, 3, 29, 18, 0, 1)),
        (BERLIN, (2026, 3, 28, 18, 0), (2026, 3, 29, 18, 0), (2026, 3, 29, 18, 0, 1)),
        (BERLIN, (2026, 10, 24, 18, 0), (2026, 10, 25, 18, 0), (2026, 10, 25, 18, 0, 1)),
        (NEW_YORK, (2026, 3, 7, 23, 59), (2026, 3, 8, 23, 59), (2026, 3, 8, 23, 59, 1)),
        (NEW_YORK, (2026, 3, 7, 2, 30), (2026, 3, 8, 3, 30), (2026, 3, 8, 3, 31)),
    ],
    ids=["no change", "a day of 23 hours", "a day of 25 hours", "spring in New York", "a time that the day lacks"],
)
def test_a_day_ends_at_the_deadlines_time_of_day_where_clocks_change(
    zone: str, due: tuple[int, ...], still_first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    deadline = at(zone, *due)
    assert lateness(RULE, deadline, at(zone, *still_first), zone).days == 1
    assert lateness(RULE, deadline, at(zone, *second), zone).days == 2
    assert closes_at(LateRule(days=1), deadline, zone) == at(zone, *still_first)


@pytest.mark.parametrize(
    ("rule", "end"),
    [
        (LateRule(), timedelta()),
        (LateRule(grace=timedelta(minutes=10)), timedelta(minutes=10)),
        (RULE, 3 * DAY),
        (LateRule(days=None), None),
    ],
    ids=["not at all", "grace alone", "three days", "without end"],
)
def test_work_is_taken_until_the_cut_off(rule: LateRule, end: timedelta | None) -> None:
    assert closes_at(rule, DUE, SEOUL) == (None if end is None else DUE + end)


@pytest.mark.parametrize(
    ("rule", "days", "percent"),
    [
        (LateRule(days=9, percent_per_day=10), 3, 30),
        (LateRule(days=9, percent_per_day=10, most_percent=25), 3, 25),
        (LateRule(days=99, percent_per_day=7.5), 20, 100),
        (LateRule(days=9), 3, 0),
    ],
    ids=["per day", "capped", "never more than all", "free of charge"],
)
def test_what_days_take_off_grows_to_its_cap(rule: LateRule, days: int, percent: float) -> None:
    assert lateness(rule, DUE, DUE + days * DAY, SEOUL) == Lateness(days, percent)


def told(rule: LateRule) -> list[tuple[timedelta | None, float, bool]]:
    steps = schedule(rule, DUE, SEOUL)
    return [(step.until and step.until - DUE, step.lateness.percent, step.accepted) for step in steps]


def test_a_schedule_tells_every_step_to_the_end() -> None:
    minutes = timedelta(minutes=10)
    assert told(LateRule()) == [(timedelta(), 0, True), (None, 0, False)]
    expected = [(minutes, 0, True), (DAY, 10, True), (2 * DAY, 20, True), (3 * DAY, 30, True), (None, 0, False)]
    assert told(RULE) == expected
    capped = LateRule(days=None, percent_per_day=40, most_percent=50)
    assert told(capped) == [(timedelta(), 0, True), (DAY, 40, True), (None, 50, True)]
    assert told(LateRule(days=5)) == [(timedelta(), 0, True), (5 * DAY, 0, True), (None, 0, False)]


def test_a_schedule_agrees_with_the_arithmetic_at_every_boundary() -> None:
    for step in schedule(RULE, DUE, BERLIN):
        if step.until is not None:
            assert lateness(RULE, DUE, step.until, BERLIN) == step.lateness


@pytest.mark.parametrize(
    ("rule", "korean", "english"),
    [
        (LateRule(), "마감 후에는 받지 않습니다.", "Nothing is accepted after the deadline."),
        (
            LateRule(days=3, percent_per_day=10),
            "마감 후 하루에 10 % 감점, 3일 뒤에는 받지 않습니다.",
            "10 % off for each day or part of a day after the deadline; "
            "nothing is accepted later than 3 days after it.",
        ),
        (
            LateRule(grace=timedelta(minutes=90), days=None, percent_per_day=2.5, most_percent=50),
            "마감 후 1시간 30분까지는 제시간으로 봅니다. "
            "마감 후 하루에 2.5 % 감점(최대 50 %), 끝나는 때 없이 받습니다.",
            "Up to 1 hour 30 minutes after the deadline counts as on time. "
            "2.5 % off for each day or part of a day after the deadline (at most 50 %); accepted without end.",
        ),
    ],
    ids=["none", "per day", "all of it"],
)
def test_a_rule_is_told_in_words(rule: LateRule, korean: str, english: str) -> None:
    assert in_words(rule) == Text(korean, english)


@pytest.mark.parametrize(
    "rule",
    [
        LateRule(grace=-SECOND),
        LateRule(grace=timedelta(hours=12, seconds=1)),
        LateRule(days=-1),
        LateRule(days=366),
        LateRule(percent_per_day=-1),
        LateRule(percent_per_day=101),
        LateRule(most_percent=float("nan")),
    ],
    ids=["negative grace", "long grace", "negative days", "more than a year", "a gift", "more than all", "no number"],
)
def test_numbers_that_make_no_rule_are_refused(rule: LateRule) -> None:
    with pytest.raises(Invalid) as caught:
        check_rule(rule)
    assert caught.value.message != caught.value.korean


@pytest.mark.parametrize(
    ("percent", "parts", "expected"),
    [
        (20, [Part(8, 10)], [2]),
        (20, [Part(1, 10)], [1]),
        (20, [Part(1, 10, waiting=4)], [2]),
        (20, [Part(1, 10, waiting=0.5)], [1.5]),
        (20, [Part(10, 10), Part(0, 10)], [4, 0]),
        (20, [Part(8, 10), Part(8, 10)], [2, 2]),
        (20, [Part(3, 10), Part(0, 10, waiting=10)], [3, 1]),
        (50, [Part(1, 10), Part(1, 10)], [1, 1]),
        (0, [Part(5, 10)], [0]),
        (10, [], []),
    ],
    ids=[
        *("of all points", "never below zero", "room where a person is yet to grade", "but no more than that"),
        *(
            "one notebook pays for the other",
            "each its own",
            "what waits comes last",
            "all there is",
            "nothing",
            "none",
        ),
    ],
)
def test_a_penalty_is_of_all_points_and_never_more_than_there_is(
    percent: float, parts: list[Part], expected: list[float]
) -> None:
    assert share_penalty(percent, parts) == expected


def test_points_off_show_no_trace_of_binary_fractions() -> None:
    assert penalty(10, 23) == 2.3
    assert penalty(30, 1.1) == 0.33
