"""GPUs in figures: slices, who waits and how long they did, hours that were used and hours of nothing. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from gpus.inventory import stock
from gpus.models import Ticket, Use
from gpus.tickets import waiting_by_kind

#: seconds; from "at once" to a working day
WAITS = (1.0, 10.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0)


class GpuFigures(Collector):
    """What `session` says now, in Prometheus' families."""

    def __init__(self, session: Session) -> None:
        self._stock = stock(session)
        self._waiting = waiting_by_kind(session)
        within = [func.sum(case((Ticket.waited <= bound, 1), else_=0)) for bound in WAITS]
        served = select(Ticket.kind, func.count(), func.sum(Ticket.waited), *within).where(Ticket.waited.is_not(None))
        self._waits = {row[0]: row[1:] for row in session.execute(served.group_by(Ticket.kind))}
        seconds, idle = func.sum(Use.seconds * Use.share), func.sum(Use.idle_seconds)
        used = session.execute(select(Use.track, Use.kind, seconds, idle).group_by(Use.track, Use.kind)).all()
        self._hours = {(track, kind): total / 3600 for track, kind, total, _ in used}
        self._idle: dict[str, float] = defaultdict(float)
        for _, kind, _, nothing in used:
            self._idle[kind] += nothing

    def collect(self) -> Iterable[Metric]:
        slices = GaugeMetricFamily("bitgoeul_gpu_slices", "Slices by what they are now.", labels=["kind", "state"])
        tickets = GaugeMetricFamily("bitgoeul_gpu_tickets", "People who wait for a slice.", labels=["kind"])
        for one in self._stock:
            for state in ("lent", "free", "away"):
                slices.add_metric([one.kind, state], getattr(one, state))
        for kind in sorted({*self._waiting, *(one.kind for one in self._stock)}):
            tickets.add_metric([kind], self._waiting.get(kind, 0))
        yield slices
        yield tickets
        yield self._histogram()
        hours = CounterMetricFamily("bitgoeul_gpu_hours", "GPU hours that were used.", labels=["track", "kind"])
        for (track, kind), total in sorted(self._hours.items()):
            hours.add_metric([track, kind], total)
        yield hours
        idle = CounterMetricFamily(
            "bitgoeul_gpu_idle_leased_seconds", "Seconds in which lent slices computed nothing.", labels=["kind"]
        )
        for kind, nothing in sorted(self._idle.items()):
            idle.add_metric([kind], nothing)
        yield idle

    def _histogram(self) -> Metric:
        family = HistogramMetricFamily(
            "bitgoeul_gpu_lease_wait_seconds", "Time from asking for a slice to getting it.", labels=["kind"]
        )
        for kind, (count, total, *within) in sorted(self._waits.items()):
            buckets = [(str(bound), float(number)) for bound, number in zip(WAITS, within, strict=True)]
            family.add_metric([kind], [*buckets, ("+Inf", float(count))], total)
        return family
