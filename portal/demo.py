"""The demonstration: passwords derived from one secret, so nothing is stored, and the people who come with it.

Never used with a real sign-in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from cohorts.database import Database
from cohorts.models import Cohort, Membership, MembershipState, Person, Role
from cohorts.people import ensure_membership, ensure_person
from courses.catalogue import load_catalogue
from courses.model import Catalogue
from grader.storage import Storage
from portal.campus import open_cohort
from portal.settings import PortalSettings

TRACK = "job-conversion"
ADMINISTRATOR = ("admin", "김하늘")
INSTRUCTORS = (("prof-lee", "이서연"), ("prof-park", "박준호"))
STUDENTS = (
    ("minji", "김민지"),
    ("dohyun", "정도현"),
    ("seoyeon", "최서연"),
    ("jihoon", "강지훈"),
    ("yuna", "윤유나"),
    ("haneul", "한하늘"),
)
ROLE_KO = {Role.STUDENT: "학생", Role.ASSISTANT: "조교", Role.INSTRUCTOR: "강사"}


@dataclass(frozen=True)
class DemoPerson:
    """Somebody to sign in as."""

    username: str
    name: str
    role_ko: str
    password: str


@dataclass(frozen=True)
class SeedHouse:
    """What opening a cohort needs, before any portal runs."""

    settings: PortalSettings
    database: Database
    storage: Storage
    catalogue: Catalogue


def demo_password(secret_hex: str, username: str) -> str:
    """The password of `username`, as `xxxx-xxxx-xxxx`: 60 bits of HMAC-SHA256 in base32.

    The hub computes the same in `hub_config.auth`; a test holds the two together.
    """
    digest = hmac.new(bytes.fromhex(secret_hex), username.encode(), hashlib.sha256).digest()
    text = base64.b32encode(digest).decode().lower()[:12]
    return "-".join(text[i : i + 4] for i in range(0, 12, 4))


def demo_people(database: Database, settings: PortalSettings) -> list[DemoPerson]:
    """Everybody who may sign in, administrators first, then staff, then students."""
    order = {Role.INSTRUCTOR: 1, Role.ASSISTANT: 2, Role.STUDENT: 3}
    with database.read() as session:
        rows = session.execute(
            select(Person, Membership.role)
            .outerjoin(
                Membership,
                (Membership.username == Person.username) & (Membership.state == MembershipState.ACTIVE),
            )
            .where(Person.is_admin | Membership.id.is_not(None))
        ).all()
    first: dict[str, tuple[int, DemoPerson]] = {}
    for person, role in rows:
        rank = 0 if person.is_admin else order[role]
        word = "관리자" if person.is_admin else ROLE_KO[role]
        seen = first.get(person.username)
        if seen is None or rank < seen[0]:
            password = demo_password(settings.demo_secret, person.username)
            first[person.username] = (rank, DemoPerson(person.username, person.name, word, password))
    return [person for _, person in sorted(first.values(), key=lambda item: (item[0], item[1].username))]


def seed_demonstration(database: Database, settings: PortalSettings, *, now: datetime) -> bool:
    """A cohort on the job-conversion track with its people, when nobody belongs to one yet; True when it was made.

    Interrupted between its steps, it goes on with the next one when it is called again.
    """
    catalogue = load_catalogue(settings.courses)
    today = now.astimezone(ZoneInfo(settings.timezone)).date()
    monday = today - timedelta(days=today.weekday())
    cohort_id = f"jc-{monday.year}-1"
    with database.read() as session:
        if session.scalar(select(func.count()).select_from(Membership)):
            return False
        opened = session.get(Cohort, cohort_id) is not None
    if not opened:
        house = SeedHouse(settings, database, Storage(settings.storage), catalogue)
        title = f"직무전환 {monday.year}년 1기"
        open_cohort(house, cohort_id=cohort_id, track=TRACK, starts_on=monday, title=title, now=now)
    with database.write() as session:
        username, name = ADMINISTRATOR
        ensure_person(session, username=username, name=name, is_admin=True, now=now)
        for people, role in ((INSTRUCTORS, Role.INSTRUCTOR), (STUDENTS, Role.STUDENT)):
            for username, name in people:
                ensure_person(session, username=username, name=name, now=now)
                ensure_membership(session, cohort_id, username, role, now)
    return True
