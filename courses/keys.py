"""The keys of `track.yaml` and `course.yaml`: name, kind, default. docs/reference/catalogue.md follows these tables."""

from __future__ import annotations

from courses.kinds import DURATION, GRACE, IMAGE, NAME, POINTS, TIME_LIMIT, TIME_OF_DAY, choice, or_null, whole_number
from courses.sections import TEXT, Key, Listing, Section

ATTEMPTS = Section(
    "attempts",
    (
        Key("limit", or_null(whole_number(1, 1000)), None),
        Key("cooldown", DURATION, "0s"),
        Key("counting", choice("latest", "best"), "latest"),
    ),
)

LATE = Section(
    "late",
    (
        Key("grace", GRACE, "0s"),
        Key("days", or_null(whole_number(0, 365)), 0),
        Key("percent_per_day", whole_number(0, 100), 0),
        Key("most_percent", whole_number(0, 100), 100),
    ),
)

ASSIGNMENT = Section(
    "assignment",
    (
        Key("key", NAME),
        Key("title", TEXT),
        Key("summary", TEXT),
        Key("due_days", whole_number(0, 3650)),
        Key("due_time", TIME_OF_DAY, "23:59"),
        Key("points", POINTS),
        Key("attempts", ATTEMPTS, {}),
        Key("late", LATE, {}),
        Key("feedback", choice("at-once", "manual"), "manual"),
        Key("hardware", or_null(NAME), None),
        Key("image", or_null(IMAGE), None),
        Key("time_limit", TIME_LIMIT, "2m"),
    ),
)

COURSE = Section(
    "course.yaml",
    (
        Key("title", TEXT),
        Key("summary", TEXT),
        Key("hours", whole_number(1, 10000)),
        Key("hardware", NAME, "cpu"),
        Key("image", or_null(IMAGE), None),
        Key("assignments", Listing("list of assignments", ASSIGNMENT)),
    ),
)

TRACK = Section(
    "track.yaml",
    (
        Key("title", TEXT),
        Key("summary", TEXT),
        Key("courses", Listing("list of names", NAME)),
    ),
)
