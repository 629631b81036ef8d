"""The campus in figures: who takes part, how much was handed in, whether the hub is in step. Reads only."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cohorts.models import Membership, MembershipState, Role
from grader.models import Attempt


class CampusFigures(Collector):
    """What `session` says now, in Prometheus' families."""

    def __init__(self, session: Session, *, in_step: bool) -> None:
        active = Membership.state == MembershipState.ACTIVE
        counted = session.execute(
            select(Membership.role, func.count(Membership.username.distinct())).where(active).group_by(Membership.role)
        )
        self._people = dict.fromkeys(Role, 0)
        for role, number in counted:
            self._people[role] = number
        self._attempts = session.scalar(select(func.count()).select_from(Attempt)) or 0
        self._in_step = in_step

    def collect(self) -> Iterable[Metric]:
        people = GaugeMetricFamily("bitgoeul_people", "People who take part now, by role.", labels=["role"])
        for role, number in self._people.items():
            people.add_metric([role.value], number)
        yield people
        yield CounterMetricFamily("bitgoeul_attempts", "Attempts that were received.", value=self._attempts)
        yield GaugeMetricFamily(
            "bitgoeul_hub_in_step",
            "Whether the hub's people and groups are as the database says.",
            value=float(self._in_step),
        )
