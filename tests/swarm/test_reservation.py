"""Slices that the timetable keeps for a class: the class's own get them, and walk-ins who came before don't."""

from __future__ import annotations

from datetime import timedelta

import pytest
from campus_books import CLASS
from swarm_campus import SwarmCampus
from waiting import wait_for

pytestmark = pytest.mark.swarm
PUPILS = [f"pupil{number}" for number in range(4)]
WALK_INS = ["walkin1", "walkin2"]


@pytest.fixture(scope="module", autouse=True)
def lesson(campus: SwarmCampus) -> int:
    """A class for which four of the six slices are kept since a minute ago; the bell is in 14 minutes."""
    campus.enrol(*PUPILS, cohort=CLASS)
    return campus.books.add_class(begins=timedelta(minutes=14), seats=len(PUPILS))


def test_the_first_of_the_class_finds_a_lab_that_the_campus_started(campus: SwarmCampus) -> None:
    wait_for("the first lab of the class is ready", lambda: campus.is_ready(PUPILS[0]))
    assert campus.lease(PUPILS[0]).in_class
    assert list(campus.books.lent()) == PUPILS[:1]


def test_walk_ins_get_what_the_class_leaves_and_then_wait_while_slices_are_free(campus: SwarmCampus) -> None:
    campus.start_servers(*WALK_INS, profile="gpu-slice")
    campus.enrol("walkin3")
    assert campus.choose("walkin3", "gpu-slice").status_code == 202
    ticket = campus.mine("walkin3")["ticket"]
    assert ticket["position"] == 1
    assert ticket["reason_en"] == "3 free GPUs are kept for the class '딥러닝 실습'."


def test_a_member_of_the_class_gets_a_kept_slice_although_a_walk_in_waits(campus: SwarmCampus) -> None:
    campus.start_server(PUPILS[3], "gpu-slice")
    assert campus.lease(PUPILS[3]).in_class
    assert campus.mine("walkin3")["ticket"]["position"] == 1


def test_when_the_class_is_cancelled_its_slices_are_the_walk_in_s(campus: SwarmCampus, lesson: int) -> None:
    campus.books.cancel_class(lesson)
    wait_for("the turn has come", lambda: campus.mine("walkin3")["lease"], seconds=10)
    campus.start_server("walkin3", "gpu-slice")
