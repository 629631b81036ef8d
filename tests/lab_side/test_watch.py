"""How often a lab asks the portal: often when something is about to happen, seldom when nobody looks or answers."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest
from lease_portal import TOKEN, LeasePortal

from lab_side.kernels import Activity
from lab_side.portal import Portal
from lab_side.watch import ABSENT, CLOSE, UNSEEN, USUAL, LeaseWatch, NoPortal, build_watch


def looked(portal: LeasePortal, *, times: int = 1, seen: bool = True) -> tuple[LeaseWatch, float]:
    """A watch after so many looks, and how long it pauses then."""
    watch = LeaseWatch(Portal(portal.url, TOKEN), lambda: Activity(1, datetime(2026, 11, 28, 12, tzinfo=UTC)))

    async def look() -> None:
        for _ in range(times):
            await watch.look()
        if seen:
            watch.page()

    asyncio.run(look())
    return watch, watch.pause(datetime.now(UTC))


def test_it_asks_at_the_usual_pace_while_a_page_looks_on(portal: LeasePortal) -> None:
    assert looked(portal)[1] == USUAL


def test_it_asks_seldom_while_nobody_looks(portal: LeasePortal) -> None:
    assert looked(portal, seen=False)[1] == UNSEEN


def test_it_asks_at_the_usual_pace_while_its_person_waits_even_unseen(portal: LeasePortal) -> None:
    portal.ticket(2)
    assert looked(portal, seen=False)[1] == USUAL


@pytest.mark.parametrize("situation", ["end", "turn"])
def test_it_asks_more_often_near_the_end_and_in_a_turn(portal: LeasePortal, situation: str) -> None:
    if situation == "end":
        portal.lease(timedelta(minutes=14))
    else:
        portal.ticket(1, turn=timedelta(minutes=5))
    assert looked(portal, seen=False)[1] == CLOSE


def test_a_portal_that_fails_is_asked_less_and_less(portal: LeasePortal) -> None:
    portal.status = 503
    assert [looked(portal, times=times)[1] for times in (1, 2, 3, 9)] == [USUAL, 2 * USUAL, 4 * USUAL, ABSENT]


def test_what_was_known_outlives_a_portal_that_is_away(portal: LeasePortal) -> None:
    portal.lease(timedelta(hours=1))
    watch, _ = looked(portal)
    portal.status = 503
    asyncio.run(watch.look())
    assert watch.page()["lease"]["id"] == 17
    portal.status = 200
    portal.ticket(2)
    asyncio.run(watch.look())
    assert (watch.page()["lease"], watch.page()["ticket"]["position"]) == (None, 2)


def test_an_answer_that_makes_no_sense_changes_nothing(portal: LeasePortal) -> None:
    portal.lease(timedelta(hours=1))
    watch, _ = looked(portal)
    for nonsense in ({"lease": 3}, b"<html>", b"x" * 1_000_000):
        portal.mine = nonsense
        asyncio.run(watch.look())
        assert watch.page()["lease"]["id"] == 17


def test_a_portal_that_knows_no_leases_leaves_the_page_silent(portal: LeasePortal) -> None:
    portal.status = 404
    watch, pause = looked(portal)
    assert (watch.page(), pause) == ({"on": False, "again": ABSENT}, ABSENT)


def test_only_a_lab_that_holds_a_gpu_tells_what_its_kernels_do(portal: LeasePortal) -> None:
    looked(portal)
    assert portal.activity == []
    portal.lease(timedelta(hours=1))
    looked(portal)
    assert portal.activity == [{"busy_kernels": 1, "last_activity": "2026-11-28T12:00:00+00:00"}]
    assert portal.refused == []


def test_the_time_left_goes_by_the_portal_s_clock(portal: LeasePortal) -> None:
    portal.ahead = timedelta(hours=-2)
    portal.lease(timedelta(minutes=30))
    watch, _ = looked(portal)
    assert 1790 <= watch.page()["lease"]["left"] <= 1802


@pytest.mark.parametrize("lacking", ["BITGOEUL_PORTAL_URL", "JUPYTERHUB_API_TOKEN"])
def test_without_a_portal_or_a_token_nobody_is_asked(lacking: str) -> None:
    environ = {"BITGOEUL_PORTAL_URL": "http://127.0.0.1:9", "JUPYTERHUB_API_TOKEN": "t"} | {lacking: ""}
    watch = build_watch(environ, lambda: Activity(0, datetime.now(UTC)))
    watch.begin()
    assert isinstance(watch, NoPortal)
    assert watch.page() == {"on": False, "again": ABSENT}


def test_a_person_who_comes_back_to_the_page_sees_what_is_new_but_cannot_storm_the_portal(portal: LeasePortal) -> None:
    watch = LeaseWatch(Portal(portal.url, TOKEN), lambda: Activity(0, datetime.now(UTC)))

    async def come_back() -> None:
        watch.begin()
        for _ in range(3000):
            if watch.page(fresh=True).get("ticket"):
                return
            await asyncio.sleep(0.01)

    portal.mine = {"profile": "cpu", "lease": None, "notices": [], "ticket": None}
    first = threading.Timer(1, portal.ticket, (2,))
    first.start()
    asyncio.run(come_back())
    assert watch.page()["ticket"]["position"] == 2
    assert len(portal.asked) == 2
