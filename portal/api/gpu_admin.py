"""Hardware as an administrator sees it: stock, leases, use, and taking a node out of service."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends

from gpus.inventory import drain, stock
from gpus.leases import open_leases
from gpus.tickets import waiting_by_kind
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


@router.get("/leases")
def leases(here: Here) -> list[shapes.LeaseRow]:
    """Leases that have not ended, the oldest first."""
    with here.database.read() as session:
        return [shapes.LeaseRow.of(lease) for lease in open_leases(session)]


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
