"""The campus's figures for Prometheus, in its text format. For who holds the metrics token, and nobody else.

Owns the names of the grader's series (docs/reference/metrics.md); what they say is `grader.figures`' business. Those of
the campus, of GPUs and of this portal's answers are `portal.campus_figures`', `portal.gpu_figures`' and
`portal.request_figures`'.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from cohorts.database import Database
from grader.figures import Figures, Histogram, Snapshot
from grader.needs import ON_PROCESSOR
from portal.campus_figures import CampusFigures
from portal.context import Campus, campus
from portal.gpu_figures import GpuFigures

router = APIRouter(prefix="/api", tags=["metrics"])

FRESH_FOR = 5.0
QUESTION_LABELS = ("offering", "assignment", "notebook", "cell")


class MetricsPage:
    """The page as it was made last; made anew when it is older than FRESH_FOR, however many ask.

    `answers` gives this portal's own series, `in_step` says whether the hub is as the database says.
    """

    def __init__(self, answers: Callable[[], bytes] = bytes, in_step: Callable[[], bool] = lambda: False) -> None:
        self._answers = answers
        self._in_step = in_step
        self._figures = Figures()
        self._lock = threading.Lock()
        self._page = b""
        self._made_at = -FRESH_FOR

    def read(self, database: Database) -> bytes:
        with self._lock:
            if time.monotonic() - self._made_at >= FRESH_FOR:
                with database.read() as session:
                    snapshot = self._figures.read(session, datetime.now(UTC))
                    campus_now = CampusFigures(session, in_step=self._in_step())
                    lent_now = GpuFigures(session)
                self._page = encode(snapshot, campus_now, lent_now) + self._answers()
                self._made_at = time.monotonic()
            return self._page


def metrics_page(request: Request) -> MetricsPage:
    """This portal's page of metrics."""
    return cast(MetricsPage, request.app.state.metrics_page)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(here: Annotated[Campus, Depends(campus)], page: Annotated[MetricsPage, Depends(metrics_page)]) -> Response:
    """What the campus and its grader did and do, in Prometheus' text format 0.0.4."""
    return Response(page.read(here.database), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def encode(snapshot: Snapshot, *more: Collector) -> bytes:
    """The snapshot, and `more`, as Prometheus reads it."""
    registry = CollectorRegistry(auto_describe=False)
    for collector in (_Families(snapshot), *more):
        registry.register(collector)
    return generate_latest(registry)


class _Families(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        yield from _now(self._snapshot)
        yield from _ever(self._snapshot)
        yield from _questions(self._snapshot)


def _now(snapshot: Snapshot) -> Iterable[Metric]:
    states = GaugeMetricFamily("bitgoeul_markings", "Markings by state.", labels=["state"])
    for state, number in snapshot.states.items():
        states.add_metric([state], number)
    depth = GaugeMetricFamily(
        "bitgoeul_queue_depth", "Markings that wait, by priority; 0 is students'.", labels=["priority"]
    )
    for priority, number in sorted({0: 0, **snapshot.queued}.items()):
        depth.add_metric([str(priority)], number)
    yield states
    yield depth
    yield GaugeMetricFamily("bitgoeul_workers", "Workers that were seen lately.", value=snapshot.workers)
    lanes = GaugeMetricFamily("bitgoeul_lane_depth", "Markings that wait, by what they need.", labels=["needs"])
    slots = GaugeMetricFamily("bitgoeul_worker_slots", "Markings that all workers take at once.", labels=["needs"])
    for needs in sorted({ON_PROCESSOR, *snapshot.waiting, *snapshot.slots}):
        lanes.add_metric([needs], snapshot.waiting.get(needs, 0))
        slots.add_metric([needs], snapshot.slots.get(needs, 0))
    yield lanes
    yield slots


def _ever(snapshot: Snapshot) -> Iterable[Metric]:
    totals = snapshot.totals
    finished = CounterMetricFamily(
        "bitgoeul_markings_finished", "Markings that ended, by kind and outcome.", labels=["kind", "outcome"]
    )
    for (kind, outcome), number in sorted(totals.outcomes.items()):
        finished.add_metric([kind, outcome], number)
    yield finished
    yield _histograms("bitgoeul_queue_seconds", "Time from being queued to the claim.", "kind", totals.queue)
    yield _histograms("bitgoeul_marking_seconds", "Time from the claim to the end.", "kind", totals.marking)
    yield _histograms("bitgoeul_phase_seconds", "Time in each phase of a marking.", "phase", totals.phases)


def _histograms(name: str, text: str, label: str, found: dict[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=[label])
    for value, histogram in sorted(found.items()):
        family.add_metric([value], histogram.cumulative(), histogram.total)
    return family


def _questions(snapshot: Snapshot) -> Iterable[Metric]:
    texts = {
        "students": "Students whose counting attempt was marked on this question.",
        "judged": "Of these, who have points for it.",
        "passed": "Of these, who have all of its points.",
        "mean_points": "Mean points of those who have points.",
        "max_points": "What the question is worth.",
    }
    for field, text in texts.items():
        family = GaugeMetricFamily(f"bitgoeul_question_{field}", text, labels=QUESTION_LABELS)
        for figure in snapshot.questions:
            value = getattr(figure.question, field)
            if value is not None:
                question = figure.question
                family.add_metric([figure.offering_id, figure.assignment, question.notebook, question.name], value)
        yield family
