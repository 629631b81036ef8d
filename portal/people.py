"""Administrators by setting: the people that BITGOEUL_ADMINS names are known to the campus as administrators."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cohorts.database import Database
from cohorts.models import Person


def ensure_administrators(database: Database, usernames: Iterable[str], *, now: datetime) -> None:
    """Make each of `usernames` a person with administrator's rights; leaves everybody else as they are."""
    with database.write() as session:
        for username in usernames:
            person = session.get(Person, username)
            if person is None:
                session.add(Person(username=username, name=username, is_admin=True, created_at=now))
            else:
                person.is_admin = True
