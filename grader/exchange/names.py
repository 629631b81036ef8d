"""Names and times that both ends of the exchange write the same way."""

from __future__ import annotations

import re
from datetime import UTC, datetime

ASSIGNMENT_NAME = re.compile(r"\w[\w .\-]{0,127}")
"""nbgrader refuses '+'; the rest keeps a name one folder on any file system."""

TIMESTAMP = "%Y-%m-%d %H:%M:%S.%f UTC"
"""nbgrader's own format of `timestamp.txt`, always in UTC: zone names such as KST are read back wrongly."""


def timestamp(when: datetime) -> str:
    """`when` as nbgrader writes it in `timestamp.txt` and names feedback folders."""
    return when.astimezone(UTC).strftime(TIMESTAMP)


def parse_timestamp(text: str) -> datetime:
    """The time in a `timestamp.txt` that the exchange wrote; ValueError for any other text."""
    return datetime.strptime(text.strip(), TIMESTAMP).replace(tzinfo=UTC)
