"""Hardware as an administrator sees it: stock, leases, use, and taking a node out of service."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from gpus.inventory import drain, stock
from gpus.models import Lease, Ticket
from gpus.usage import account
from gpus.writer import deciding
from portal.api import gpu_shapes as shapes
from portal.context import Campus, campus

router = APIRouter(prefix="/api/gpus", tags=["hardware"])

Here = Annotated[Campus, Depends(campus)]


@router.get("/stock")
def show_stock(here: Here) -> list[shapes.StockShape]:
    """Every kind of slice in numbers, and how many people wait for it."""
    with here.database.read() as session:
        waiting = waiting_by_kind(session)
        return [shapes.StockShape.of(one, waiting.get(one.kind, 0)) for one in stock(session)]


def waiting_by_kind(session: Session) -> dict[str, int]:
    """How many people wait for each kind."""
    rows = session.execute(select(Ticket.kind, func.count()).where(Ticket.closed_at.is_(None)).group_by(Ticket.kind))
    return {row[0]: row[1] for row in rows}


@router.get("/leases")
def leases(here: Here) -> list[shapes.LeaseRow]:
    """Leases that have not ended, the oldest first."""
    with here.database.read() as session:
        return [shapes.LeaseRow.of(lease) for lease in open_leases(session)]


def open_leases(session: Session) -> list[Lease]:
    query = select(Lease).where(Lease.ended_at.is_(None)).options(joinedload(Lease.slice)).order_by(Lease.id)
    return list(session.scalars(query))


@router.get("/use")
def use(
    here: Here, by: Literal["person", "cohort", "track", "kind"] = "track", month: str | None = None
) -> list[shapes.AccountShape]:
    """GPU hours by person, cohort, track or kind; of one month, written YYYY-MM, or of all."""
    with here.database.read() as session:
        return [shapes.AccountShape.of(one) for one in account(session, by, month)]


@router.put("/nodes/{name}")
def change_node(here: Here, name: str, change: shapes.NodeChange) -> dict[str, str]:
    """Take a node out of service for new servers ("drained"), or back in ("ready"). What runs there goes on."""
    with deciding(here.database) as session:
        drain(session, name, change.state == "drained")
    return {"state": change.state}
