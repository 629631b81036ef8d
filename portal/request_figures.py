"""How long this portal's answers take, for Prometheus. In memory, each portal its own: a restart begins anew."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import generate_latest

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class RequestFigures:
    """Counts answers by method and by the hundreds of their status. Safe to use from several threads."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._seconds = Histogram(
            "bitgoeul_http_seconds",
            "Time from a request to the beginning of its answer, at this portal.",
            labelnames=("method", "status"),
            buckets=BOUNDS,
            registry=self._registry,
        )

    def note(self, method: str, status: int, seconds: float) -> None:
        """Count an answer that began after so many seconds."""
        known = method if method in METHODS else "other"
        self._seconds.labels(known, f"{status // 100}xx").observe(seconds)

    def page(self) -> bytes:
        """What was counted, as Prometheus reads it."""
        return generate_latest(self._registry)
