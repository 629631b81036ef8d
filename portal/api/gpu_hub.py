"""What hub and nodes say and ask about hardware, under the lease token and the node token."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Annotated

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from gpus.desk import Held, Place
from gpus.inventory import ReportedNode, apply_agent, apply_engine
from gpus.readings import Reading, take_losses, take_readings
from gpus.reconcile import EngineServer, reconcile_with_engine
from gpus.writer import deciding
from portal.api import gpu_shapes as shapes
from portal.context import Campus, campus
from portal.identity import GRADING_PREFIX

router = APIRouter(prefix="/api/gpus", tags=["hardware"])
log = logging.getLogger(__name__)

Here = Annotated[Campus, Depends(campus)]
#: threads of their own: the others may all be waiting for the hub, which waits for these answers
THREADS = CapacityLimiter(8)


@router.post("/grants", response_model=None)
async def grant(here: Here, wanted: shapes.GrantRequest) -> shapes.GrantShape | Response:
    """What the server of a person may have, now. 409 with the person's place where it has to wait."""
    return await run_sync(_grant, here, wanted, limiter=THREADS)


def _grant(here: Campus, wanted: shapes.GrantRequest) -> shapes.GrantShape | Response:
    if wanted.username.startswith(GRADING_PREFIX):
        return shapes.GrantShape(hardware=shapes.HardwareShape.of(here.hardware.default), lease=None)
    profile = here.hardware.profile(wanted.profile)
    got = here.desk.ask(wanted.username, profile.name, datetime.now(UTC), no_server=True)
    if isinstance(got, Place):
        return _full(here, got)
    log.info(
        "%s gets %s%s [request %s]",
        wanted.username,
        profile.name,
        f" with lease {got.id} on {got.node}" if got else "",
        wanted.request or "-",
    )
    return shapes.GrantShape(hardware=shapes.HardwareShape.of(profile), lease=_granted(got) if got else None)


def _granted(got: Held) -> shapes.GrantedLease:
    return shapes.GrantedLease(id=got.id, kind=got.kind, device=got.device, node=got.node)


def _full(here: Campus, place: Place) -> Response:
    wait = f"{_minutes(place.wait)}" if place.wait else None
    ko = f"{place.reason.ko} 대기 순서는 {place.position}번입니다" + (f"(약 {wait}분)." if wait else ".")
    en = f"{place.reason.en} You are number {place.position} in the queue" + (f" (about {wait} min)." if wait else ".")
    waiting = {
        "url": f"{here.prefix}/waiting",
        "position": place.position,
        "estimate": round(place.wait.total_seconds()) if place.wait else None,
    }
    return JSONResponse({"error": en, "error_ko": ko, "waiting": waiting}, 409)


def _minutes(span: timedelta) -> int:
    return max(1, round(span.total_seconds() / 60))


@router.post("/leases/{lease_id}/running")
async def running(here: Here, lease_id: int, told: shapes.RunningShape) -> dict[str, str]:
    """The server of that lease runs, on this device."""

    def say() -> None:
        here.desk.running(lease_id, device=told.device, node=told.node, now=datetime.now(UTC))

    await run_sync(say, limiter=THREADS)
    return {}


@router.post("/leases/{lease_id}/ended")
async def ended(here: Here, lease_id: int, told: shapes.EndedShape) -> dict[str, str]:
    """The server of that lease is no more; harmless when said before."""
    await run_sync(here.desk.ended, lease_id, told.reason, datetime.now(UTC), limiter=THREADS)
    return {}


@router.post("/engine")
def engine(here: Here, report: shapes.EngineReport) -> shapes.EngineAnswer:
    """What the container engine has now: its nodes and slices, and the labs with a lease."""
    now = datetime.now(UTC)
    with deciding(here.database) as session:
        if report.nodes:
            apply_engine(
                session,
                [
                    ReportedNode(node.name, node.node_state, tuple((piece.device, piece.kind) for piece in node.slices))
                    for node in report.nodes
                ],
                now,
            )
        servers = [EngineServer(**server.model_dump()) for server in report.servers]
        remove = reconcile_with_engine(session, here.hardware, servers, now, timezone=here.settings.timezone)
        return shapes.EngineAnswer(remove=remove)


@router.post("/readings")
def readings(here: Here, told: shapes.ReadingsShape) -> dict[str, int]:
    """What a node's agent read off its cards; how many of them the inventory knows."""
    now = datetime.now(UTC)
    seen = [
        Reading(one.device, one.busy, one.processes, one.memory_used_mib, one.processes_cpu) for one in told.devices
    ]
    reasons = {one.device: one.reason for one in told.lost}
    with deciding(here.database) as session:
        there = [(one.device, one.kind) for one in told.devices]
        apply_agent(session, told.node, there, reasons.keys(), now)
        known = take_readings(session, told.node, seen, now)
        gone = take_losses(session, told.node, reasons.keys(), now)
    for device in gone:
        log.error("%s on %s is lent no more: %s", device, told.node, reasons[device])
    return {"known": known}
