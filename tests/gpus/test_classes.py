"""Classes: slices are there at the bell, walk-ins make way, and what nobody uses comes back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from gpu_campus import START, GpuCampus, declare

from cohorts.errors import Conflict, Invalid, NotFound
from cohorts.timetable import add_class_session, class_sessions, remove_class_session
from gpus.classes import due_starts, return_unused
from gpus.hardware import Hardware
from gpus.models import LeaseState
from gpus.writer import deciding

Campus = Callable[[Hardware], GpuCampus]
HOUR = timedelta(hours=1)
RULES = {"class_lead": "15m", "class_grace": "15m", "shortest": "15m", "weekly_hours": 10}


@pytest.fixture
def campus(campus_with: Campus) -> GpuCampus:
    """Four slices, four students of a class, three walk-ins of another cohort."""
    made = campus_with(declare(4, rules=RULES, lease="4h"))
    made.students(4)
    made.students(3, "at-1", "a")
    return made


def test_before_the_bell_slices_are_kept_from_walk_ins(campus: GpuCampus) -> None:
    campus.add_class(starts=START + HOUR)
    campus.wait(minutes=46)
    place = campus.queued("a01")
    assert "딥러닝 실습" in place.reason.ko
    assert campus.lent("s01").in_class


def test_a_walk_ins_lease_ends_when_slices_begin_to_be_kept(campus: GpuCampus) -> None:
    campus.add_class(starts=START + HOUR)
    assert campus.lent("a01").until == START + timedelta(minutes=45)


def test_a_walk_in_whom_the_class_can_spare_keeps_the_whole_lease(campus: GpuCampus) -> None:
    campus.add_class(starts=START + HOUR, seats=3)
    assert campus.lent("a01").until == START + 4 * HOUR
    assert campus.lent("a02").until == START + timedelta(minutes=45)


def test_a_walk_in_gets_no_scrap_of_time(campus: GpuCampus) -> None:
    campus.add_class(starts=START + HOUR)
    campus.wait(minutes=31)
    assert "too short" in campus.queued("a01").reason.en


def test_a_members_own_lease_goes_on_into_the_class(campus: GpuCampus) -> None:
    campus.add_class(starts=START + HOUR, hours=6)
    assert campus.lent("s01").until == START + 4 * HOUR
    campus.wait(minutes=50)
    campus.tend()
    held, _ = campus.desk.look("s01", campus.now)
    assert held is not None
    assert held.in_class
    assert held.until == START + 7 * HOUR


def test_the_walk_in_is_stopped_in_time_for_the_class(campus: GpuCampus) -> None:
    campus.lent("a01")
    campus.wait(hours=3)
    campus.add_class(starts=START + 4 * HOUR + timedelta(minutes=30))
    campus.wait(minutes=60)
    assert campus.tend().stop == {}, "nobody waits, and the class has its slices: it may go on"
    campus.wait(minutes=15)
    assert campus.tend().stop == {"a01": "over"}, "now the class needs it"


def test_classes_do_not_count_against_the_quota(campus: GpuCampus) -> None:
    campus.add_class(starts=START + HOUR, hours=12)
    campus.wait(minutes=50)
    campus.lent("s01")
    campus.wait(hours=12)
    campus.give_back("s01")
    campus.wait(minutes=30)
    assert campus.lent("s01").until == campus.now + 4 * HOUR


def test_servers_are_started_one_after_another_before_the_bell(campus: GpuCampus) -> None:
    campus.add_class(starts=START + HOUR)
    due = []
    for minute in (44, 45, 48, 52, 57):
        campus.now = START + timedelta(minutes=minute)
        with campus.database.read() as session:
            due.append([start.username for start in due_starts(session, campus.hardware, campus.now)])
    assert due == [[], ["s01"], ["s01", "s02"], ["s01", "s02", "s03"], ["s01", "s02", "s03", "s04"]]


def test_nobody_is_started_twice_for_a_class(campus: GpuCampus) -> None:
    campus.add_class(starts=START + HOUR)
    campus.wait(minutes=46)
    campus.lent("s01")
    campus.wait(minutes=1)
    campus.give_back("s01")
    with campus.database.read() as session:
        assert due_starts(session, campus.hardware, campus.now) == []


def test_after_the_grace_what_nobody_took_is_everybodys(campus: GpuCampus) -> None:
    campus.add_class(starts=START + HOUR)
    campus.wait(minutes=70)
    campus.lent("s01")
    campus.queued("a01")
    campus.wait(minutes=5)
    campus.tend()
    assert campus.holders() == {"s01", "a01"}


def test_a_started_server_that_nobody_came_to_is_returned_after_the_grace(campus: GpuCampus) -> None:
    campus.add_class(starts=START + HOUR)
    campus.wait(minutes=46)
    for name in ("s01", "s02"):
        campus.lent(name)
    campus.wait(minutes=30)
    with deciding(campus.database) as session:
        used = {"s01": START + HOUR, "s02": None}
        assert return_unused(session, campus.hardware, used, campus.now) == ["s02"]
    assert campus.tend().stop == {"s02": "unused"}


def test_a_turn_in_class_is_held_until_it_is_answered(campus: GpuCampus) -> None:
    """A fifth member of a class that keeps four slices waits like everybody, but for a lease in class."""
    campus.add_class(starts=START + HOUR)
    campus.students(1, "jc-1", "t")
    campus.wait(minutes=50)
    for name in ("s01", "s02", "s03", "s04"):
        campus.lent(name)
    campus.queued("t01")
    campus.give_back("s03")
    held, _ = campus.desk.look("t01", campus.now)
    assert held is not None
    assert (held.state, held.in_class) == (LeaseState.HELD, True)


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"title": "  "}, Invalid, "title"),
        ({"ends_at": START}, Invalid, "must end after"),
        ({"ends_at": START + 20 * HOUR}, Invalid, "14 hours"),
        ({"seats": 0}, Invalid, "seats"),
        ({"cohort_id": "nope"}, NotFound, "no cohort"),
    ],
    ids=["no title", "no time", "too long", "no seat", "no cohort"],
)
def test_a_class_that_makes_no_sense_is_refused(
    campus: GpuCampus, changes: dict[str, object], error: type[Exception], text: str
) -> None:
    wanted = {
        "cohort_id": "jc-1",
        "title": "실습",
        "starts_at": START,
        "ends_at": START + HOUR,
        "profile": "gpu",
        "by": "admin",
        "now": START,
        **changes,
    }
    with pytest.raises(error, match=text), campus.database.write() as session:
        add_class_session(session, **wanted)  # type: ignore[arg-type]


def test_a_cohort_is_in_one_class_at_a_time(campus: GpuCampus) -> None:
    campus.add_class(starts=START + HOUR)
    with pytest.raises(Conflict, match="overlaps"):
        campus.add_class(starts=START + 2 * HOUR)
    campus.add_class(starts=START + 3 * HOUR)


def test_a_class_can_be_taken_out_again(campus: GpuCampus) -> None:
    number = campus.add_class(starts=START + HOUR)
    with campus.database.write() as session:
        remove_class_session(session, "jc-1", number)
        assert class_sessions(session, "jc-1") == []
        with pytest.raises(NotFound):
            remove_class_session(session, "jc-1", number)
