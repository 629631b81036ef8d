"""What a roster would change in a cohort, and what about it deserves a second look. Reads only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from cohorts.cohorts import list_members
from cohorts.models import Membership, MembershipState, Person, Role
from cohorts.roster_file import RosterRow

FEW = 3  # of fewer students, most leaving is nothing to wonder at


@dataclass(frozen=True)
class Entry:
    """A person in the cohort, as they are or would be. `line` is the roster's, None for who isn't in it."""

    username: str
    name: str
    email: str | None
    role: Role
    line: int | None = None


@dataclass(frozen=True)
class Change:
    """A member whose name, email or role would change."""

    before: Entry
    after: Entry

    @property
    def username(self) -> str:
        return self.after.username

    @property
    def fields(self) -> tuple[str, ...]:
        """Which of "name", "email", "role" differ."""
        return tuple(
            field for field in ("name", "email", "role") if getattr(self.before, field) != getattr(self.after, field)
        )


@dataclass(frozen=True)
class Concern:
    """Something that may be meant or may be a mistake; the administrator confirms it before the roster is applied."""

    message: str
    korean: str

    def text(self, locale: str) -> str:
        """The sentence in `locale` ("ko" or "en")."""
        return self.korean if locale == "ko" else self.message


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Everybody in the file or the cohort, sorted by what would become of them.

    `kept_staff` are not in the file and stay, because the file lists no staff at all.
    """

    added: tuple[Entry, ...] = ()
    changed: tuple[Change, ...] = ()
    returning: tuple[Entry, ...] = ()
    withdrawn: tuple[Entry, ...] = ()
    unchanged: tuple[Entry, ...] = ()
    kept_staff: tuple[Entry, ...] = ()
    concerns: tuple[Concern, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        return not (self.added or self.changed or self.returning or self.withdrawn)


def difference(session: Session, cohort_id: str, rows: Sequence[RosterRow], *, complete: bool = True) -> Difference:
    """Compare `rows` with the cohort. With `complete=False` (wrong rows are missing) nobody is counted as withdrawn."""
    members = {row.username: row for row in list_members(session, cohort_id, withdrawn=True)}
    people = {person.username: person for person in _people(session, {row.username for row in rows})}
    added: list[Entry] = []
    returning: list[Entry] = []
    changed: list[Change] = []
    unchanged: list[Change] = []
    for row in rows:
        member, person = members.get(row.username), people.get(row.username)
        active = member is not None and member.state is MembershipState.ACTIVE
        role = row.role or (member.role if member and active else Role.STUDENT)
        after = Entry(row.username, row.name, row.email or (person.email if person else None), role, row.line)
        if member is None:
            added.append(after)
        elif not active:
            returning.append(after)
        else:
            change = Change(_entry(member), after)
            (changed if change.fields else unchanged).append(change)
    missing = [
        _entry(member)
        for member in members.values()
        if member.state is MembershipState.ACTIVE and member.username not in {row.username for row in rows}
    ]
    lists_staff = any(row.role is not None and row.role.is_staff for row in rows)
    withdrawn = [entry for entry in missing if complete and (lists_staff or not entry.role.is_staff)]
    found = Difference(
        added=tuple(added),
        changed=tuple(changed),
        returning=tuple(returning),
        withdrawn=tuple(withdrawn),
        unchanged=tuple(change.after for change in unchanged),
        kept_staff=tuple(entry for entry in missing if entry.role.is_staff and not lists_staff),
    )
    actives = [_entry(member) for member in members.values() if member.state is MembershipState.ACTIVE]
    concerns = [*_identities(session, rows, members, people), *_departures(found, actives)]
    return Difference(**{**found.__dict__, "concerns": tuple(concerns)})


def base_digest(session: Session, cohort_id: str, usernames: Iterable[str]) -> str:
    """SHA-256 over all that a preview was computed from: the cohort's memberships and the people concerned."""
    members = list_members(session, cohort_id, withdrawn=True)
    people = _people(session, {*usernames, *(member.username for member in members)})
    state = [
        sorted([member.username, member.role.value, member.state.value] for member in members),
        sorted([person.username, person.name, person.email or ""] for person in people),
    ]
    return hashlib.sha256(json.dumps(state, ensure_ascii=False).encode()).hexdigest()


def _people(session: Session, usernames: set[str]) -> list[Person]:
    return list(session.scalars(select(Person).where(Person.username.in_(usernames)).order_by(Person.username)))


def _entry(member: Membership) -> Entry:
    return Entry(member.username, member.person.name, member.person.email, member.role)


def _identities(
    session: Session, rows: Sequence[RosterRow], members: dict[str, Membership], people: dict[str, Person]
) -> list[Concern]:
    """Rows that may name somebody else: a known username with another name or email, or the other way round."""
    concerns = []
    owners: dict[str, list[str]] = {}
    emails = {row.email for row in rows if row.email}
    for person in session.scalars(select(Person).where(Person.email.in_(emails))):
        owners.setdefault(person.email or "", []).append(person.username)
    for row in rows:
        known_as = people.get(row.username)
        if known_as is not None:
            renamed = row.name != known_as.name
            moved = row.email is not None and known_as.email is not None and row.email != known_as.email
            member = members.get(row.username)
            here = member is not None and member.state is MembershipState.ACTIVE
            if (renamed and moved) if here else (renamed or moved):
                known, wanted = _described(known_as.name, known_as.email), _described(row.name, row.email)
                concerns.append(
                    Concern(
                        f"Line {row.line}: {row.username!r} is known as {known}, the file says {wanted}. "
                        "Is it the same person?",
                        f"{row.line}번째 줄: {row.username!r}은(는) {known}(으)로 등록되어 있지만 "
                        f"파일에는 {wanted}입니다. 같은 사람이 맞습니까?",
                    )
                )
        others = sorted(name for name in owners.get(row.email or "", []) if name != row.username)
        if others:
            concerns.append(
                Concern(
                    f"Line {row.line}: the email {row.email} of {row.username!r} belongs to {others[0]!r} already. "
                    "Is the username right?",
                    f"{row.line}번째 줄: {row.username!r}의 이메일 {row.email}은(는) 이미 {others[0]!r}의 것입니다. "
                    "아이디가 맞습니까?",
                )
            )
    return concerns


def _described(name: str, email: str | None) -> str:
    return f"{name} <{email}>" if email else name


def _departures(found: Difference, actives: list[Entry]) -> list[Concern]:
    """Withdrawals that an incomplete file could cause."""
    concerns = []
    staff = [entry for entry in found.withdrawn if entry.role.is_staff]
    if staff:
        names = ", ".join(f"{entry.name} ({entry.username})" for entry in staff)
        concerns.append(
            Concern(
                f"Staff who aren't in the file would be withdrawn: {names}.",
                f"파일에 없는 강사·조교가 제외됩니다: {names}.",
            )
        )
    students = [entry for entry in actives if entry.role is Role.STUDENT]
    leaving = [entry for entry in found.withdrawn if entry.role is Role.STUDENT]
    if len(students) >= FEW and 2 * len(leaving) > len(students):
        concerns.append(
            Concern(
                f"{len(leaving)} of {len(students)} students aren't in the file and would be withdrawn. "
                "Is the file complete?",
                f"학생 {len(students)}명 가운데 {len(leaving)}명이 파일에 없어 제외됩니다. 빠진 사람이 없습니까?",
            )
        )
    gone = {entry.username for entry in found.withdrawn}
    after = {change.username: change.after.role for change in found.changed}
    had = [entry for entry in actives if entry.role is Role.INSTRUCTOR]
    staying = [entry for entry in actives if entry.username not in gone]
    keeps = any(after.get(entry.username, entry.role) is Role.INSTRUCTOR for entry in staying)
    comes = any(entry.role is Role.INSTRUCTOR for entry in (*found.added, *found.returning))
    if had and not keeps and not comes:
        concerns.append(
            Concern("The cohort would be left without an instructor.", "이 기수에 강사가 한 명도 남지 않습니다.")
        )
    return concerns
