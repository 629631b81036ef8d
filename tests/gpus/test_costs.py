"""What is done every few seconds, while nobody else decides, asks the database as often for many leases as for few."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from gpu_campus import START, ZONE, GpuCampus, declare
from sqlalchemy import event
from sqlalchemy.orm import Session

from gpus.classes import due_starts, return_unused
from gpus.hardware import Hardware
from gpus.readings import Reading, take_readings
from gpus.upkeep import tend
from gpus.usage import accrue_all
from gpus.writer import deciding

Campus = Callable[[Hardware], GpuCampus]
Act = Callable[[Session, GpuCampus], object]
DEVICES = [f"GPU-node1-{number}" for number in range(8)]

ACTS: dict[str, Act] = {
    "booking use": lambda session, campus: accrue_all(session, campus.now, timedelta(days=2), ZONE),
    "a look after the leases": lambda session, campus: tend(session, campus.hardware, campus.now, timezone=ZONE),
    "readings": lambda session, campus: take_readings(
        session, "node1", [Reading(device, 0.5, 1, 100) for device in DEVICES], campus.now
    ),
    "starts of a class": lambda session, campus: due_starts(session, campus.hardware, START + timedelta(minutes=59)),
    "returns of a class": lambda session, campus: return_unused(session, campus.hardware, {}, campus.now),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_it_takes_no_more_statements_for_eight_leases_than_for_two(campus_with: Campus, act: Act) -> None:
    campus = campus_with(declare(8, lease="12h"))
    names = campus.students(8)
    campus.add_class(starts=START + timedelta(hours=1))
    asked: list[str] = []
    event.listen(campus.database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    counts = []
    for some in (names[:2], names[2:]):
        for name in some:
            campus.lent(name)
        campus.wait(minutes=1)
        with deciding(campus.database) as session:
            take_readings(session, "node1", [Reading(device, 0.5, 1, 100) for device in DEVICES], campus.now)
        campus.wait(minutes=1)
        with deciding(campus.database) as session:
            accrue_all(session, campus.now, timedelta(days=2), ZONE)
        campus.wait(minutes=1)
        with deciding(campus.database) as session:
            asked.clear()
            act(session, campus)
            session.flush()
            counts.append(len(asked))
    assert 0 < counts[1] <= counts[0]
