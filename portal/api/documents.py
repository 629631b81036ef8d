"""What programs ask first: whether the portal is up, and what its API looks like."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from sqlalchemy import text

from portal.context import Campus, campus

router = APIRouter(prefix="/api", tags=["portal"])

Here = Annotated[Campus, Depends(campus)]


class Health(BaseModel):
    """The portal answers and reaches its database; `hub` is "in step" or "behind" with the people it should know."""

    status: str
    hub: Literal["in step", "behind"]


@router.get("/health")
def health(here: Here) -> Health:
    """Whether the portal can do its work; asks the database, not the hub (of which it knows from its last sync)."""
    with here.database.read() as session:
        session.execute(text("SELECT 1"))
    return Health(status="ok", hub="in step" if here.in_step.is_set() else "behind")


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> dict[str, Any]:
    """The API's description (OpenAPI)."""
    described: dict[str, Any] = request.app.openapi()
    return described
