"""The numbers: what Prometheus reads, who may read it, and how each question goes, for staff."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from portal_site import COURSE, SECRET, Site, fill, hand_in, make_settings, run_site
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, select

from grader import presence
from grader.figures import Figures
from grader.jobs import BACKGROUND
from grader.models import Assignment, Counting, Marking, MarkingState
from grader.questions import Question, rates
from portal.app import check_settings
from portal.settings import SettingsError

TOKEN = "7c" * 32
API = f"/api/offerings/{COURSE}/assignments/first-steps"


def graded(name: str, points: float | None, outcome: str, most: float = 2.0) -> dict[str, Any]:
    return {"notebook": "first-steps", "name": name, "points": points, "max_points": most, "outcome": outcome}


GOOD = [graded("mean", 2.0, "passed"), graded("median", 2.0, "passed"), graded("essay", None, "manual", 5.0)]
HALF = [graded("mean", 1.0, "partial"), graded("median", 0.0, "failed"), graded("essay", None, "manual", 5.0)]
BAD = [graded("mean", 0.0, "failed"), graded("median", 0.0, "not-run"), graded("essay", 0.0, "unanswered", 5.0)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A campus that is measured; tests only look."""
    with run_site(tmp_path_factory.mktemp("measured") / "data", metrics_token=TOKEN) as site:
        fill(site)
        here = site.campus
        for username, tests, seconds in (("haneul.lee", GOOD, 0.3), ("minseo.kim", HALF, 0.7), ("jiho.jung", BAD, 40)):
            attempt = hand_in(here, COURSE, "first-steps", username, score=1, max_score=9)
            measured(site, attempt, tests, seconds)
        again = hand_in(here, COURSE, "first-steps", "jiho.jung", number=2, score=4, max_score=9)
        measured(site, again, HALF, 0.9)
        hand_in(here, COURSE, "first-steps", "seoyeon.choi", state=MarkingState.FAILED)
        hand_in(here, COURSE, "cafe-sales", "haneul.lee", state=MarkingState.QUEUED)
        waiting = hand_in(here, COURSE, "cafe-sales", "minseo.kim", state=MarkingState.QUEUED)
        with here.database.write() as session:
            session.scalars(select(Marking).where(Marking.attempt_id == waiting)).one().priority = BACKGROUND
            failed = session.scalars(select(Marking).where(Marking.state == MarkingState.FAILED)).one()
            failed.finished_at, failed.tries = datetime.now(UTC), 3
            failed.log = "Traceback (most recent call last):\n  ...\nOSError: the disk <b>broke</b>"
        presence.announce(here.database, "one", "fork", {"cpu": 2, "h100": 1}, datetime.now(UTC))
        presence.announce(here.database, "two", "fork", {"cpu": 4}, datetime.now(UTC))
        presence.announce(here.database, "gone", "fork", {"cpu": 8}, datetime.now(UTC) - timedelta(minutes=5))
        yield site


def measured(site: Site, attempt: int, tests: list[dict[str, Any]], seconds: float) -> None:
    """Let the attempt's marking have waited for two seconds, and taken `seconds`, a third of it running."""
    with site.campus.database.write() as session:
        marking = session.scalars(select(Marking).where(Marking.attempt_id == attempt)).one()
        marking.started_at = marking.queued_at + timedelta(seconds=2)
        marking.finished_at = marking.started_at + timedelta(seconds=seconds)
        marking.tests = tests
        marking.phases = {"reading": {"at": 0.0, "seconds": 0.01}, "running": {"at": 0.01, "seconds": seconds / 3}}


def scrape(site: Site, token: str = TOKEN) -> httpx.Response:
    with httpx.Client(base_url=site.url, trust_env=False, timeout=30) as client:
        return client.get("/api/metrics", headers={"Authorization": f"Bearer {token}"} if token else {})


def values(text: str, name: str) -> dict[tuple[str, ...], float]:
    """The samples called `name`, by the values of their labels."""
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def test_prometheus_reads_queue_states_workers_and_times(site: Site) -> None:
    answer = scrape(site)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    text = answer.text
    assert values(text, "bitgoeul_markings") == {("queued",): 2, ("running",): 0, ("done",): 4, ("failed",): 1}
    assert values(text, "bitgoeul_queue_depth") == {("0",): 1, ("10",): 1}
    assert values(text, "bitgoeul_workers") == {(): 2}
    assert values(text, "bitgoeul_lane_depth") == {("cpu",): 2, ("h100",): 0}
    assert values(text, "bitgoeul_worker_slots") == {("cpu",): 6, ("h100",): 1}
    assert values(text, "bitgoeul_markings_finished_total") == {("mark", "clean"): 4, ("mark", "failed"): 1}
    assert values(text, "bitgoeul_queue_seconds_count") == {("mark",): 4}
    assert values(text, "bitgoeul_queue_seconds_sum")[("mark",)] == pytest.approx(8)
    buckets = values(text, "bitgoeul_marking_seconds_bucket")
    assert [buckets["mark", bound] for bound in ("0.25", "0.5", "1.0", "30.0", "60.0", "+Inf")] == [0, 1, 3, 3, 4, 4]
    assert values(text, "bitgoeul_phase_seconds_count") == {("reading",): 4, ("running",): 4}


