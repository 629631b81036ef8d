"""GPU hours a person may use outside of class in a week that begins on Monday in the cohort's zone. Owns no use."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from gpus.usage import used_since


def week_of(now: datetime, timezone: str) -> tuple[datetime, datetime]:
    """The Monday midnights around `now`, as points in time."""
    local = now.astimezone(ZoneInfo(timezone))
    monday = (local - timedelta(days=local.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    return monday, (monday + timedelta(days=7))


def seconds_left(
    session: Session, username: str, timezone: str, weekly_hours: float | None, now: datetime
) -> float | None:
    """GPU seconds left to the person this week, never below 0; None where there is no limit."""
    if weekly_hours is None:
        return None
    since, _ = week_of(now, timezone)
    return max(0.0, weekly_hours * 3600 - used_since(session, username, since))
