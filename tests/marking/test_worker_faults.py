"""What a worker survives, and that everything happens once: poisoned jobs, broken machines, kills at any moment."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from marking_campus import OFFERING, MarkingCampus, opened
from nbgrader.api import Gradebook
from small_course import PARTLY, RIGHT, answered
from waiting import wait_for
from workers import Around, score, sleeping_notebook, start_worker, worker_for

from cohorts.database import Database, migrate
from grader import course_folder, gradebook, jobs, presence, recording
from grader.gradebook import gradebook_url, marks
from grader.models import Marking, MarkingState
from grader.sandbox.base import (
    Interpreters,
    Opening,
    Sandbox,
    SandboxJob,
    SandboxResult,
    SandboxUnavailable,
)
from grader.storage import Storage
from grader.worker import Worker

pytestmark = pytest.mark.namespaces


class Broken:
    """A sandbox that this machine suddenly can't offer any more."""

    name = "broken"
    isolates = True

    def open(self, opening: Opening, cancel: threading.Event | None = None) -> Interpreters:
        raise SandboxUnavailable("no namespaces today", "오늘은 네임스페이스가 없습니다")

    def run(self, job: SandboxJob, cancel: threading.Event | None = None) -> SandboxResult:
        raise SandboxUnavailable("no namespaces today", "오늘은 네임스페이스가 없습니다")

    def layers(self) -> list[Any]:
        return []

    def afresh(self) -> Sandbox:
        return self

    def close(self) -> None:
        """Nothing to end."""


