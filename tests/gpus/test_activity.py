"""Since when a device is idle: only readings vouch for it, and whatever isn't known counts as work."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta

import pytest

from gpus.activity import Activity, Reading, Rule, advance, idle_since, is_idle, watch

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
RULE = Rule()


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def quiet(seconds: float, *, memory: int | None = 500, processes: int | None = 1) -> Reading:
    return Reading(at(seconds), 0.0, memory, processes)


def busy(seconds: float) -> Reading:
    return Reading(at(seconds), 0.9, 500, 1)


def unmeasured(
    seconds: float, *, processes: int | None, cpu: float | None = None, kernels: int | None = None
) -> Reading:
    return Reading(at(seconds), None, 500, processes, cpu, kernels)


@pytest.mark.parametrize(
    ("readings", "now", "since"),
    [
        pytest.param([], 0, None, id="no reading at all"),
        pytest.param([quiet(0)], 0, 0, id="a first quiet reading vouches for its own moment"),
        pytest.param([busy(0)], 0, None, id="a busy one"),
        pytest.param([quiet(0), quiet(10), quiet(20)], 25, 0, id="quiet all along"),
        pytest.param([busy(0), quiet(10), quiet(20)], 25, 0, id="quiet since the busy reading, whose time ended there"),
        pytest.param([quiet(0), busy(10), quiet(20)], 25, 10, id="work in between begins it anew"),
        pytest.param([quiet(0), quiet(10), busy(20)], 25, None, id="work at the end"),
        pytest.param([quiet(0), quiet(10), quiet(200)], 205, 200, id="a hole in between: nobody knows what was in it"),
        pytest.param([quiet(0), quiet(10)], 70, 0, id="the last reading is just young enough"),
        pytest.param([quiet(0), quiet(10)], 71, None, id="the last reading is too old"),
        pytest.param([quiet(0), quiet(10)], -60, None, id="the last reading is from the future"),
        pytest.param([quiet(0), quiet(10), quiet(5)], 15, 0, id="one that comes late is left aside"),
        pytest.param([quiet(0), busy(10), quiet(10)], 15, None, id="a second one of the same moment changes nothing"),
        pytest.param([quiet(500), quiet(510), quiet(0)], 5, 0, id="a clock that was set back begins anew"),
        pytest.param([Reading(at(0), 0.02, 500, 1)], 0, 0, id="at the threshold is quiet"),
        pytest.param([Reading(at(0), 0.021, 500, 1)], 0, None, id="above the threshold is work"),
        pytest.param([Reading(at(0), float("nan"), 500, 1)], 0, None, id="a share that is no number"),
        pytest.param([Reading(at(0), -1.0, 500, 1)], 0, None, id="a share below nothing"),
        pytest.param([quiet(0), quiet(10, processes=2), quiet(20, processes=2)], 25, 10, id="a process came"),
        pytest.param([quiet(0), quiet(10, memory=600), quiet(20, memory=600)], 25, 10, id="memory was taken"),
        pytest.param([quiet(0), quiet(10, memory=560), quiet(20, memory=500)], 25, 0, id="memory hardly moved"),
        pytest.param([quiet(0, memory=None), quiet(10, processes=None)], 15, 0, id="quiet, and nothing else is known"),
        pytest.param([unmeasured(0, processes=0), unmeasured(10, processes=0)], 15, 0, id="unmeasured, no process"),
        pytest.param([unmeasured(0, processes=None)], 0, None, id="unmeasured, processes not known"),
        pytest.param([unmeasured(0, processes=1)], 0, None, id="unmeasured, a process of which nothing is known"),
        pytest.param(
            [unmeasured(0, processes=1, kernels=0)], 0, None, id="what the lab says alone vouches for nothing"
        ),
        pytest.param([unmeasured(0, processes=1, cpu=0.9)], 0, None, id="unmeasured, the process computes"),
        pytest.param([unmeasured(0, processes=1, cpu=0.9, kernels=0)], 0, None, id="training in a terminal"),
        pytest.param([unmeasured(0, processes=1, cpu=0.01)], 0, 0, id="unmeasured, the process sleeps"),
        pytest.param(
            [unmeasured(0, processes=1, cpu=0.01, kernels=1)], 0, None, id="the process sleeps, a kernel is busy"
        ),
        pytest.param([quiet(0), unmeasured(10, processes=1), quiet(20)], 25, 10, id="not knowing is like work"),
    ],
)
def test_a_device_is_idle_since(readings: list[Reading], now: float, since: float | None) -> None:
    told = idle_since(watch(readings, RULE), now=at(now), rule=RULE)
    assert told == (None if since is None else at(since))


def test_a_device_is_idle_once_the_window_has_passed() -> None:
    activity = watch((quiet(seconds) for seconds in range(0, 601, 10)), RULE)
    assert is_idle(activity, window=timedelta(minutes=10), now=at(600), rule=RULE)
    assert not is_idle(activity, window=timedelta(minutes=11), now=at(600), rule=RULE)


def test_a_device_whose_readings_stopped_is_not_idle_however_long_it_was() -> None:
    activity = watch((quiet(seconds) for seconds in range(0, 3601, 10)), RULE)
    assert not is_idle(activity, window=timedelta(minutes=10), now=at(3700), rule=RULE)


def test_thresholds_are_the_sites() -> None:
    lenient = Rule(busy_above=0.95, longest_gap=timedelta(hours=1))
    assert idle_since(watch([busy(0), busy(1800)], lenient), now=at(1900), rule=lenient) == at(0)


def test_whatever_readings_come_idle_time_is_vouched_for_by_readings_without_a_hole() -> None:
    """Random histories: quiet readings, no further apart than the longest gap, cover whatever is called idle."""
    chance = random.Random(20260302)
    called_idle = 0
    for _ in range(3000):
        moments = itertools.accumulate(
            chance.choice((5, 10, 10, 10, 40, 61, 200)) for _ in range(chance.randint(1, 12))
        )
        readings = [
            Reading(at(moment), chance.choice((0.0, 0.0, 0.0, 0.01, 0.5, None)), 500, chance.choice((0, 1, 1, None)))
            for moment in moments
        ]
        lost = [reading for reading in readings if chance.random() > 0.1]
        now = readings[-1].at + timedelta(seconds=chance.choice((0, 5, 59, 61, 500)))
        since = idle_since(watch(lost, RULE), now=now, rule=RULE)
        if since is None:
            continue
        called_idle += 1
        within = [reading for reading in lost if reading.at > since]
        times = [since, *(reading.at for reading in within), now]
        assert all(later - earlier <= RULE.longest_gap for earlier, later in itertools.pairwise(times))
        assert all(reading.busy is None or reading.busy <= RULE.busy_above for reading in within)
        assert all(reading.processes == 0 for reading in within if reading.busy is None)
    assert called_idle > 300


def test_one_activity_is_all_that_has_to_be_kept() -> None:
    kept: Activity | None = None
    for seconds in (0, 10, 20):
        kept = advance(kept, quiet(seconds), RULE)
    assert kept == Activity(quiet(20), at(0))
