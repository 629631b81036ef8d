"""Kinds of values in a catalogue's files: how each is written in YAML, and what is refused.

A kind's `name` is what the reference documentation calls it. `read` gives the Python value or raises Refusal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

from courses.model import Text
from courses.problems import Refusal

NAME_PATTERN = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LONGEST_NAME = 64
IMAGE_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}")
TIME_PATTERN = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
DURATION_PATTERN = re.compile(r"(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?")


@dataclass(frozen=True)
class Kind:
    """A kind of value: the name it has in the documentation, and how it is read."""

    name: str
    read: Callable[[Any], Any]


def whole_number(least: int, most: int) -> Kind:
    """An integer from `least` to `most`."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Refusal(
                Text(f"{least}부터 {most}까지의 정수여야 합니다", f"must be a whole number from {least} to {most}"),
                Text("따옴표 없이 정수를 쓰세요", "write a whole number without quotes"),
            )
        return value

    return Kind("whole number", read)


def choice(*words: str) -> Kind:
    """One of `words`."""

    def read(value: Any) -> str:
        if value not in words:
            listed = ", ".join(words)
            raise Refusal(
                Text(f"다음 가운데 하나여야 합니다: {listed}", f"must be one of {listed}"),
                Text("그 가운데 하나로 바꾸세요", "change it to one of them"),
            )
        return str(value)

    return Kind(" or ".join(f"`{word}`" for word in words), read)


def or_null(kind: Kind) -> Kind:
    """`kind`, or null for none."""
    return Kind(f"{kind.name} or `null`", lambda value: None if value is None else kind.read(value))


def _line(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Refusal(
            Text("비어 있지 않은 글이어야 합니다", "must be a text that is not empty"),
            Text(
                "글을 쓰고, 숫자나 콜론이 있으면 따옴표로 감싸세요",
                "write a text, in quotes if it has digits or a colon",
            ),
        )
    return " ".join(value.split())


def _name(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_NAME or not NAME_PATTERN.fullmatch(value):
        raise Refusal(
            Text(
                f"소문자 a-z, 숫자, 그 사이의 '-'로 된 {LONGEST_NAME}자 이하의 이름이어야 합니다",
                f"must be a name of lower-case a-z, digits and '-' between them, at most {LONGEST_NAME} characters",
            ),
            Text("first-steps 같은 이름으로 바꾸세요", "rename it to something like first-steps"),
        )
    return value


def _image(value: Any) -> str:
    if not isinstance(value, str) or not IMAGE_PATTERN.fullmatch(value):
        raise Refusal(
            Text("컨테이너 이미지의 이름이어야 합니다", "must be the name of a container image"),
            Text("docker images에 나오는 대로 쓰세요", "write it as docker images shows it, such as torch:2026"),
        )
    return value


def _points(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise Refusal(
            Text("0보다 큰 수여야 합니다", "must be a number above 0"),
            Text("노트북의 배점을 모두 더한 값을 쓰세요", "write the sum of the notebooks' points"),
        )
    return float(value)


def _time(value: Any) -> time:
    match = TIME_PATTERN.fullmatch(value) if isinstance(value, str) else None
    if not match:
        fix = Text('"23:59"처럼 따옴표로 감싸서 쓰세요', 'write it as "23:59", in quotes')
        if isinstance(value, int) and not isinstance(value, bool):
            fix = Text(
                "따옴표로 감싸세요: YAML은 따옴표 없는 23:59를 1439라는 수로 읽습니다",
                "put it in quotes: YAML reads 23:59 without quotes as the number 1439",
            )
        raise Refusal(Text("00:00부터 23:59까지의 시각이어야 합니다", "must be a time from 00:00 to 23:59"), fix)
    return time(int(match[1]), int(match[2]))


def _duration(value: Any) -> timedelta:
    match = DURATION_PATTERN.fullmatch(value) if isinstance(value, str) and value else None
    if not match:
        raise Refusal(
            Text("90s, 10m, 1h30m처럼 쓴 길이여야 합니다", "must be a duration such as 90s, 10m or 1h30m"),
            Text("단위 h, m, s를 붙여 따옴표로 감싸 쓰세요", "write it with the units h, m and s, in quotes"),
        )
    return timedelta(**{unit: int(amount) for unit, amount in match.groupdict(default="0").items()})


def _time_limit(value: Any) -> timedelta:
    duration = _duration(value)
    if not timedelta(seconds=1) <= duration <= timedelta(hours=24):
        raise Refusal(
            Text("1s부터 24h까지여야 합니다", "must be from 1s to 24h"),
            Text("채점 한 번에 넉넉한 길이를 쓰세요", "write a length that is ample for one marking"),
        )
    return duration


def _grace(value: Any) -> timedelta:
    duration = _duration(value)
    if duration > timedelta(hours=12):
        raise Refusal(
            Text("12h까지여야 합니다", "must be at most 12h"),
            Text("더 길게 주려면 마감을 늦추세요", "set a later deadline for more time"),
        )
    return duration


LINE = Kind("text", _line)
NAME = Kind("name", _name)
IMAGE = Kind("image", _image)
POINTS = Kind("number", _points)
TIME_OF_DAY = Kind("time", _time)
DURATION = Kind("duration", _duration)
TIME_LIMIT = Kind("duration", _time_limit)
GRACE = Kind("duration", _grace)
