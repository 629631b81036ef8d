"""The worker from attempt to feedback: what it stores, what it survives, and that it does everything once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from marking_campus import OFFERING, MarkingCampus, opened
from nbgrader.api import Gradebook
from small_course import PARTLY, RIGHT, WRONG, answered, cell_of
from sqlalchemy import event, select, update

from grader import archive, contention, course_folder, doorbell, gradebook, jobs, presence, recording
from grader.feedback import release_feedback
from grader.gradebook import gradebook_url, marks
from grader.models import Assignment, Attempt, Counting, Feedback, FeedbackPolicy, Marking, MarkingKind, MarkingState
from grader.sandbox.base import (
    Ending,
    Interpreters,
    Opening,
    Sandbox,
    SandboxJob,
    SandboxResult,
    SandboxUnavailable,
    Side,
    SideEnded,
)
from grader.worker import Worker

pytestmark = pytest.mark.namespaces


def worker_for(campus: MarkingCampus, sandbox: Sandbox, *, ahead: float = 0.0, **settings: Any) -> Worker:
    """A worker; `ahead` seconds into the future, it finds jobs of killed workers at once."""
    return Worker(
        campus.database,
        campus.storage,
        campus.offerings,
        sandbox,
        clock=lambda: datetime.now(UTC) + timedelta(seconds=ahead),
        **settings,
    )


def score(campus: MarkingCampus, username: str = "kim") -> float | None:
    return next((mark.score for mark in marks(campus.course) if mark.username == username), None)


def test_an_attempt_becomes_marks_feedback_and_folders(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    attempt = campus.submit(answered(released, PARTLY))
    assert worker_for(campus, remembering).run(once=True) == 1
    (marking,) = campus.markings()
    assert (marking.state, marking.score, marking.max_score) == (MarkingState.DONE, 2.0, 11.0)
    assert (marking.needs_manual, marking.integrity, marking.log) == (True, "clean", None)
    outcomes = {test["name"]: (test["points"], test["outcome"]) for test in marking.tests or []}
    assert outcomes == {
        "square_test": (0.0, "failed"),
        "ratio_test": (1.0, "partial"),
        "data_test": (1.0, "passed"),
        "essay": (None, "manual"),
    }
    (feedback,) = campus.feedback(attempt)
    assert (feedback.score, feedback.max_score, feedback.needs_manual) == (2.0, 11.0, True)
    assert feedback.released_at is not None
    assert "숨은 검사를 통과하지 못했습니다" in campus.html(feedback)
    for step in ("submitted", "autograded"):
        folder = campus.course / step / "kim" / "ps1"
        assert (folder / "timestamp.txt").read_text() == "2026-03-20 03:01:00.000000 UTC"
        assert (folder / "note.txt").read_text() == "mine"
        assert (folder / "p1.ipynb").exists()
    autograded = campus.course / "autograded" / "kim" / "ps1"
    assert (autograded / "data.csv").read_text() == "a,b\n1,2\n"
    assert (autograded / "p1.ipynb").stat().st_mode & 0o777 == 0o444
    assert not list(campus.course.glob(f"{course_folder.STAGING}*"))


def test_formgrader_lists_it_and_manual_points_reach_the_feedback(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbgrader.apps.api import NbGraderAPI
    from traitlets.config import Config

    campus.set_policy(feedback=FeedbackPolicy.MANUAL)
    attempt = campus.submit(answered(released, RIGHT))
    worker = worker_for(campus, remembering)
    worker.run(once=True)
    assert campus.feedback()[0].released_at is None
    api = NbGraderAPI(config=Config({"CourseDirectory": {"root": str(campus.course), "course_id": OFFERING}}))
    (submission,) = api.get_submissions("ps1")
    assert (submission["student"], submission["score"], submission["autograded"]) == ("kim", 6.0, True)
    assert submission["needs_manual_grade"]
    with Gradebook(gradebook_url(campus.course), OFFERING) as book:
        grade = book.find_grade("essay", "p1", "ps1", "kim")
        grade.manual_score, grade.needs_manual_grade = 4.5, False
        book.find_comment("essay", "p1", "ps1", "kim").manual_comment = "핵심을 잘 짚었습니다"
        book.db.commit()
    with campus.database.write() as session:
        assignment_id = session.get_one(Attempt, attempt).assignment_id
        assert release_feedback(session, assignment_id, datetime.now(UTC)) == 1
    assert worker.run(once=True) == 1
    newest = campus.feedback()[-1]
    assert (newest.score, newest.needs_manual) == (10.5, False)
    assert newest.released_at is not None
    html = campus.html(newest)
    assert "핵심을 잘 짚었습니다" in html
    assert "4.5 / 5.0" in html
    assert "314159" not in html


def test_a_later_attempt_counts_and_an_older_one_marked_late_does_not_overwrite_it(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    first, second = campus.submit(answered(released, WRONG)), campus.submit(answered(released, RIGHT))
    worker = worker_for(campus, remembering)
    with campus.database.write() as session:
        session.execute(update(Marking).where(Marking.attempt_id == first).values(priority=50))
    assert worker.run(once=True) == 2
    assert [marking.score for marking in campus.markings()] == [1.0, 6.0]
    assert score(campus) == 6.0
    assert course_folder.placed_attempt(campus.course, "ps1", "kim") == second
    assert len(campus.feedback(first)) == 1
    assert "1.0 / 11.0" in campus.html(campus.feedback(first)[0])


def test_with_best_counting_the_better_attempt_stays(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    campus.set_policy(counting=Counting.BEST, feedback=FeedbackPolicy.AT_ONCE)
    first, second = campus.submit(answered(released, RIGHT)), campus.submit(answered(released, PARTLY))
    worker = worker_for(campus, remembering)
    worker.run(once=True)
    assert score(campus) == 6.0
    assert course_folder.placed_attempt(campus.course, "ps1", "kim") == first
    with Gradebook(gradebook_url(campus.course), OFFERING) as book:  # the tests change: the first is worth less now
        for name in ("square_test", "ratio_test"):
            book.find_source_cell(name, "p1", "ps1").source = "assert False"
        book.db.commit()
    with campus.database.write() as session:
        jobs.enqueue_marking(session, session.get_one(Attempt, first), datetime.now(UTC))
    assert worker.run(once=True) == 2  # and the second, which counts now, is marked again
    assert course_folder.placed_attempt(campus.course, "ps1", "kim") == second
    assert score(campus) == 1.0


BAD_WORK: dict[str, Callable[[MarkingCampus], int]] = {
    "no JSON": lambda campus: campus.submit(b"hello"),
    "a future format": lambda campus: campus.submit(b'{"nbformat": 9, "cells": []}'),
    "no notebook": lambda campus: campus.attempt(_bundle_of_text(campus.root)),
}


def _bundle_of_text(root: Path) -> bytes:
    folder = root / "outbox" / "text"
    folder.mkdir(parents=True)
    (folder / "readme.txt").write_text("no notebook")
    return archive.pack(folder)


@pytest.mark.parametrize("hand_in", BAD_WORK.values(), ids=BAD_WORK)
def test_bad_work_scores_nothing_with_a_sentence_and_the_worker_goes_on(
    hand_in: Callable[[MarkingCampus], int], campus: MarkingCampus, remembering: Sandbox
) -> None:
    hand_in(campus)
    assert worker_for(campus, remembering).run(once=True) == 1
    (marking,) = campus.markings()
    assert (marking.state, marking.score, marking.max_score) == (MarkingState.DONE, 0.0, 11.0)
    assert score(campus) == 0.0
    assert all(test["message_ko"] for test in marking.tests or [])


def test_a_submission_that_sends_files_in_the_way_is_marked_all_the_same(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    folder = campus.root / "outbox" / "nasty"
    (folder / "data.csv").mkdir(parents=True)  # a folder where the assignment has a file
    (folder / "data.csv" / "x").write_text("x")
    (folder / "timestamp.txt").write_text("1999-01-01 00:00:00 UTC")
    import json

    (folder / "p1.ipynb").write_text(json.dumps(answered(released, RIGHT)))
    campus.attempt(archive.pack(folder))
    worker_for(campus, remembering).run(once=True)
    assert score(campus) == 6.0
    assert marks(campus.course)[0].submitted_at == datetime(2026, 3, 20, 3, 1, tzinfo=UTC)


def test_a_suspect_marking_is_withheld_until_a_person_releases_it(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    nb = answered(released, RIGHT)
    cell_of(nb, "square_test")["source"] = "assert True"
    attempt = campus.submit(nb)
    worker_for(campus, remembering).run(once=True)
    assert campus.markings(attempt)[0].integrity == "suspect"
    (feedback,) = campus.feedback(attempt)
    assert feedback.released_at is None
    with campus.database.write() as session:
        assert release_feedback(session, session.scalars(select(Assignment)).one().id, datetime.now(UTC)) == 1
    assert campus.feedback(attempt)[0].released_at is not None


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


class Around:
    """A sandbox around another one; what it adds happens when interpreters are opened."""

    name, isolates = "around", True

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def open(self, opening: Opening, cancel: threading.Event | None = None) -> Interpreters:
        return self.sandbox.open(opening, cancel)

    def run(self, job: SandboxJob, cancel: threading.Event | None = None) -> SandboxResult:
        return self.sandbox.run(job, cancel)

    def layers(self) -> list[Any]:
        return self.sandbox.layers()

    def afresh(self) -> Sandbox:
        return self

    def close(self) -> None:
        """The other one's owner ends it."""


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


