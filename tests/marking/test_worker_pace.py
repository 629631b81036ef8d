"""A worker and time: phases told, several jobs at once, waking up, and a machine that is too busy."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from marking_campus import MarkingCampus, opened
from small_course import RIGHT, answered
from sqlalchemy import event
from waiting import wait_for
from workers import Around, sleeping_notebook, start_worker, worker_for

from grader import contention, doorbell, presence
from grader.models import MarkingState
from grader.sandbox.base import (
    Ending,
    Interpreters,
    Opening,
    Sandbox,
    Side,
    SideEnded,
)

pytestmark = pytest.mark.namespaces


def test_each_phase_is_stored_with_the_result(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    campus.submit(answered(released, RIGHT))
    worker_for(campus, remembering).run(once=True)
    (marking,) = campus.markings()
    assert marking.phase is None
    phases = marking.phases or {}
    assert list(phases) == ["reading", "running", "scoring", "storing"]
    assert marking.started_at is not None
    assert marking.finished_at is not None
    took = (marking.finished_at - marking.started_at).total_seconds()
    assert sum(told["seconds"] for told in phases.values()) <= took + 0.1
    assert [told["at"] for told in phases.values()] == sorted(told["at"] for told in phases.values())


def test_a_quick_job_is_written_twice_when_claimed_and_when_done(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    worker = worker_for(campus, remembering)
    campus.submit(answered(released, RIGHT))
    worker.run(once=True)  # warm: the second one takes less than the second after which its phase would be written
    campus.submit(answered(released, RIGHT), "lee")
    written: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.upper().startswith("UPDATE MARKING"):
            written.append(statement)

    event.listen(campus.database.engine, "before_cursor_execute", note)
    worker.run(once=True)
    assert len(written) == 2


def test_a_job_that_lasts_tells_its_phase_meanwhile(campus: MarkingCampus, released: dict[str, Any]) -> None:
    campus.submit(sleeping_notebook(released, 20))
    process = start_worker(campus, "--jobs", "1")
    try:
        wait_for("its phase", lambda: campus.markings()[0].phase == "running", 60)
    finally:
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
    assert process.returncode == 0, log
    assert campus.markings()[0].phase is None


class Together(Around):
    """A sandbox that runs nothing until `number` jobs are in it at once."""

    def __init__(self, sandbox: Sandbox, number: int) -> None:
        super().__init__(sandbox)
        self.met = threading.Barrier(number)

    def open(self, opening: Opening, cancel: threading.Event | None = None) -> Interpreters:
        self.met.wait(60)
        return super().open(opening, cancel)


def test_a_worker_marks_several_at_once(campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox) -> None:
    for _ in range(2):
        for username in ("kim", "lee"):
            campus.submit(answered(released, RIGHT), username)
    worker = worker_for(campus, Together(remembering, 2), places=2)
    assert worker.run(once=True) == 4
    assert {(marking.state, marking.score) for marking in campus.markings()} == {(MarkingState.DONE, 6.0)}
    assert len(campus.feedback()) == 4


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_worker_that_waits_is_woken_by_a_submission(
    kind: str,
    course: Path,
    tmp_path: Path,
    released: dict[str, Any],
    remembering: Sandbox,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("grader.worker.LOOK_EVERY", 120.0)
    url = f"sqlite:///{tmp_path}/bitgoeul.db" if kind == "sqlite" else request.getfixturevalue("fresh_postgres")
    with opened(tmp_path, url) as campus:
        stop = threading.Event()
        worker = worker_for(campus, remembering, stop=stop)
        thread = threading.Thread(target=worker.run)
        thread.start()

        def is_announced() -> bool:
            with campus.database.read() as session:
                return bool(presence.alive(session, datetime.now(UTC)))

        wait_for("the worker's word that it runs", is_announced, 30)
        campus.submit(answered(released, RIGHT))
        with campus.database.write() as session:
            doorbell.ring(session, doorbell.Bell.WORK)
        wait_for("the marking", lambda: campus.markings()[0].state is MarkingState.DONE, 60)
        stop.set()
        with campus.database.write() as session:
            doorbell.ring(session, doorbell.Bell.WORK)
        thread.join(60)
        assert not thread.is_alive()
        with campus.database.read() as session:
            assert presence.alive(session, datetime.now(UTC)) == []


class OutOfTime(Around):
    """A sandbox whose first run of anything ends for want of time."""

    opened = 0

    def open(self, opening: Opening, cancel: threading.Event | None = None) -> Interpreters:
        self.opened += 1
        if self.opened == 1:
            raise SideEnded(Ending.TIMEOUT, Side.WORK)
        return super().open(opening, cancel)


@pytest.mark.parametrize(("stalled", "points"), [(0.9, 6.0), (0.05, 0.0)], ids=["crowded", "quiet"])
def test_a_job_that_ran_out_of_time_on_a_crowded_machine_is_run_again(
    campus: MarkingCampus,
    released: dict[str, Any],
    remembering: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    stalled: float,
    points: float,
) -> None:
    monkeypatch.setattr(contention, "watch", lambda: lambda: contention.Conditions(wall=30.0, stalled=stalled))
    campus.submit(answered(released, RIGHT))
    worker_for(campus, OutOfTime(remembering), places=2).run(once=True)
    (marking,) = campus.markings()
    assert (marking.state, marking.score, marking.tries) == (MarkingState.DONE, points, 1)
