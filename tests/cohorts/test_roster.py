"""A roster against a cohort: what a preview shows, and that applying is all or nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import event

from cohorts.cohorts import create_cohort, list_members
from cohorts.database import Database
from cohorts.errors import CampusError, Conflict, Forbidden, Invalid, NotFound
from cohorts.models import ImportState, Membership, MembershipState, Person, Role, RosterImport
from cohorts.people import ensure_membership, ensure_person, withdraw
from cohorts.roster import Preview, apply_import, drop_import, list_imports, load_preview, preview_roster
from courses.model import Catalogue

HEADER = "이름,아이디,이메일,역할\n"
FIRST = (
    HEADER
    + """이서연,prof-lee,lee@example.kr,강사
박조교,park,park@example.kr,조교
김민지,minji,minji@example.kr,학생
정도현,dohyun,dohyun@example.kr,학생
최서연,seoyeon,,학생
"""
)

Import = Callable[..., None]


def preview(
    database: Database, text: str, now: datetime, *, by: str = "admin", cohort_id: str = "jc-2026-1"
) -> Preview:
    with database.write() as session:
        return preview_roster(
            session, cohort_id=cohort_id, filename="C:\\명단\\1기.csv", data=text.encode(), by=by, now=now
        )


def apply(database: Database, number: int, now: datetime, *, confirm: bool = False) -> Preview:
    with database.write() as session:
        return apply_import(session, number, by="admin", now=now, confirm=confirm)


def members(database: Database) -> dict[str, tuple[str, str]]:
    with database.read() as session:
        rows = list_members(session, "jc-2026-1", withdrawn=True)
        return {row.username: (row.role.value, row.state.value) for row in rows}


def test_a_preview_changes_nobody(database: Database, now: datetime) -> None:
    seen = preview(database, FIRST, now)
    assert [entry.username for entry in seen.added] == ["prof-lee", "park", "minji", "dohyun", "seoyeon"]
    assert (seen.filename, seen.people, seen.can_apply, seen.needs_confirmation) == ("1기.csv", 5, True, False)
    assert members(database) == {}
    with database.read() as session:
        assert session.get(Person, "minji") is None


@pytest.mark.usefixtures("database_url")
def test_applying_makes_people_and_memberships(database: Database, now: datetime) -> None:
    number = preview(database, FIRST, now).id
    done = apply(database, number, now)
    assert (done.state, len(done.added)) == (ImportState.APPLIED, 5)
    assert members(database) == {
        "prof-lee": ("instructor", "active"),
        "park": ("assistant", "active"),
        "minji": ("student", "active"),
        "dohyun": ("student", "active"),
        "seoyeon": ("student", "active"),
    }
    with database.read() as session:
        row = session.get(RosterImport, number)
        person = session.get(Person, "minji")
        assert row is not None
        assert person is not None
        assert (row.state, row.applied_at, row.uploaded_by) == (ImportState.APPLIED, now, "admin")
        assert (person.name, person.email) == ("김민지", "minji@example.kr")


@pytest.mark.usefixtures("database_url")
def test_a_second_roster_is_sorted_into_what_would_happen(
    database: Database, import_roster: Import, now: datetime
) -> None:
    import_roster(FIRST)
    with database.write() as session:
        withdraw(session, "jc-2026-1", "seoyeon", now)
    seen = preview(
        database,
        HEADER + "김민지,minji,minji@example.kr,조교\n최서연,seoyeon,,\n한하늘,haneul,,\n정 도현,dohyun,,\n",
        now,
    )
    assert [(entry.username, entry.line) for entry in seen.added] == [("haneul", 4)]
    assert [(change.username, change.fields) for change in seen.changed] == [
        ("minji", ("role",)),
        ("dohyun", ("name",)),
    ]
    assert [entry.username for entry in seen.returning] == ["seoyeon"]
    assert seen.unchanged == ()
    # the file lists staff (minji), so it speaks for staff: those missing leave, and that has to be confirmed
    assert [entry.username for entry in seen.withdrawn] == ["prof-lee", "park"]
    assert seen.needs_confirmation


def test_the_same_roster_again_changes_nothing(database: Database, import_roster: Import, now: datetime) -> None:
    import_roster(FIRST)
    seen = preview(database, FIRST, now)
    assert seen.changes_nothing
    assert len(seen.unchanged) == 5
    before = members(database)
    apply(database, seen.id, now + timedelta(hours=1))
    assert members(database) == before
    with database.read() as session:
        assert {row.changed_at for row in session.query(Membership)} == {now}


def test_students_who_are_not_in_the_file_are_withdrawn_and_keep_their_row(
    database: Database, import_roster: Import, now: datetime
) -> None:
    import_roster(FIRST)
    seen = preview(database, HEADER + "김민지,minji,,학생\n최서연,seoyeon,,학생\n", now)
    assert [entry.username for entry in seen.withdrawn] == ["dohyun"]
    apply(database, seen.id, now)
    assert members(database)["dohyun"] == ("student", "withdrawn")


def test_a_roster_of_students_leaves_the_staff_in_place(
    database: Database, import_roster: Import, now: datetime
) -> None:
    import_roster(FIRST)
    seen = preview(database, "이름,아이디\n김민지,minji\n정도현,dohyun\n최서연,seoyeon\n", now)
    assert [entry.username for entry in seen.kept_staff] == ["prof-lee", "park"]
    assert seen.changes_nothing
    apply(database, seen.id, now)
    assert members(database)["prof-lee"] == ("instructor", "active")


def test_an_instructor_in_a_file_without_roles_stays_an_instructor(
    database: Database, import_roster: Import, now: datetime
) -> None:
    import_roster(FIRST)
    seen = preview(database, "이름,아이디\n이서연,prof-lee\n김민지,minji\n정도현,dohyun\n최서연,seoyeon\n", now)
    assert seen.changes_nothing
    assert [entry.username for entry in seen.kept_staff] == ["park"]


def test_staff_who_had_left_and_return_without_a_role_return_as_students(
    database: Database, import_roster: Import, now: datetime
) -> None:
    import_roster(FIRST)
    with database.write() as session:
        withdraw(session, "jc-2026-1", "park", now)
    seen = preview(database, FIRST.replace("park@example.kr,조교", "park@example.kr,"), now)
    assert [(entry.username, entry.role) for entry in seen.returning] == [("park", Role.STUDENT)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(
            FIRST.replace("박조교,park,park@example.kr,조교\n", ""), "Staff who aren't in the file", id="staff leave"
        ),
        pytest.param(HEADER + "김민지,minji,,학생\n", "2 of 3 students", id="most students leave"),
        pytest.param(FIRST.replace("강사", "학생"), "left without an instructor", id="no instructor stays"),
        pytest.param(
            FIRST.replace("김민지,minji,minji@example.kr", "김철수,minji,kim@example.kr"),
            "'minji' is known as 김민지 <minji@example.kr>",
            id="other name and email",
        ),
        pytest.param(
            FIRST + "김하늘,admin,,학생\n", "'admin' is known as 관리자", id="somebody the cohort doesn't have"
        ),
        pytest.param(
            FIRST.replace("김민지,minji,", "김민지,minji-kim,"),
            "belongs to 'minji' already",
            id="a known email under a new username",
        ),
    ],
)
def test_what_may_be_a_mistake_needs_confirmation(
    database: Database, import_roster: Import, now: datetime, text: str, says: str
) -> None:
    import_roster(FIRST)
    seen = preview(database, text, now)
    assert any(says in concern.message for concern in seen.concerns), seen.concerns
    before = members(database)
    with pytest.raises(Conflict, match="needs your confirmation"):
        apply(database, seen.id, now)
    assert members(database) == before
    assert apply(database, seen.id, now, confirm=True).state is ImportState.APPLIED


def test_wrong_rows_block_the_whole_roster_and_withdraw_nobody(
    database: Database, import_roster: Import, now: datetime
) -> None:
    import_roster(FIRST)
    seen = preview(database, HEADER + "김민지,minji,,학생\n한하늘,haneul,wrong,학생\n", now)
    assert ([problem.line for problem in seen.problems], seen.withdrawn, seen.can_apply) == ([3], (), False)
    before = members(database)
    with pytest.raises(Invalid, match="1 wrong rows"):
        apply(database, seen.id, now, confirm=True)
    assert members(database) == before
    with database.read() as session:
        assert load_preview(session, seen.id).problems == seen.problems


def change_role(database: Database, now: datetime) -> None:
    with database.write() as session:
        ensure_membership(session, "jc-2026-1", "minji", Role.ASSISTANT, now)


def rename(database: Database, now: datetime) -> None:
    with database.write() as session:
        ensure_person(session, username="minji", name="김민지B", now=now)


def appear(database: Database, now: datetime) -> None:
    with database.write() as session:
        ensure_person(session, username="haneul", name="한하늘", now=now)


@pytest.mark.parametrize("happens", [change_role, rename, appear], ids=["role", "name", "person"])
def test_a_stale_preview_is_refused(
    database: Database, import_roster: Import, now: datetime, happens: Callable[[Database, datetime], None]
) -> None:
    import_roster(FIRST)
    seen = preview(database, FIRST + "한하늘,haneul,,학생\n", now)
    happens(database, now)
    before = members(database)
    with pytest.raises(Conflict, match="upload the file again"):
        apply(database, seen.id, now, confirm=True)
    assert members(database) == before
    with database.read() as session:
        assert load_preview(session, seen.id).stale


def test_another_cohorts_changes_do_not_make_a_preview_stale(
    database: Database, catalogue: Catalogue, import_roster: Import, now: datetime
) -> None:
    with database.write() as session:
        create_cohort(
            session,
            catalogue,
            cohort_id="jc-2026-2",
            track="job-conversion",
            starts_on=date(2026, 9, 1),
            title="2기",
            now=now,
        )
    seen = preview(database, FIRST, now)
    import_roster("이름,아이디\n다른사람,other\n", cohort_id="jc-2026-2")
    assert apply(database, seen.id, now).state is ImportState.APPLIED


def test_an_import_is_applied_once(database: Database, now: datetime) -> None:
    number = preview(database, FIRST, now).id
    apply(database, number, now)
    with pytest.raises(Conflict, match="has been applied already"):
        apply(database, number, now)
    with database.write() as session, pytest.raises(Conflict, match="has been applied already"):
        drop_import(session, number, by="admin", now=now)


def test_a_dropped_import_stays_dropped(database: Database, now: datetime) -> None:
    number = preview(database, FIRST, now).id
    with database.write() as session:
        drop_import(session, number, by="admin", now=now)
    with pytest.raises(Conflict, match="was dropped"):
        apply(database, number, now)
    with database.read() as session:
        assert [row.state for row in list_imports(session, "jc-2026-1")] == [ImportState.DROPPED]


@pytest.mark.usefixtures("database_url")
def test_two_administrators_applying_at_once_apply_once(database: Database, now: datetime) -> None:
    number = preview(database, FIRST, now).id
    results: list[str] = []
    start = threading.Barrier(4)

    def run() -> None:
        start.wait(timeout=10)
        try:
            results.append(apply(database, number, now).state.value)
        except CampusError as error:
            results.append(type(error).__name__)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(results) == ["Conflict", "Conflict", "Conflict", "applied"]


@pytest.mark.parametrize("table", ["person", "membership", "roster_import"])
@pytest.mark.usefixtures("database_url")
def test_applying_is_one_transaction(database: Database, import_roster: Import, now: datetime, table: str) -> None:
    """The disk fails at the last write to each table in turn: nothing of the roster may remain."""
    import_roster(FIRST)
    seen = preview(database, HEADER + "김민지,minji,,조교\n한하늘,haneul,,학생\n윤유나,yuna,,학생\n", now)
    before = members(database)
    wanted = {
        "person": "INSERT INTO person",
        "membership": "UPDATE membership",
        "roster_import": "UPDATE roster_import",
    }

    def fail(_conn: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith(wanted[table]) and ("person" not in table or "yuna" in str(parameters)):
            raise OSError("disk full")

    event.listen(database.engine, "before_cursor_execute", fail)
    try:
        with pytest.raises(OSError, match="disk full"):
            apply(database, seen.id, now, confirm=True)
    finally:
        event.remove(database.engine, "before_cursor_execute", fail)
    assert members(database) == before
    with database.read() as session:
        assert session.get(Person, "haneul") is None
        assert load_preview(session, seen.id).state is ImportState.PREVIEWED
    assert apply(database, seen.id, now, confirm=True).state is ImportState.APPLIED


def test_only_administrators_import(database: Database, import_roster: Import, now: datetime) -> None:
    import_roster(FIRST)
    number = preview(database, FIRST, now).id
    with pytest.raises(Forbidden):
        preview(database, FIRST, now, by="prof-lee")
    for act in (apply_import, drop_import):
        with database.write() as session, pytest.raises(Forbidden):
            act(session, number, by="prof-lee", now=now)


def test_unknown_cohorts_and_imports_are_named(database: Database, now: datetime) -> None:
    with pytest.raises(NotFound, match="no cohort 'jc-1999'"):
        preview(database, FIRST, now, cohort_id="jc-1999")
    with pytest.raises(NotFound, match="no roster import 77"):
        apply(database, 77, now)


def test_a_person_without_an_active_membership_keeps_name_and_work(
    database: Database, import_roster: Import, now: datetime
) -> None:
    import_roster(FIRST)
    import_roster(FIRST.replace("최서연,seoyeon,,학생\n", ""))
    with database.read() as session:
        person = session.get(Person, "seoyeon")
        assert person is not None
        assert [row.state for row in person.memberships] == [MembershipState.WITHDRAWN]