def start_worker(campus: MarkingCampus, *options: str, **variables: str) -> subprocess.Popen[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("BITGOEUL")} | variables
    return subprocess.Popen(
        [sys.executable, "-m", "portal.cli", "worker", "--data", str(campus.root), *options],
        env=environment | {"BITGOEUL_DATABASE_URL": campus.database.url, "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def sleeping_notebook(released: dict[str, Any], seconds: float) -> dict[str, Any]:
    nb = answered(released, RIGHT)
    cell_of(nb, "ratio")["source"] += f"\nimport time\ntime.sleep({seconds})"
    return nb


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_kill_9_while_a_notebook_runs_and_another_process_finishes_it_once(
    kind: str, course: Path, tmp_path: Path, released: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/bitgoeul.db" if kind == "sqlite" else request.getfixturevalue("fresh_postgres")
    with opened(tmp_path, url) as campus:
        attempt = campus.submit(sleeping_notebook(released, 3))
        first = start_worker(campus, "--expiry", "2")
        wait_until(lambda: campus.markings()[0].state is MarkingState.RUNNING, 60, "the first worker took nothing")
        time.sleep(1.5)
        first.kill()
        first.communicate()
        assert campus.markings()[0].state is MarkingState.RUNNING
        second = start_worker(campus, "--expiry", "2")
        try:
            wait_until(lambda: campus.markings()[0].state is MarkingState.DONE, 90, "nobody finished it")
        finally:
            second.send_signal(signal.SIGTERM)
            _, log = second.communicate(timeout=30)
        assert second.returncode == 0, log
        (marking,) = campus.markings()
        assert (marking.tries, marking.score) == (2, 6.0)
        assert len(campus.feedback(attempt)) == 1
        assert score(campus) == 6.0


def test_sigterm_gives_the_job_back_and_stops_soon(campus: MarkingCampus, released: dict[str, Any]) -> None:
    campus.submit(sleeping_notebook(released, 50))
    process = start_worker(campus)
    wait_until(lambda: campus.markings()[0].state is MarkingState.RUNNING, 60, "the worker took nothing")
    time.sleep(1.0)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    _, log = process.communicate(timeout=30)
    assert process.returncode == 0, log
    assert time.monotonic() - began < 10
    (marking,) = campus.markings()
    assert (marking.state, marking.tries, marking.claim) == (MarkingState.QUEUED, 0, None)
    assert "given back" in log


def test_feedback_is_not_made_for_an_attempt_that_does_not_count(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    first = campus.submit(answered(released, WRONG))
    campus.submit(answered(released, RIGHT))
    worker = worker_for(campus, remembering)
    worker.run(once=True)
    with campus.database.write() as session:
        jobs.enqueue_feedback(session, session.get_one(Attempt, first), datetime.now(UTC))
    assert worker.run(once=True) == 1
    last = campus.markings(first)[-1]
    assert (last.kind, last.state) == (MarkingKind.FEEDBACK, MarkingState.DONE)
    assert "not the one in the gradebook" in (last.log or "")
    assert len(campus.feedback(first)) == 1


def test_released_feedback_stays_and_is_opened_for_one_student_when_asked(
    campus: MarkingCampus, released: dict[str, Any], remembering: Sandbox
) -> None:
    campus.set_policy(feedback=FeedbackPolicy.MANUAL)
    kim, lee = campus.submit(answered(released, RIGHT)), campus.submit(answered(released, WRONG), "lee")
    worker_for(campus, remembering).run(once=True)
    with campus.database.write() as session:
        assignment_id = session.get_one(Attempt, kim).assignment_id
        assert release_feedback(session, assignment_id, datetime.now(UTC), "lee") == 1
        assert release_feedback(session, assignment_id, datetime.now(UTC), "lee") == 0

    def is_open(rows: list[Feedback]) -> bool:
        return rows[0].released_at is not None

    assert is_open(campus.feedback(lee))
    assert not is_open(campus.feedback(kim))


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

        wait_until(is_announced, 30, "the worker didn't say that it runs")
        campus.submit(answered(released, RIGHT))
        with campus.database.write() as session:
            doorbell.ring(session, doorbell.Bell.WORK)
        wait_until(lambda: campus.markings()[0].state is MarkingState.DONE, 60, "nobody woke the worker")
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


def test_a_job_that_lasts_tells_its_phase_meanwhile(campus: MarkingCampus, released: dict[str, Any]) -> None:
    campus.submit(sleeping_notebook(released, 20))
    process = start_worker(campus, "--jobs", "1")
    try:
        wait_until(lambda: campus.markings()[0].phase == "running", 60, "its phase was never written")
    finally:
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
    assert process.returncode == 0, log
    assert campus.markings()[0].phase is None


def test_a_killed_worker_leaves_no_folder_behind_its_successor(campus: MarkingCampus, released: dict[str, Any]) -> None:
    temporary = campus.root / "tmp"
    temporary.mkdir()
    campus.submit(sleeping_notebook(released, 40))
    first = start_worker(campus, TMPDIR=str(temporary))
    wait_until(lambda: list(temporary.rglob("p1.ipynb")) != [], 60, "nothing was unpacked")
    first.kill()
    first.communicate()
    assert list(temporary.rglob("p1.ipynb")) != []
    second = start_worker(campus, "--once", TMPDIR=str(temporary))
    _, log = second.communicate(timeout=60)
    assert second.returncode == 0, log
    assert [path.name for path in temporary.rglob("*")] == [f"bitgoeul-{os.geteuid()}"]
