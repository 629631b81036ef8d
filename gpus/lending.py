"""Lending to somebody in the queue: their lease begins, and their ticket is served. Decides nothing.

On PostgreSQL it is one statement, since half of what a statement costs there is its way to the server and back.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from cohorts.database import table_of
from gpus.hardware import Profile
from gpus.leases import NewLease, grant, granted
from gpus.models import Lease, Ticket, TicketState
from gpus.tickets import Waiting

_L, _T = table_of(Lease), table_of(Ticket)
_CLOSE = (
    update(_T)
    .where(_T.c.id == bindparam("number"))
    .values(
        state=bindparam("served", type_=_T.c.state.type), closed_at=bindparam("served_at"), waited=bindparam("waited")
    )
)
_SERVE = _CLOSE.values(lease_id=bindparam("lease"))
_MADE = (
    insert(_L)
    .values({name: bindparam(f"new_{name}", type_=_L.c[name].type) for name in NewLease.__annotations__})
    .returning(_L.c.id)
    .cte("made")
)
_LEND = _CLOSE.values(lease_id=select(_MADE.c.id).scalar_subquery()).returning(_T.c.lease_id)


def lend(
    session: Session,
    slice_id: int,
    ticket: Waiting,
    *,
    profile: Profile,
    until: datetime | None,
    answer_by: datetime | None,
    class_session_id: int | None,
    now: datetime,
) -> int:
    """Lend a free slice to whom the ticket belongs; the lease's id. Refused as `gpus.leases.grant` refuses."""
    lease = granted(
        slice_id,
        holder=ticket.username,
        profile=profile,
        cohort_id=ticket.cohort_id,
        track=ticket.track,
        until=until,
        answer_by=answer_by,
        class_session_id=class_session_id,
        now=now,
    )
    served = {
        "number": ticket.id,
        "served": TicketState.SERVED,
        "served_at": now,
        "waited": (now - ticket.asked_at).total_seconds(),
    }
    if session.get_bind().dialect.name == "postgresql":
        new = {f"new_{name}": value for name, value in lease.items()}
        return int(session.execute(_LEND, {**new, **served}).scalar_one())
    number = grant(session, lease)
    session.execute(_SERVE, {**served, "lease": number})
    return number
