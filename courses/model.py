"""What a catalogue is made of: tracks, courses and assignments, as values.

Owns no file and no clock: `courses.catalogue` reads the values from a folder, and a cohort's start date makes deadlines
of `due_days` and `due_time`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Literal, TypeVar

Counting = Literal["latest", "best"]
FeedbackWhen = Literal["at-once", "manual"]


@dataclass(frozen=True)
class Text:
    """A text people read, in Korean and in English."""

    ko: str
    en: str

    def in_(self, locale: str) -> str:
        """The text in `locale` ("ko", "ko_KR", "en", ...); Korean where the campus doesn't speak the language."""
        return self.en if locale.lower().startswith("en") else self.ko


@dataclass(frozen=True)
class AttemptPolicy:
    """How often a student may submit (`limit` None: as often as wanted), how long apart, and which attempt counts."""

    limit: int | None
    cooldown: timedelta
    counting: Counting


@dataclass(frozen=True)
class LatePolicy:
    """What becomes of late work: on time until `grace` is over, then taken for `days` days (None: without end).

    Each started day takes `percent_per_day` of the points off, at most `most_percent`.
    """

    grace: timedelta = timedelta()
    days: int | None = 0
    percent_per_day: float = 0
    most_percent: float = 100


@dataclass(frozen=True)
class Assignment:
    """Work handed out in a course. `key` is nbgrader's assignment id, `path` its folder below `source/`.

    It is due at `due_time` of the cohort's zone, `due_days` days after the day the offering starts (0: on that day).
    `points` is what its notebooks add up to, `time_limit` what one marking may take. `image` is the container
    image it is marked in, None for the campus's own Python.
    """

    key: str
    title: Text
    summary: Text
    due_days: int
    due_time: time
    points: float
    attempts: AttemptPolicy
    feedback: FeedbackWhen
    hardware: str
    time_limit: timedelta
    path: Path
    late: LatePolicy = LatePolicy()
    image: str | None = None


@dataclass(frozen=True)
class Course:
    """What is taught. `path` is an nbgrader course directory; `assignments` are in the order they are due."""

    key: str
    track: str
    title: Text
    summary: Text
    hours: int
    hardware: str
    assignments: tuple[Assignment, ...]
    path: Path

    @property
    def points(self) -> float:
        """What all assignments add up to."""
        return sum(assignment.points for assignment in self.assignments)

    def assignment(self, key: str) -> Assignment:
        """The assignment called `key`. KeyError, with what there is, if there is none."""
        return _named(key, self.assignments, f"course {self.key!r} has no assignment")


@dataclass(frozen=True)
class Track:
    """A way through training: the courses that one cohort takes, in order."""

    key: str
    title: Text
    summary: Text
    courses: tuple[Course, ...]

    def course(self, key: str) -> Course:
        """The course called `key`. KeyError, with what there is, if there is none."""
        return _named(key, self.courses, f"track {self.key!r} has no course")


@dataclass(frozen=True)
class Catalogue:
    """Everything that can be taught here."""

    tracks: tuple[Track, ...]

    def track(self, key: str) -> Track:
        """The track called `key`. KeyError, with what there is, if there is none."""
        return _named(key, self.tracks, "the catalogue has no track")

    def course(self, track: str, key: str) -> Course:
        """The course `key` of `track`. KeyError, with what there is, if there is none."""
        return self.track(track).course(key)


Value = TypeVar("Value", Assignment, Course, Track)


def _named(key: str, values: tuple[Value, ...], complaint: str) -> Value:
    for value in values:
        if value.key == key:
            return value
    raise KeyError(f"{complaint} {key!r}; there is: {', '.join(value.key for value in values) or 'nothing'}")
