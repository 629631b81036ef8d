"""Points in time as people type them. Owns the reading of a form's date and time in a zone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from cohorts.errors import Invalid

FIRST_YEAR, LAST_YEAR = 2000, 2199


def read_moment(text: str, zone: str) -> datetime:
    """`2026-03-20T18:00` in `zone` (or with an offset of its own) as UTC; raises Invalid."""
    try:
        moment = datetime.fromisoformat(text.strip())
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise ValueError("a time that no course has, and some zones cannot show")
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except ValueError:
        raise Invalid(
            f"{text[:40]!r} is no date and time; write it as 2026-03-20T18:00.",
            f"{text[:40]!r}은(는) 날짜와 시각이 아닙니다. 2026-03-20T18:00처럼 쓰세요.",
        ) from None


def read_day(text: str) -> date:
    """`2026-03-02`; raises Invalid."""
    try:
        day = date.fromisoformat(text.strip())
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise ValueError("a day on which no course begins")
        return day
    except ValueError:
        raise Invalid(
            f"{text[:40]!r} is no date; write it as 2026-03-02.",
            f"{text[:40]!r}은(는) 날짜가 아닙니다. 2026-03-02처럼 쓰세요.",
        ) from None
