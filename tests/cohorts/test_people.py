"""Usernames, people and memberships."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from cohorts.database import Database
from cohorts.errors import Invalid, NotFound
from cohorts.models import MembershipState, Person, Role
from cohorts.people import (
    check_email,
    check_username,
    ensure_administrators,
    ensure_membership,
    ensure_person,
    find_membership,
    withdraw,
)


@pytest.mark.parametrize(
    ("text", "username"),
    [
        ("minji", "minji"),
        ("MinJi", "minji"),
        ("minji@example.kr", "minji@example.kr"),
        ("a.b_c-d+e", "a.b_c-d+e"),
        ("20260301", "20260301"),
        (" 김민지 ", "김민지"),
        ("\u1100\u1175\u11b7", "김"),  # as a Mac composes it
        ("a" * 128, "a" * 128),
    ],
)
def test_usernames_take_the_form_that_the_hub_stores(text: str, username: str) -> None:
    assert check_username(text) == username
    assert check_username(username) == username


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "a b",
            "a/b",
            "a\\b",
            "-a",
            ".a",
            "@a",
            "a\tb",
            "a\u200bb",
            "a%41",
            "a?b",
            "a[1]",
            "a;b",
            "a,b",
            "a'b",
        ),
        *(
            "grading-x",
            "GRADING-x",
            "ｇrading-x",
            "root",
            "portal",
            "a" * 129,
            "가" * 43,
            "a\ud800",
            'a"b',
            "a*",
            "a:b",
        ),
    ],
)
def test_usernames_that_hub_or_nbgrader_could_stumble_over_are_refused(text: str) -> None:
    with pytest.raises(Invalid, match="username"):
        check_username(text)


@pytest.mark.parametrize(
    "text", ["a", "a@b", "a b@x.kr", "a@x..kr", "a@.kr", "a@x.k", "<a@x.kr>", "a@x_y.kr,", "@x.kr"]
)
def test_what_is_no_email_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not an email address"):
        check_email(text)


def test_a_person_made_twice_is_one_person_brought_up_to_date(database: Database, now: datetime) -> None:
    with database.write() as session:
        ensure_person(session, username="minji", name="김민지", email="a@x.kr", locale="en", is_admin=True, now=now)
        ensure_person(session, username="MinJi", name="김 민지", now=now)
    with database.read() as session:
        person = session.get(Person, "minji")
        assert person is not None
        assert (person.name, person.email, person.locale, person.is_admin) == ("김 민지", "a@x.kr", "en", True)


def test_administrators_of_a_setting_keep_the_name_the_campus_has(database: Database, now: datetime) -> None:
    with database.write() as session:
        ensure_person(session, username="minji", name="김민지", now=now)
        ensure_administrators(session, ["minji", "Boss@Example.kr"], now=now)
    with database.read() as session:
        minji, boss = session.get(Person, "minji"), session.get(Person, "boss@example.kr")
        assert minji is not None
        assert boss is not None
        assert (minji.name, minji.is_admin, boss.name, boss.is_admin) == ("김민지", True, "boss@example.kr", True)


def test_a_withdrawn_member_returns_to_the_same_row(database: Database, now: datetime) -> None:
    later = now + timedelta(days=1)
    with database.write() as session:
        ensure_person(session, username="minji", name="김민지", now=now)
        first = ensure_membership(session, "jc-2026-1", "minji", Role.STUDENT, now)
        withdraw(session, "jc-2026-1", "minji", later)
        withdraw(session, "jc-2026-1", "minji", later + timedelta(days=1))
        assert (first.state, first.changed_at) == (MembershipState.WITHDRAWN, later)
        again = ensure_membership(session, "jc-2026-1", "minji", Role.ASSISTANT, later)
        assert (again.id, again.role, again.state) == (first.id, Role.ASSISTANT, MembershipState.ACTIVE)
        assert again.created_at == now


def test_memberships_need_a_cohort_and_a_person(database: Database, now: datetime) -> None:
    with database.write() as session:
        with pytest.raises(NotFound, match="no cohort 'nowhere'"):
            ensure_membership(session, "nowhere", "admin", Role.STUDENT, now)
        with pytest.raises(NotFound, match="nobody called 'ghost'"):
            ensure_membership(session, "jc-2026-1", "ghost", Role.STUDENT, now)
        with pytest.raises(NotFound, match="not a member"):
            withdraw(session, "jc-2026-1", "admin", now)
        assert find_membership(session, "jc-2026-1", "admin") is None
