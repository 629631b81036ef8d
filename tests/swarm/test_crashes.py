"""Hub and portal killed at any moment of starts and stops: no slice leaks, none is lent twice, no lab is left alone.

BITGOEUL_TEST_KILLS says how many times (5 unless it is set), BITGOEUL_TEST_SEED what comes when.
"""

from __future__ import annotations

import os
from random import Random
from statistics import median

import pytest
from swarm_campus import SwarmCampus
from swarm_crashes import Crashes

pytestmark = pytest.mark.swarm
KILLS = int(os.environ.get("BITGOEUL_TEST_KILLS", "5"))
SEED = int(os.environ.get("BITGOEUL_TEST_SEED", "1"))
#: crashes in a row, before everything has to agree
IN_A_ROW = 5
STUDENTS = [f"s{number}" for number in range(8)]
ALL_AT_ONCE = STUDENTS[:6]


@pytest.mark.timeout(240 + 60 * KILLS)
def test_after_any_crash_books_hub_and_swarm_agree_and_labs_that_ran_go_on(campus: SwarmCampus) -> None:
    campus.enrol(*STUDENTS)
    crashes = Crashes(
        campus, STUDENTS, Random(SEED), longest=max(campus.start_servers(*ALL_AT_ONCE, profile="gpu-slice"))
    )
    print(f"a start takes up to {crashes.longest:.1f} s")
    crashes.calm()
    for number in range(1, KILLS + 1):
        crashes.crash()
        if number % IN_A_ROW == 0 or number == KILLS:
            crashes.calm()
            print(f"{number} of {KILLS}: calm after {crashes.calm_after[-1]} s, {len(crashes.stayed)} labs", flush=True)
    calm = crashes.calm_after[1:]
    print(
        f"killed: {crashes.killed}; leases made: {campus.books.count()}; calm: {median(calm)} s, at most {max(calm)} s"
    )
    campus.stop_servers()
    assert campus.books.lent() == {}
    campus.start_servers(*ALL_AT_ONCE, profile="gpu-slice")
    assert sorted(campus.books.lent()) == ALL_AT_ONCE
