"""People the campus knows and what they are in a cohort. Owns the rules for usernames; deletes nobody.

A username is the hub's user name, nbgrader's student id and the name of a home folder at once, so it has to suit all
three: the hub lower-cases names, nbgrader puts them into paths and glob patterns, and `grading-<offering>` belongs to
servers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cohorts.errors import Invalid, NotFound
from cohorts.models import Cohort, Membership, MembershipState, Person, Role

USERNAME_BYTES = 128  # a Korean letter takes three; file systems allow 255 for a folder's name
NAME_LENGTH = 100
EMAIL_LENGTH = 254  # https://www.rfc-editor.org/errata/eid1690
GRADING_PREFIX = "grading-"
MARKS = "._-@+"
RESERVED = frozenset({"bitgoeul", "campus", "grader", "hub", "nobody", "portal", "root", "services", "system"})
EMAIL = re.compile(r"[^\s@<>()\[\]\\,;:\"]+@[^\s@<>()\[\]\\,;:\"_]+\.[^\s@<>()\[\]\\,;:\"._]{2,}")


def normalise_username(text: str) -> str:
    """`text` as the hub would store it: composed, full-width letters made plain, outer blanks gone, lower case."""
    return unicodedata.normalize("NFKC", text).strip().lower()


def check_username(text: str) -> str:
    """The normalised username; raises Invalid with the rule it breaks."""
    name = normalise_username(text)
    if not name:
        raise Invalid("The username is missing.", "아이디가 없습니다.")
    wrong = sorted({letter for letter in name if not (letter.isalnum() or letter in MARKS)})
    if wrong:
        shown = " ".join(repr(letter) for letter in wrong[:5])
        raise Invalid(
            f"The username {name!r} contains {shown}; letters, digits and . _ - @ + are allowed.",
            f"아이디 {name!r}에 쓸 수 없는 문자 {shown}이(가) 있습니다. 글자, 숫자와 . _ - @ +만 쓸 수 있습니다.",
        )
    if len(name.encode()) > USERNAME_BYTES:
        raise Invalid(
            f"The username {name[:20]!r}… is too long: at most {USERNAME_BYTES} bytes of UTF-8 are allowed.",
            f"아이디 {name[:20]!r}…이(가) 너무 깁니다. UTF-8로 {USERNAME_BYTES}바이트까지 쓸 수 있습니다.",
        )
    if not name[0].isalnum():
        raise Invalid(
            f"The username {name!r} starts with {name[0]!r}; it must start with a letter or a digit.",
            f"아이디 {name!r}이(가) {name[0]!r}(으)로 시작합니다. 글자나 숫자로 시작해야 합니다.",
        )
    if name in RESERVED or name.startswith(GRADING_PREFIX):
        raise Invalid(
            f"The username {name!r} is reserved for the campus itself; choose another one.",
            f"아이디 {name!r}은(는) 시스템이 쓰는 이름입니다. 다른 아이디를 정해 주세요.",
        )
    return name


def check_name(text: str) -> str:
    """A person's name with single blanks; raises Invalid when it is missing, too long or holds control characters."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name:
        raise Invalid("The name is missing.", "이름이 없습니다.")
    if len(name) > NAME_LENGTH:
        raise Invalid(
            f"The name {name[:20]!r}… is too long: at most {NAME_LENGTH} characters are allowed.",
            f"이름 {name[:20]!r}…이(가) 너무 깁니다. {NAME_LENGTH}자까지 쓸 수 있습니다.",
        )
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Co", "Cn") for letter in name):
        raise Invalid(
            f"The name {name!r} holds characters that can't be shown; type it anew.",
            f"이름 {name!r}에 표시할 수 없는 문자가 있습니다. 다시 입력해 주세요.",
        )
    return name


def check_email(text: str | None) -> str | None:
    """The address in lower case, None for a blank one; raises Invalid when it is none."""
    email = unicodedata.normalize("NFKC", text or "").strip().lower()
    if not email:
        return None
    if len(email) > EMAIL_LENGTH or ".." in email or not EMAIL.fullmatch(email):
        shown = email if len(email) <= 60 else email[:60] + "…"
        raise Invalid(
            f"{shown!r} is not an email address; it should look like name@example.kr.",
            f"{shown!r}은(는) 이메일 주소가 아닙니다. name@example.kr 같은 형식이어야 합니다.",
        )
    return email


def ensure_person(
    session: Session,
    *,
    username: str,
    name: str,
    email: str | None = None,
    locale: str = "ko",
    is_admin: bool = False,
    now: datetime,
) -> Person:
    """The person `username`, made or brought up to date.

    A known person keeps their language, an email that isn't given anew, and administrator rights: this function grants
    those but never takes them away.
    """
    username, name, email = check_username(username), check_name(name), check_email(email)
    person = session.get(Person, username)
    if person is None:
        person = Person(username=username, name=name, email=email, locale=locale, is_admin=is_admin, created_at=now)
        session.add(person)
        session.flush()
        return person
    person.name = name
    person.email = email or person.email
    person.is_admin = person.is_admin or is_admin
    session.flush()
    return person


def ensure_administrators(session: Session, usernames: Iterable[str], *, now: datetime) -> list[Person]:
    """Make everybody in `usernames` (a setting) an administrator; new ones are named by their username."""
    people = []
    for text in usernames:
        username = check_username(text)
        known = session.get(Person, username)
        name = known.name if known else username
        people.append(ensure_person(session, username=username, name=name, is_admin=True, now=now))
    return people


def ensure_membership(session: Session, cohort_id: str, username: str, role: Role, now: datetime) -> Membership:
    """Make `username` an active `role` of the cohort; somebody who had withdrawn returns to their old row."""
    if session.get(Cohort, cohort_id) is None:
        raise NotFound(f"There is no cohort {cohort_id!r}.", f"{cohort_id!r} 기수가 없습니다.")
    username = normalise_username(username)
    if session.get(Person, username) is None:
        raise NotFound(f"The campus knows nobody called {username!r}.", f"{username!r} 사용자를 찾을 수 없습니다.")
    membership = find_membership(session, cohort_id, username)
    if membership is None:
        membership = Membership(
            cohort_id=cohort_id,
            username=username,
            role=role,
            state=MembershipState.ACTIVE,
            created_at=now,
            changed_at=now,
        )
        session.add(membership)
    elif (membership.role, membership.state) != (role, MembershipState.ACTIVE):
        membership.role, membership.state, membership.changed_at = role, MembershipState.ACTIVE, now
    session.flush()
    return membership


def withdraw(session: Session, cohort_id: str, username: str, now: datetime) -> Membership:
    """End a membership; the row stays, and with it the person's work and marks. Doing it twice changes nothing."""
    membership = find_membership(session, cohort_id, normalise_username(username))
    if membership is None:
        raise NotFound(
            f"{username!r} is not a member of the cohort {cohort_id!r}.",
            f"{username!r}은(는) {cohort_id!r} 기수의 구성원이 아닙니다.",
        )
    if membership.state is MembershipState.ACTIVE:
        membership.state, membership.changed_at = MembershipState.WITHDRAWN, now
        session.flush()
    return membership


def find_membership(session: Session, cohort_id: str, username: str) -> Membership | None:
    """The row of `username` in the cohort, active or withdrawn."""
    return session.scalar(select(Membership).filter_by(cohort_id=cohort_id, username=username))
