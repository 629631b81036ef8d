"""The simulated week: a small one, lived with the real lease and queue code and with first come, first served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

import pytest

from bench.week_demand import AFTER_CLASS, HOUR, PROJECT, Demand, Trace, Track, draw_week
from bench.week_figures import Figures, build_figures
from bench.week_ours import Ours, build_hardware
from bench.week_stock import Stock
from bench.week_world import Lent, Record, World

SMALL = Demand(
    tracks=(
        Track("job-conversion", 4, 5, ((0, 9), (0, 11), (0, 13), (0, 16)), 10, 60, 0.1, AFTER_CLASS, 1.0),
        Track("advanced-talent", 4, 5, ((6, 9),), 14, 90, 0.3, PROJECT, 1.0),
    ),
    slices=6,
    nodes=2,
    days=1,
    seats=5,
    class_hours=2,
)


@dataclass(frozen=True)
class Day:
    """One day with one lender. `booked` are the hours in the books of use."""

    trace: Trace
    record: Record
    lent: list[Lent]
    figures: Figures
    booked: float | None


@pytest.fixture(scope="module")
def trace() -> Trace:
    return draw_week(SMALL, seed=7)


@pytest.fixture(scope="module")
def ours(trace: Trace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    lender = Ours(tmp_path_factory.mktemp("week"), trace, build_hardware(SMALL))
    try:
        yield live(trace, lender)
    finally:
        lender.close()


@pytest.fixture(scope="module")
def stock(trace: Trace) -> Day:
    return live(trace, Stock(SMALL.slices))


@pytest.fixture(params=["ours", "stock"])
def day(request: pytest.FixtureRequest) -> Day:
    found: Day = request.getfixturevalue(request.param)
    return found


def live(trace: Trace, lender: Ours | Stock) -> Day:
    world = World(trace, lender)
    record = world.live()
    lent = lender.lent(world.end)
    booked = lender.booked_hours() if isinstance(lender, Ours) else None
    kept = lender.kept_hours if isinstance(lender, Ours) else 0.0
    return Day(trace, record, lent, build_figures(trace, record, lent, kept), booked)


def overlapping(lent: list[Lent], by: str) -> list[tuple[Lent, Lent]]:
    ordered = sorted(lent, key=lambda one: (getattr(one, by), one.since))
    found = []
    for _, some in groupby(ordered, key=lambda one: getattr(one, by)):
        found += [(one, other) for one, other in pairwise(some) if other.since < one.until]
    return found


def test_a_seed_gives_the_same_wishes_again(trace: Trace) -> None:
    assert draw_week(SMALL, seed=7) == trace
    assert draw_week(SMALL, seed=8).wishes != trace.wishes


def test_a_slice_is_lent_to_one_at_a_time_and_nobody_has_two(day: Day) -> None:
    assert len(day.lent) > 20
    assert overlapping(day.lent, "device") == []
    assert overlapping(day.lent, "holder") == []


def test_hours_add_up(day: Day) -> None:
    figures = day.figures
    assert 0 < figures.computing < figures.leased <= figures.capacity == 6 * 24
    assert 0 <= figures.nobody <= figures.idle
    assert figures.kept + figures.leased <= figures.capacity


def test_everybody_who_asked_was_served_or_gave_up(day: Day) -> None:
    asked = {wish.username for wish in day.trace.wishes}
    assert {service.username for service in day.record.services} == asked
    assert all(service.got is None or service.got >= service.asked for service in day.record.services)


def test_there_are_more_wishes_than_slices(ours: Day) -> None:
    assert ours.figures.waits["everybody"].p95 > 5, "a day on which nobody waits shows nothing"


def test_classes_that_have_enough_slices_start_without_delay(ours: Day) -> None:
    assert ours.figures.classes == 4
    assert ours.figures.seats > 12
    assert (ours.figures.late_classes, ours.figures.late_seats) == (0, 0)


def test_no_lab_is_stopped_as_idle_while_it_computes(ours: Day) -> None:
    assert ours.figures.idle_stops > 0
    assert ours.figures.idle_computing == 0


def test_the_books_hold_the_hours_that_labs_had(ours: Day) -> None:
    end = SMALL.days * 24 * HOUR
    went_on = sum(1 for one in ours.lent if one.until == end)
    had = sum(one.until - one.since for one in ours.lent if one.answered is not None) / HOUR
    assert ours.booked is not None
    assert had - went_on / 6 - 1 < ours.booked <= had, "use is booked every ten minutes here, from a turn's answer on"


def test_the_day_is_the_same_when_it_is_lived_again(stock: Day, trace: Trace) -> None:
    again = live(trace, Stock(SMALL.slices))
    assert again.record == stock.record
