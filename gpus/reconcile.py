"""Leases against what really runs: the hub's servers and the engine's containers. Ends what has no server any more.

After a restart of whichever part, the books and the world agree again within seconds; nothing stays lent to nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from gpus.hardware import Hardware
from gpus.leases import end, run
from gpus.models import Lease, LeaseState
from gpus.upkeep import JOB
from gpus.usage import accrue

#: how long a lease may be without a server at the hub: from the lease to the hub's spawn, and while the hub restarts
MISSED = timedelta(seconds=20)
#: how long a container of a lease that has ended may go on: the hub is stopping it
STOPPING = timedelta(seconds=30)
#: how long what the engine said counts
ENGINE_FRESH = timedelta(seconds=60)
GONE = "gone"


@dataclass(frozen=True)
class EngineServer:
    """A container or service of a lab as the engine has it."""

    lease: int
    username: str
    device: str
    node: str


def has_container(lease: Lease, now: datetime) -> bool:
    """Whether the engine had a container for that lease when it last told."""
    return lease.engine_seen_at is not None and now - lease.engine_seen_at < ENGINE_FRESH


def reconcile_with_hub(
    session: Session, hardware: Hardware, servers: Mapping[str, bool], now: datetime, *, timezone: str
) -> list[str]:
    """End leases whose holder has no server for a while; their holders. `servers` maps user names to "is ready"."""
    ended = []
    working = select(Lease).where(Lease.ended_at.is_(None), Lease.state.in_((LeaseState.STARTING, LeaseState.RUNNING)))
    for lease in session.scalars(working).all():
        if lease.holder.startswith(JOB):
            continue
        if lease.holder in servers:
            lease.missed_at = None
            if lease.stopping == GONE:
                lease.stopping = None
            if servers[lease.holder] and lease.state is LeaseState.STARTING:
                run(session, lease, device="", node="", now=now)
        elif lease.missed_at is None:
            lease.missed_at = now
        elif now - lease.missed_at >= MISSED:
            if has_container(lease, now):
                lease.stopping = GONE  # its container is there still: removed first, and only then lent again
                continue
            accrue(session, lease, now, hardware.rules.half_life, timezone)
            end(lease, "gone", now)
            ended.append(lease.holder)
    session.flush()
    return ended


def reconcile_with_engine(
    session: Session, hardware: Hardware, servers: Collection[EngineServer], now: datetime, *, timezone: str
) -> list[int]:
    """Learn which device each lease became; ids of leases whose container is to be removed.

    Those are leases that ended, and those that nobody's server holds any more: they end once the container is gone.
    """
    stray = []
    there = {server.lease for server in servers}
    for server in servers:
        lease = session.get(Lease, server.lease)
        if lease is None or (lease.ended_at is not None and now - lease.ended_at >= STOPPING):
            stray.append(server.lease)
        elif lease.ended_at is None:
            lease.engine_seen_at = now
            if server.device and lease.slice.device != server.device:
                run(session, lease, device=server.device, node=server.node, now=now)
            if lease.stopping == GONE:
                stray.append(server.lease)
    for lease in session.scalars(select(Lease).where(Lease.ended_at.is_(None), Lease.stopping == GONE)).all():
        if lease.id not in there:
            accrue(session, lease, now, hardware.rules.half_life, timezone)
            end(lease, "gone", now)
    session.flush()
    return stray
