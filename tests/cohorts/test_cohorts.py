"""Opening cohorts, and who may do what in their offerings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import pytest

from cohorts.access import (
    offerings_of,
    require_admin,
    require_cohort_reader,
    require_member,
    require_staff,
    role_in_offering,
)
from cohorts.cohorts import create_cohort, get_cohort, list_cohorts, list_members
from cohorts.database import Database
from cohorts.errors import CampusError, Conflict, Forbidden, Invalid, NotFound
from cohorts.models import Cohort, Offering, Role
from cohorts.people import withdraw
from courses.model import Catalogue

OFFERING = "jc-2026-1-python-data"
ROSTER = "이름,아이디,역할\n이서연,prof-lee,강사\n박조교,park,조교\n김민지,minji,학생\n"


def open_one(database: Database, catalogue: Catalogue, now: datetime, **changes: str) -> Cohort:
    wanted = {"cohort_id": "jc-2026-2", "track": "job-conversion", "title": "2기", "timezone": "Asia/Seoul"} | changes
    with database.write() as session:
        return create_cohort(session, catalogue, **wanted, starts_on=date(2026, 9, 1), now=now)


def test_a_cohort_offers_every_course_of_its_track(database: Database) -> None:
    with database.read() as session:
        cohort = get_cohort(session, "jc-2026-1")
        assert [offering.id for offering in cohort.offerings] == ["jc-2026-1-machine-learning", OFFERING]
        assert {offering.starts_on for offering in cohort.offerings} == {date(2026, 3, 2)}


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        pytest.param({"cohort_id": "jc-2026-1"}, Conflict, "exists already", id="id taken"),
        pytest.param({"cohort_id": "JC 1"}, Invalid, "can't be a cohort's id", id="capitals and blanks"),
        pytest.param({"cohort_id": "../etc"}, Invalid, "can't be a cohort's id", id="climbing"),
        pytest.param({"cohort_id": "a--b"}, Invalid, "can't be a cohort's id", id="two dashes"),
        pytest.param({"cohort_id": "a\n"}, Invalid, "can't be a cohort's id", id="line break"),
        pytest.param({"cohort_id": "a" * 65}, Invalid, "can't be a cohort's id", id="too long"),
        pytest.param({"track": "cooking"}, Invalid, "the catalogue has: job-conversion", id="unknown track"),
        pytest.param({"title": " "}, Invalid, "needs a title", id="no title"),
        pytest.param({"timezone": "Asia/Gwangju"}, Invalid, "is not a time zone", id="unknown zone"),
        pytest.param({"timezone": "../../etc/passwd"}, Invalid, "is not a time zone", id="climbing zone"),
    ],
)
def test_a_wrong_cohort_is_refused_and_leaves_nothing(
    database: Database,
    catalogue: Catalogue,
    now: datetime,
    changes: dict[str, str],
    error: type[CampusError],
    says: str,
) -> None:
    with pytest.raises(error, match=says):
        open_one(database, catalogue, now, **changes)
    with database.read() as session:
        assert [cohort.id for cohort in list_cohorts(session)] == ["jc-2026-1"]


def test_two_cohorts_never_share_an_offering_id(database: Database, catalogue: Catalogue, now: datetime) -> None:
    (track,) = catalogue.tracks
    longer = replace(track.courses[0], key="1-python-data")
    with pytest.raises(Conflict, match="taken by another cohort"):
        open_one(database, Catalogue((replace(track, courses=(longer,)),)), now, cohort_id="jc-2026")
    with database.read() as session:
        assert session.get(Cohort, "jc-2026") is None


@pytest.mark.parametrize(
    ("username", "role"),
    [
        ("prof-lee", Role.INSTRUCTOR),
        ("park", Role.ASSISTANT),
        ("minji", Role.STUDENT),
        ("admin", None),
        ("nobody-here", None),
        ("", None),
        (f"grading-{OFFERING}", Role.INSTRUCTOR),
        ("grading-jc-2026-1-machine-learning", None),
        ("grading-", None),
    ],
)
def test_roles_in_an_offering(
    database: Database, import_roster: Callable[..., None], username: str, role: Role | None
) -> None:
    import_roster(ROSTER)
    with database.read() as session:
        assert role_in_offering(session, username, OFFERING) is role


def test_a_grading_server_of_no_offering_has_no_role(database: Database) -> None:
    with database.read() as session:
        assert role_in_offering(session, "grading-gone", "gone") is None
        assert offerings_of(session, "grading-gone") == []


def test_strangers_learn_nothing_and_students_are_told_it_is_for_staff(
    database: Database, import_roster: Callable[..., None]
) -> None:
    import_roster(ROSTER)
    with database.read() as session:
        assert require_staff(session, "park", OFFERING) is Role.ASSISTANT
        assert require_member(session, "minji", OFFERING) is Role.STUDENT
        with pytest.raises(Forbidden):
            require_staff(session, "minji", OFFERING)
        for offering in (OFFERING, "no-such-offering"):
            for require in (require_member, require_staff):
                with pytest.raises(NotFound, match=f"You have no course '{offering}'"):
                    require(session, "stranger", offering)


def test_withdrawing_ends_every_right_at_once(
    database: Database, import_roster: Callable[..., None], now: datetime
) -> None:
    import_roster(ROSTER)
    with database.write() as session:
        withdraw(session, "jc-2026-1", "prof-lee", now)
        assert role_in_offering(session, "prof-lee", OFFERING) is None
        assert offerings_of(session, "prof-lee") == []
        with pytest.raises(NotFound):
            require_cohort_reader(session, "prof-lee", "jc-2026-1")


def test_members_are_for_administrators_and_the_cohorts_staff(
    database: Database, import_roster: Callable[..., None]
) -> None:
    import_roster(ROSTER)
    with database.read() as session:
        require_cohort_reader(session, "admin", "jc-2026-1")
        require_cohort_reader(session, "park", "jc-2026-1")
        for outsider in ("minji", "stranger"):
            with pytest.raises(NotFound):
                require_cohort_reader(session, outsider, "jc-2026-1")
        with pytest.raises(Forbidden):
            require_admin(session, "prof-lee")
        assert require_admin(session, "admin").username == "admin"
        assert [row.username for row in list_members(session, "jc-2026-1")] == ["prof-lee", "park", "minji"]


def test_people_see_their_offerings_with_their_role(
    database: Database, import_roster: Callable[..., None], catalogue: Catalogue, now: datetime
) -> None:
    import_roster(ROSTER)
    open_one(database, catalogue, now)
    import_roster("이름,아이디,역할\n김민지,minji,조교\n", cohort_id="jc-2026-2")
    with database.read() as session:
        mine = [(offering.id, role) for offering, role in offerings_of(session, "minji")]
        own = offerings_of(session, f"grading-{OFFERING}")
    assert mine == [
        ("jc-2026-2-machine-learning", Role.ASSISTANT),
        ("jc-2026-2-python-data", Role.ASSISTANT),
        ("jc-2026-1-machine-learning", Role.STUDENT),
        (OFFERING, Role.STUDENT),
    ]
    assert [(offering.id, offering.cohort.title, role) for offering, role in own] == [
        (OFFERING, "직무전환 2026년 1기", Role.INSTRUCTOR)
    ]
    assert isinstance(own[0][0], Offering)
