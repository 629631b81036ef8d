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
#: how long a lab with other hardware may take to stop after the lease that it makes room for
CHANGING = timedelta(minutes=2)
#: how long a container of a lease that has ended may go on: the hub is stopping it
STOPPING = timedelta(seconds=30)
#: how long what the engine said counts
ENGINE_FRESH = timedelta(seconds=60)
GONE = "gone"


@dataclass(frozen=True)
class HubHas:
    """A server that the hub has for somebody, and the profile it was started with."""

    profile: str
    ready: bool


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
    session: Session, hardware: Hardware, servers: Mapping[str, HubHas], now: datetime, *, timezone: str
) -> list[str]:
    """End leases whose holder has no server for a while; their holders. `servers` are the hub's, by user name.

    A server with other hardware is none for the lease; while the lease is new it is being stopped to make room for one.
    """
    ended = []
    working = select(Lease).where(Lease.ended_at.is_(None), Lease.state.in_((LeaseState.STARTING, LeaseState.RUNNING)))
    for lease in session.scalars(working).all():
        if lease.holder.startswith(JOB):
            continue
        has = servers.get(lease.holder)
        if has is not None and has.profile == lease.profile:
            lease.missed_at = None
            if lease.stopping == GONE:
                lease.stopping = None
            if has.ready and lease.state is LeaseState.STARTING:
                run(session, lease, device="", node="", now=now)
        elif has is not None and lease.starting_at is not None and now - lease.starting_at < CHANGING:
            lease.missed_at = None
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
