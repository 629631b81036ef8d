"""The queue: places, turns, and an order that is fair to people and tracks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from gpu_campus import GpuCampus, declare

from gpus.board import read_board
from gpus.desk import Held, Refused
from gpus.fair_order import faded, person_delay, track_delays
from gpus.hardware import Hardware
from gpus.inventory import drain
from gpus.models import LeaseState
from gpus.writer import deciding

Campus = Callable[[Hardware], GpuCampus]
HOUR = timedelta(hours=1)


def test_those_who_wait_see_their_place_a_guess_and_a_reason(campus_with: Campus) -> None:
    campus = campus_with(declare(2))
    names = campus.students(4)
    campus.lent(names[0])
    campus.lent(names[1])
    places = [campus.queued(names[2]), campus.queued(names[3])]
    assert [place.position for place in places] == [1, 2]
    assert all(place.wait and timedelta() < place.wait <= 4 * HOUR for place in places)
    assert places[0].reason.ko == "GPU 2개가 모두 쓰이고 있습니다."


def test_a_slice_that_comes_back_is_held_for_the_next_to_answer(campus_with: Campus) -> None:
    campus = campus_with(declare(1, rules={"answer": "5m"}))
    campus.students(2)
    campus.lent("s01")
    campus.queued("s02")
    campus.wait(minutes=3)
    campus.give_back("s01")
    held, place = campus.desk.look("s02", campus.now)
    assert place is None
    assert held is not None
    assert (held.state, held.answer_by) == (LeaseState.HELD, campus.now + timedelta(minutes=5))
    answered = campus.ask("s02")
    assert isinstance(answered, Held)
    assert answered.state is LeaseState.STARTING


def test_a_turn_that_nobody_takes_goes_to_the_next(campus_with: Campus) -> None:
    campus = campus_with(declare(1, rules={"answer": "5m"}))
    campus.students(3)
    campus.lent("s01")
    campus.queued("s02")
    campus.wait(seconds=1)
    campus.queued("s03")
    campus.give_back("s01")
    campus.wait(minutes=4)
    campus.tend()
    assert campus.holders() == {"s02"}
    campus.wait(minutes=2)
    assert campus.tend().granted == ["s03"]
    assert campus.holders() == {"s03"}


def test_whoever_leaves_the_queue_makes_place(campus_with: Campus) -> None:
    campus = campus_with(declare(1))
    campus.students(3)
    campus.lent("s01")
    campus.queued("s02")
    campus.wait(seconds=1)
    campus.queued("s03")
    campus.desk.leave("s02", campus.now)
    assert campus.queued("s03").position == 1


def test_a_cpu_lab_meanwhile_keeps_the_place(campus_with: Campus) -> None:
    campus = campus_with(declare(1))
    campus.students(2)
    campus.lent("s01")
    campus.queued("s02")
    assert campus.ask("s02", "cpu") is None
    campus.give_back("s01")
    assert campus.holders() == {"s02"}


def test_a_ticket_that_nobody_looks_after_lapses(campus_with: Campus) -> None:
    campus = campus_with(declare(1, rules={"presence": "8h"}, lease="24h"))
    campus.students(3)
    campus.lent("s01")
    campus.queued("s02")
    campus.queued("s03")
    campus.wait(hours=5)
    campus.desk.look("s03", campus.now)
    campus.wait(hours=4)
    campus.tend()
    assert campus.desk.look("s02", campus.now)[1] is None
    assert campus.desk.look("s03", campus.now)[1] is not None


def test_who_used_much_recently_waits_behind_who_used_nothing(campus_with: Campus) -> None:
    campus = campus_with(declare(1, rules={"delay": "20m"}))
    campus.students(3)
    campus.lent("s01")
    campus.wait(hours=3)
    campus.give_back("s01")
    campus.lent("s03")
    campus.queued("s01")
    campus.wait(minutes=10)
    campus.queued("s02")
    assert campus.desk.look("s02", campus.now)[1].position == 1  # type: ignore[union-attr]
    place = campus.desk.look("s01", campus.now)[1]
    assert place is not None
    assert place.position == 2
    assert "60 minutes" in place.reason.en


def test_waiting_long_enough_outweighs_any_use(campus_with: Campus) -> None:
    campus = campus_with(declare(1, rules={"longest_delay": "2h"}, lease="24h"))
    campus.students(3)
    campus.lent("s01")
    campus.wait(hours=20)
    campus.give_back("s01")
    campus.lent("s03")
    campus.queued("s01")
    campus.wait(hours=2, seconds=1)
    campus.queued("s02")
    assert campus.desk.look("s01", campus.now)[1].position == 1  # type: ignore[union-attr]


def test_a_track_above_its_share_is_moved_back(campus_with: Campus) -> None:
    campus = campus_with(declare(1))
    campus.students(2)
    campus.students(1, "at-1", "a")
    campus.lent("s01")
    campus.wait(hours=3)
    campus.queued("s02")
    campus.wait(minutes=30)
    campus.queued("a01")
    campus.give_back("s01")
    assert campus.holders() == {"a01"}


def test_nobody_gets_a_slice_while_every_node_is_drained(campus_with: Campus) -> None:
    campus = campus_with(declare(1))
    campus.students(1)
    with deciding(campus.database) as session:
        drain(session, "node1", True)
    place = campus.queued("s01")
    assert place.wait is None
    assert "drained" in place.reason.en


def test_a_weekly_quota_refuses_with_the_day_of_new_hours(campus_with: Campus) -> None:
    campus = campus_with(declare(1, rules={"weekly_hours": 2}))
    campus.students(1)
    lease = campus.lent("s01")
    assert lease.until == campus.now + 2 * HOUR
    campus.wait(hours=2)
    assert campus.tend().stop == {"s01": "over"}
    campus.give_back("s01")
    with pytest.raises(Refused, match="2026-03-09"):
        campus.ask("s01")
    campus.wait(days=7)
    campus.lent("s01")


def test_a_share_of_a_card_counts_as_that_share_of_an_hour(campus_with: Campus) -> None:
    campus = campus_with(declare(1, rules={"weekly_hours": 2}, share=0.25))
    campus.students(1)
    campus.lent("s01")
    campus.wait(hours=4)
    campus.give_back("s01")
    assert campus.lent("s01").until == campus.now + 4 * HOUR


@pytest.mark.parametrize(
    ("recent", "minutes"), [(0, 0), (3600, 20), (1800, 10), (100 * 3600, 120)], ids=["none", "hour", "half", "much"]
)
def test_recent_use_costs_waiting_up_to_a_limit(recent: float, minutes: float) -> None:
    assert person_delay(recent, timedelta(minutes=20), 2 * HOUR) == minutes * 60


def test_use_fades_by_half_in_a_half_life() -> None:
    assert faded(100, timedelta(days=2), timedelta(days=2)) == pytest.approx(50)


@pytest.mark.parametrize(
    ("recent", "weights", "expected"),
    [
        ({}, {}, {"a": 0, "b": 0}),
        ({"a": 10}, {}, {"a": 3600, "b": 0}),
        ({"a": 10, "b": 10}, {}, {"a": 0, "b": 0}),
        ({"a": 10, "b": 10}, {"a": 3}, {"a": 0, "b": 1800}),
        ({"a": 30, "b": 10}, {"a": 3}, {"a": 0, "b": 0}),
    ],
    ids=["nobody", "one used all", "alike", "heavier track", "as weighed"],
)
def test_tracks_wait_by_what_they_used_above_their_share(
    recent: dict[str, float], weights: dict[str, float], expected: dict[str, float]
) -> None:
    assert track_delays(["a", "b"], recent, weights, 2 * HOUR) == pytest.approx(expected)


def test_a_board_tells_everybody_what_the_desk_tells_each(campus_with: Campus) -> None:
    campus = campus_with(declare(2))
    names = campus.students(6)
    others = campus.students(3, "at-1", "a")
    for name in names[:2]:
        campus.lent(name)
    campus.wait(minutes=40)
    for name in (*names[2:4], *others, *names[4:]):
        campus.queued(name)
        campus.wait(seconds=30)
    with campus.database.read() as session:
        board = read_board(session, campus.hardware, campus.now)
    for name in (*names, *others):
        held, place = campus.desk.look(name, campus.now)
        assert (board.leases.get(name), board.places.get(name)) == (held, place)
