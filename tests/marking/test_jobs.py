"""Jobs: one claim at a time, kept by heartbeat, finished once, set aside after three tries. SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from marking_campus import NOON, MarkingCampus, opened
from sqlalchemy import select, update

from grader.counting import Standing, choose
from grader.job_progress import Progress, progress
from grader.jobs import (
    BACKGROUND,
    ClaimLost,
    Ended,
    enqueue_feedback,
    enqueue_marking,
    fail,
    finish,
    heartbeat,
    requeue,
    retry,
)
from grader.models import Attempt, Counting, Marking, MarkingKind, MarkingState
from grader.queueing import claim

LATER = NOON + timedelta(seconds=20)
MUCH_LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[MarkingCampus]:
    """A campus without a course folder, on both databases in turn."""
    with opened(tmp_path, database_url) as campus:
        yield campus


def test_a_job_is_claimed_once_and_finished_once(store: MarkingCampus) -> None:
    attempt = store.attempt(b"work")
    job = claim(store.database, "a", NOON)
    assert job is not None
    assert (job.attempt_id, job.assignment, job.username, job.number, job.tries) == (attempt, "ps1", "kim", 1, 1)
    assert claim(store.database, "b", LATER) is None
    with store.database.write() as session:
        finish(session, job, Ended(score=3, max_score=11, integrity="clean", tests=[{"name": "x"}]), LATER)
    (marking,) = store.markings()
    assert (marking.state, marking.score, marking.finished_at) == (MarkingState.DONE, 3, LATER)
    assert marking.tests == [{"name": "x"}]
    with pytest.raises(ClaimLost), store.database.write() as session:
        finish(session, job, Ended(score=11), LATER)
    assert store.markings()[0].score == 3


def test_a_silent_workers_job_goes_to_another_and_the_first_can_finish_nothing(store: MarkingCampus) -> None:
    store.attempt(b"work")
    first = claim(store.database, "a", NOON)
    assert first is not None
    assert heartbeat(store.database, first, LATER)
    assert claim(store.database, "b", LATER + timedelta(seconds=29)) is None
    second = claim(store.database, "b", MUCH_LATER)
    assert second is not None
    assert (second.marking_id, second.tries) == (first.marking_id, 2)
    assert not heartbeat(store.database, first, MUCH_LATER)
    assert not fail(store.database, first, "late", MUCH_LATER)
    assert not requeue(store.database, first)
    with pytest.raises(ClaimLost), store.database.write() as session:
        finish(session, first, Ended(score=0), MUCH_LATER)
    with store.database.write() as session:
        finish(session, second, Ended(score=5), MUCH_LATER)
    assert store.markings()[0].score == 5


def test_three_tries_and_it_is_set_aside_with_its_log(store: MarkingCampus) -> None:
    store.attempt(b"work")
    for number in (1, 2, 3):
        job = claim(store.database, "a", NOON)
        assert job is not None
        assert job.tries == number
        assert fail(store.database, job, f"it broke ({number})", NOON)
    assert claim(store.database, "a", NOON) is None
    (marking,) = store.markings()
    assert marking.state is MarkingState.FAILED
    assert "it broke (3)" in (marking.log or "")
    with store.database.write() as session:
        retry(session, session.get_one(Marking, marking.id), LATER)
    assert claim(store.database, "a", LATER) is not None


def test_a_job_that_kills_its_worker_each_time_is_set_aside(store: MarkingCampus) -> None:
    store.attempt(b"work")
    for number in range(3):
        assert claim(store.database, "a", NOON + number * timedelta(minutes=1)) is not None
    assert claim(store.database, "a", MUCH_LATER) is None
    (marking,) = store.markings()
    assert marking.state is MarkingState.FAILED
    assert "fell silent" in (marking.log or "")


def test_a_job_given_back_on_shutdown_has_not_used_a_try(store: MarkingCampus) -> None:
    store.attempt(b"work")
    job = claim(store.database, "a", NOON)
    assert job is not None
    assert requeue(store.database, job)
    again = claim(store.database, "b", NOON)
    assert again is not None
    assert again.tries == 1


def test_students_who_wait_go_before_what_can_wait(store: MarkingCampus) -> None:
    first, second = store.attempt(b"one"), store.attempt(b"two", "lee")
    with store.database.write() as session:
        session.execute(update(Marking).where(Marking.attempt_id == first).values(priority=BACKGROUND))
    order = [claim(store.database, "a", NOON) for _ in range(2)]
    assert [job.attempt_id for job in order if job] == [second, first]


def test_asking_twice_makes_one_job(store: MarkingCampus) -> None:
    attempt_id = store.attempt(b"work")
    with store.database.write() as session:
        attempt = session.get_one(Attempt, attempt_id)
        waiting = session.scalars(select(Marking)).one()
        assert enqueue_marking(session, attempt, NOON).id == waiting.id
        made = enqueue_feedback(session, attempt)
        assert enqueue_feedback(session, attempt, LATER).id == made.id
        assert made.kind is MarkingKind.FEEDBACK
    assert len(store.markings()) == 2


def test_progress_counts_the_newest_marking_of_each_attempt(store: MarkingCampus) -> None:
    first, _second = store.attempt(b"one"), store.attempt(b"two", "lee")
    job = claim(store.database, "a", NOON)
    assert job is not None
    with store.database.write() as session:
        assert progress(session, job.assignment_id) == Progress(queued=1, running=1)
        finish(session, job, Ended(score=1), NOON)
        assert progress(session, job.assignment_id) == Progress(queued=1, done=1)
        enqueue_feedback(session, session.get_one(Attempt, first))
        assert progress(session, job.assignment_id) == Progress(queued=1, done=1)
        enqueue_marking(session, session.get_one(Attempt, first), NOON)
        assert progress(session, job.assignment_id) == Progress(queued=2)


def test_many_workers_at_once_take_every_job_exactly_once(store: MarkingCampus) -> None:
    wanted = {store.attempt(b"work", name) for _ in range(12) for name in ("kim", "lee")}
    taken: list[int] = []
    problems: list[BaseException] = []

    def work(name: str) -> None:
        try:
            while (job := claim(store.database, name, NOON)) is not None:
                taken.append(job.attempt_id)
                with store.database.write() as session:
                    finish(session, job, Ended(score=1), NOON)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert sorted(taken) == sorted(wanted)


CHOICES = {
    "the latest": (Counting.LATEST, [(1, 9.0), (2, 1.0)], (3, 0.0), 3),
    "an older one marked late": (Counting.LATEST, [(2, 1.0), (3, 0.0)], (1, 9.0), 3),
    "the best so far": (Counting.BEST, [(1, 9.0), (2, 1.0)], (3, 5.0), 1),
    "a new best": (Counting.BEST, [(1, 9.0)], (2, 9.5), 2),
    "of equals the newer": (Counting.BEST, [(1, 9.0)], (2, 9.0), 2),
    "the best marked again and worse": (Counting.BEST, [(1, 9.0), (2, 5.0)], (1, 4.0), 2),
}


@pytest.mark.parametrize(("counting", "known", "fresh", "counts"), CHOICES.values(), ids=CHOICES)
def test_which_attempt_counts(
    counting: Counting, known: list[tuple[int, float]], fresh: tuple[int, float], counts: int
) -> None:
    standings = [Standing(number, number, score) for number, score in known]
    assert choose(standings, Standing(fresh[0], *fresh), counting) == counts