def test_prometheus_reads_how_each_question_goes(site: Site) -> None:
    text = scrape(site).text

    def of(cell: str) -> tuple[str, ...]:
        return ("first-steps", cell, "first-steps", COURSE)  # assignment, cell, notebook, offering

    assert values(text, "bitgoeul_question_students")[of("mean")] == 3
    assert values(text, "bitgoeul_question_passed") == {of("mean"): 1, of("median"): 1, of("essay"): 0}
    assert values(text, "bitgoeul_question_judged")[of("essay")] == 0
    assert of("essay") not in values(text, "bitgoeul_question_mean_points")


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "0"], ids=["none", "wrong", "short", "long"])
def test_without_the_token_nobody_reads_the_metrics(site: Site, token: str) -> None:
    assert scrape(site, token).status_code == 403


def test_nobody_who_is_signed_in_reads_the_metrics_and_where_no_token_is_set_no_program(busy_site: Site) -> None:
    with busy_site.client("sera.oh") as client:
        assert client.get("/api/metrics").status_code == 403
    assert scrape(busy_site, "").status_code == 403
    assert scrape(busy_site, SECRET).status_code == 403


def test_a_short_token_keeps_the_portal_from_starting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="BITGOEUL_METRICS_TOKEN has 5 characters"):
        check_settings(make_settings(tmp_path, 1, metrics_token="short"))


def test_a_finished_marking_is_read_once_and_counted_once(site: Site) -> None:
    figures, now = Figures(), datetime.now(UTC)
    read: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        read.append(statement)

    with site.campus.database.read() as session:
        first = dict(figures.read(session, now).totals.outcomes)
        event.listen(site.campus.database.engine, "before_cursor_execute", note)
        second = figures.read(session, now)
        event.remove(site.campus.database.engine, "before_cursor_execute", note)
    assert dict(second.totals.outcomes) == first
    assert not [statement for statement in read if "marking.tests" in statement]
    assert len(second.questions) == 3


def test_staff_sees_which_question_most_fail(site: Site) -> None:
    with site.client("yuna.kim", locale="ko") as client:
        found = client.get(f"{API}/questions").json()
        assert [(row["name"], row["passed"], row["judged"], row["students"]) for row in found] == [
            ("mean", 1, 3, 3),
            ("median", 1, 3, 3),
            ("essay", 0, 0, 3),
        ]
        assert found[0]["passed_share"] == pytest.approx(1 / 3)
        assert found[0]["mean_points"] == pytest.approx(4 / 3)
        page = client.get(f"/teach/{COURSE}/assignments/first-steps").text
        assert "문항별 결과" in page
        assert "33%" in page


def test_of_several_attempts_the_best_one_is_counted_where_the_best_one_counts(site: Site) -> None:
    from grader.questions import questions_of

    with site.campus.database.read() as session:
        row = session.scalars(
            select(Assignment).where(Assignment.offering_id == COURSE, Assignment.name == "first-steps")
        ).one()
        row.counting = Counting.LATEST
        assert questions_of(session, row)[0].mean_points == pytest.approx(4 / 3)
        row.counting = Counting.BEST
        session.scalars(select(Marking).where(Marking.score == 4)).one().score = 0.5
        session.flush()
        assert questions_of(session, row)[0].mean_points == pytest.approx(1.0)
        session.rollback()


def test_a_job_that_was_set_aside_is_shown_with_its_log_and_tried_again_when_asked(site: Site) -> None:
    with site.client("jun.park", locale="ko") as client:
        (job,) = client.get(f"{API}/marking/failed").json()
        assert (job["username"], job["tries"]) == ("seoyeon.choi", 3)
        assert job["log"].endswith("OSError: the disk <b>broke</b>")
        page = client.get(f"/teach/{COURSE}/assignments/first-steps").text
        assert "세 번 시도한 뒤 멈춘 채점 1건" in page
        assert "OSError: the disk &lt;b&gt;broke&lt;/b&gt;" in page
        assert client.post(f"{API}/marking/999999/retry").status_code == 404
        assert client.post(f"{API}/marking/{job['marking_id']}/retry").json() == {"queued": True}
        assert client.post(f"{API}/marking/{job['marking_id']}/retry").json() == {"queued": False}
        assert client.get(f"{API}/marking/failed").json() == []
    with site.client("haneul.lee") as student:
        assert student.get(f"{API}/marking/failed").status_code == 403
        assert student.get(f"{API}/questions").status_code == 403


def test_a_question_is_rated_over_those_who_have_points_for_it() -> None:
    assert rates([GOOD, BAD, []]) == [
        Question("first-steps", "mean", 2.0, 2, 2, 1, 1.0),
        Question("first-steps", "median", 2.0, 2, 2, 1, 1.0),
        Question("first-steps", "essay", 5.0, 2, 1, 0, 0.0),
    ]
    assert rates([]) == []