def test_a_poisoned_job_is_set_aside_with_its_log_and_the_next_one_is_marked(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    poison = campus.attempt(b"this is no archive")
    good = campus.submit(answered(released, RIGHT), "lee")
    assert worker_for(campus, remembering).run(once=True) == 4
    bad = campus.markings(poison)[0]
    assert (bad.state, bad.tries) == (MarkingState.FAILED, 3)
    assert "Traceback" in (bad.log or "")
    assert campus.markings(good)[0].state is MarkingState.DONE
    assert campus.feedback(poison) == []


def test_a_machine_that_can_run_nothing_costs_no_student_a_point(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    campus.submit(answered(released, RIGHT))
    worker_for(campus, Broken()).run(once=True)
    (marking,) = campus.markings()
    assert (marking.state, marking.score) == (MarkingState.FAILED, None)
    assert "no namespaces today" in (marking.log or "")
    assert marks(campus.course) == []
    with campus.database.write() as session:
        jobs.retry(session, session.get_one(Marking, marking.id), datetime.now(UTC))
    worker_for(campus, remembering).run(once=True)
    assert score(campus) == 6.0


def test_an_assignment_missing_from_the_gradebook_is_reported(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    campus.submit(answered(released, RIGHT))
    with Gradebook(gradebook_url(campus.course), OFFERING) as book:
        book.remove_assignment("ps1")
    worker_for(campus, remembering).run(once=True)
    (marking,) = campus.markings()
    assert marking.state is MarkingState.FAILED
    assert "no assignment called 'ps1'" in (marking.log or "")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_before(module: Any, name: str, on_call: int = 1) -> Callable[[], None]:
    """Have this process killed when `module.name` is called for the `on_call`th time."""

    def arm() -> None:
        original, calls = getattr(module, name), [0]

        def deadly(*args: Any, **kwargs: Any) -> Any:
            calls[0] += 1
            if calls[0] == on_call:
                die()
            return original(*args, **kwargs)

        setattr(module, name, deadly)

    return arm


MOMENTS = {
    "marked, nothing stored": die_before(recording, "place_marking"),
    "one of two folders placed": die_before(course_folder, "_replace", on_call=2),
    "folders placed, gradebook not": die_before(gradebook, "write_marking"),
    "in the gradebook's transaction": die_before(gradebook, "_grades_of"),
    "gradebook written, feedback not": die_before(recording, "build_bundle"),
    "in the campus's transaction": die_before(recording, "add_feedback"),
}


@pytest.mark.parametrize("arm", MOMENTS.values(), ids=MOMENTS)
def test_a_worker_killed_at_any_moment_is_replaced_and_everything_happens_once(
    arm: Callable[[], None], campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    attempt = campus.submit(answered(released, PARTLY))
    campus.database.close()  # connections must not cross the fork
    pid = os.fork()
    if pid == 0:
        try:
            arm()
            tempfile.tempdir = str(campus.root)  # what it leaves behind goes with the test
            worker_for(campus, remembering, name="doomed").run(once=True)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert campus.markings()[0].state is MarkingState.RUNNING
    assert campus.feedback() == []
    assert worker_for(campus, remembering).run(once=True) == 0  # the claim still holds
    assert worker_for(campus, remembering, ahead=60, name="second").run(once=True) == 1
    (marking,) = campus.markings()
    assert (marking.state, marking.tries, marking.score) == (MarkingState.DONE, 2, 2.0)
    assert marking.claimed_by == "second"
    assert len(campus.feedback(attempt)) == 1
    assert score(campus) == 2.0
    assert course_folder.placed_attempt(campus.course, "ps1", "kim") == attempt
    assert (campus.course / "submitted" / "kim" / "ps1" / "p1.ipynb").exists()
    assert not list(campus.course.glob(f"{course_folder.STAGING}*"))


def test_a_worker_that_lost_its_claim_stores_nothing(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    campus.submit(answered(released, RIGHT))

    class Slow(Around):
        overtaken = False

        def open(self, opening: Opening, cancel: threading.Event | None = None) -> Interpreters:
            if not self.overtaken:
                self.overtaken = True
                assert worker_for(campus, remembering, ahead=60, name="quick").run(once=True) == 1
            return super().open(opening, cancel)

    worker_for(campus, Slow(remembering), name="slow").run(once=True)
    (marking,) = campus.markings()
    assert (marking.state, marking.claimed_by, marking.tries) == (MarkingState.DONE, "quick", 2)
    assert len(campus.feedback()) == 1


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_kill_9_while_a_notebook_runs_and_another_process_finishes_it_once(
    kind: str, course: Path, tmp_path: Path, released: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/bitgoeul.db" if kind == "sqlite" else request.getfixturevalue("fresh_postgres")
    with opened(tmp_path, url) as campus:
        attempt = campus.submit(sleeping_notebook(released, 3))
        first = start_worker(campus, "--expiry", "2")
        wait_for("the first worker's start on it", lambda: campus.markings()[0].state is MarkingState.RUNNING, 60)
        time.sleep(1.5)
        first.kill()
        first.communicate()
        assert campus.markings()[0].state is MarkingState.RUNNING
        second = start_worker(campus, "--expiry", "2")
        try:
            wait_for("another worker's end of it", lambda: campus.markings()[0].state is MarkingState.DONE, 90)
        finally:
            second.send_signal(signal.SIGTERM)
            _, log = second.communicate(timeout=30)
        assert second.returncode == 0, log
        (marking,) = campus.markings()
        assert (marking.tries, marking.score) == (2, 6.0)
        assert len(campus.feedback(attempt)) == 1
        assert score(campus) == 6.0


def test_a_worker_that_is_there_before_the_tables_waits_for_them(
    tmp_path: Path, remembering: Sandbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grader.presence.SAY_EVERY", 0.2)
    url, stop = f"sqlite:///{tmp_path}/bitgoeul.db", threading.Event()
    database = Database(url)
    worker = Worker(database, Storage(tmp_path / "storage"), tmp_path / "offerings", remembering, stop=stop)
    thread = threading.Thread(target=worker.run)
    thread.start()

    def is_announced() -> bool:
        with database.read() as session:
            return bool(presence.alive(session, datetime.now(UTC)))

    try:
        wait_for("its word", lambda: "asked for work, trying again: no such table: marking" in caplog.text, 30)
        assert "Traceback" not in caplog.text
        migrate(url)
        wait_for("its word that it runs", is_announced, 30)
    finally:
        stop.set()
        thread.join(60)
        database.close()
    assert not thread.is_alive()


def test_sigterm_gives_the_job_back_and_stops_soon(campus: MarkingCampus, released: dict[str, Any]) -> None:
    campus.submit(sleeping_notebook(released, 50))
    process = start_worker(campus)
    wait_for("the worker's start on it", lambda: campus.markings()[0].state is MarkingState.RUNNING, 60)
    time.sleep(1.0)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    _, log = process.communicate(timeout=30)
    assert process.returncode == 0, log
    assert time.monotonic() - began < 10
    (marking,) = campus.markings()
    assert (marking.state, marking.tries, marking.claim) == (MarkingState.QUEUED, 0, None)
    assert "given back" in log


def test_a_killed_worker_leaves_no_folder_behind_its_successor(campus: MarkingCampus, released: dict[str, Any]) -> None:
    temporary = campus.root / "tmp"
    temporary.mkdir()
    campus.submit(sleeping_notebook(released, 40))
    first = start_worker(campus, TMPDIR=str(temporary))
    wait_for("the unpacking", lambda: list(temporary.rglob("p1.ipynb")) != [], 60)
    first.kill()
    first.communicate()
    assert list(temporary.rglob("p1.ipynb")) != []
    second = start_worker(campus, "--once", TMPDIR=str(temporary))
    _, log = second.communicate(timeout=60)
    assert second.returncode == 0, log
    assert [path.name for path in temporary.rglob("*")] == [f"bitgoeul-{os.geteuid()}"]
