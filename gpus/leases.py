"""Leases as they go: granted, waiting for an answer, starting, running, ended. Owns each step; decides nothing.

Every function works within a transaction of `gpus.writer.deciding`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypedDict

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session, joinedload

from cohorts.database import table_of
from gpus.hardware import Profile
from gpus.models import Lease, LeaseState, Slice

Because = Literal[
    "stopped",  # the person or the hub stopped the server
    "failed",  # the server did not start
    "lost",  # its node went away
    "gone",  # the hub has no such server any more
    "no-answer",  # a turn that nobody took
    "declined",  # a turn that was given up
    "replaced",  # the person asked for other hardware
    "idle",  # nothing was computed
    "over",  # its time was up
    "unused",  # kept for a class, and nobody came
    "yielded",  # a marking made room for a person
]


class NewLease(TypedDict):
    """The columns of a lease that begins."""

    slice_id: int
    holder: str
    profile: str
    kind: str
    share: float
    cohort_id: str | None
    track: str
    class_session_id: int | None
    state: LeaseState
    granted_at: datetime
    answer_by: datetime | None
    starting_at: datetime | None
    until: datetime | None


_GRANT = insert(table_of(Lease))
_OF = select(Lease).where(Lease.holder == bindparam("of"), Lease.ended_at.is_(None))


def lease_of(session: Session, holder: str) -> Lease | None:
    """What that person or job holds now."""
    return session.scalar(_OF, {"of": holder})


def open_leases(session: Session) -> list[Lease]:
    """Leases that have not ended, with their slices, the oldest first."""
    query = select(Lease).where(Lease.ended_at.is_(None)).options(joinedload(Lease.slice)).order_by(Lease.id)
    return list(session.scalars(query))


def granted(
    slice_id: int,
    *,
    holder: str,
    profile: Profile,
    cohort_id: str | None,
    track: str,
    until: datetime | None,
    answer_by: datetime | None,
    class_session_id: int | None,
    now: datetime,
) -> NewLease:
    """A new lease: held until `answer_by` where that is given, else its server is to start."""
    assert profile.kind is not None
    return {
        "slice_id": slice_id,
        "holder": holder,
        "profile": profile.name,
        "kind": profile.kind,
        "share": profile.share,
        "cohort_id": cohort_id,
        "track": track,
        "class_session_id": class_session_id,
        "state": LeaseState.HELD if answer_by else LeaseState.STARTING,
        "granted_at": now,
        "answer_by": answer_by,
        "starting_at": None if answer_by else now,
        "until": until,
    }


def grant(session: Session, lease: NewLease) -> int:
    """Lend a free slice as `granted` tells; the lease's id.

    IntegrityError for a slice that is lent, or a holder that has one: nothing is lent twice, whoever asks.
    """
    return int(session.execute(_GRANT, {**lease}).inserted_primary_key[0])  # type: ignore[attr-defined]


def take_up(lease: Lease, now: datetime) -> None:
    """The holder answered: the server is about to start."""
    if lease.state is LeaseState.HELD:
        lease.state, lease.answer_by, lease.starting_at = LeaseState.STARTING, None, now


def run(session: Session, lease: Lease, *, device: str, node: str, now: datetime) -> None:
    """The server runs; on `device`, where the engine chose it ("" where the lease did).

    A scheduler that gave another slice than the one in the books has the last word: the two leases change places.
    """
    if lease.ended_at is not None:
        return
    take_up(lease, now)
    if lease.state is LeaseState.STARTING:
        lease.state, lease.running_at = LeaseState.RUNNING, now
    lease.missed_at = None
    if not device or lease.slice.device == device:
        return
    actual = session.scalar(select(Slice).where(Slice.device == device, Slice.kind == lease.kind))
    if actual is None or (node and actual.node != node):
        return
    other = session.scalar(select(Lease).where(Lease.slice_id == actual.id, Lease.ended_at.is_(None)))
    own = lease.slice_id
    if other is None:
        lease.slice_id = actual.id
    else:  # the index allows no moment in which both name one slice
        now_ended = other.ended_at
        other.ended_at, other_state = now, other.state
        other.state = LeaseState.ENDED
        session.flush()
        lease.slice_id = actual.id
        session.flush()
        other.slice_id, other.ended_at, other.state = own, now_ended, other_state
    session.flush()
    session.refresh(lease)


def end(lease: Lease, because: Because, now: datetime) -> None:
    """The slice is free again; a second end changes nothing. Book its use first (`gpus.usage.accrue`)."""
    if lease.ended_at is None:
        lease.state, lease.ended_at, lease.ended_because = LeaseState.ENDED, now, because
