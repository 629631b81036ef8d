"""Asking the portal what a server may have: its hardware, and the GPU slice that it holds. Knows no JupyterHub.

Hub and portal share BITGOEUL_LEASE_TOKEN, which opens these addresses of the portal and no others:

* POST /api/gpus/grants: what the server of a person may have, now; a slice is leased by the same call
* POST /api/gpus/leases/ID/running: the server has started, on this device
* POST /api/gpus/leases/ID/ended: the server is no more; harmless when it was said before

* LeaseError
  - NoneFree: no slice now; the person waits, and `waiting` says where they stand
  - Refused: the portal says no (a quota that is used up, hardware that doesn't exist)
  - PortalAway: the portal doesn't answer
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from hub_config.logs import REQUEST, REQUEST_HEADER
from hub_config.words import PORTAL_AWAY, Sentence


class LeaseError(Exception):
    """A server can't have what it asks for; `sentence` tells the person why."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence.en)
        self.sentence = sentence


class Refused(LeaseError):
    pass


class PortalAway(LeaseError):
    pass


class NoneFree(LeaseError):
    """No slice is free. `url` is the path of the waiting room, `position` counts from 1."""

    def __init__(self, sentence: Sentence, url: str, position: int) -> None:
        super().__init__(sentence)
        self.url = url
        self.position = position


@dataclass(frozen=True)
class Hardware:
    """A hardware profile's limits: `memory`, `shm` and `disk` in bytes (0 leaves it to the engine), `cpus` in cores."""

    name: str
    image: str
    memory: int
    cpus: float
    shm: int
    pids: int
    disk: int


@dataclass(frozen=True)
class Lease:
    """A slice that a server holds until it stops. `device` is what the driver calls it (GPU-..., MIG-...).

    Under a Swarm the scheduler has the last word: `kind` is the generic resource to ask for, `device` and `node` are
    what the portal expects, and `running` tells it which device it became.
    """

    id: int
    kind: str
    device: str
    node: str


@dataclass(frozen=True)
class Grant:
    """What a server may have."""

    hardware: Hardware
    lease: Lease | None


class LeaseClient:
    """The portal's addresses for the hub. Safe to use from one event loop."""

    def __init__(
        self, portal_url: str, token: str, *, timeout: float = 30, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=portal_url + "/api/gpus",
            headers={"Authorization": f"token {token}"},
            # a class asks at the same moment: the rest wait for a connection, which is no sign of an absent portal
            timeout=httpx.Timeout(timeout, pool=None),
            limits=httpx.Limits(max_connections=32),
            transport=transport,
            trust_env=False,
        )

    async def grant(self, username: str, profile: str, request: str) -> Grant:
        """What the server of `username` may have; `profile` "" is the person's own choice.

        `request` is an id that both sides write into their logs. Asking again before `ended` gives the same lease.
        Raises NoneFree, Refused or PortalAway.
        """
        answer = await self._send("/grants", {"username": username, "profile": profile, "request": request})
        return _grant(answer)

    async def running(self, lease: int, *, device: str, node: str) -> None:
        """Say that the server runs. `device` and `node` are "" where the engine doesn't tell."""
        await self._send(f"/leases/{lease}/running", {"device": device, "node": node})

    async def ended(self, lease: int, reason: str) -> None:
        """Say that the server is no more. `reason` is "stopped", "failed" or "lost"."""
        await self._send(f"/leases/{lease}/ended", {"reason": reason})

    async def close(self) -> None:
        await self._http.aclose()

    async def _send(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            known = REQUEST.get()
            answer = await self._http.post(path, json=body, headers={REQUEST_HEADER: known} if known else None)
        except httpx.HTTPError as error:
            raise PortalAway(PORTAL_AWAY) from error
        if answer.is_success:
            told: dict[str, Any] = answer.json()
            return told
        said = _said(answer)
        sentence = Sentence(said.get("error_ko") or PORTAL_AWAY.ko, said.get("error") or PORTAL_AWAY.en)
        if answer.status_code == 409 and (waiting := said.get("waiting")):
            raise NoneFree(sentence, str(waiting["url"]), int(waiting["position"]))
        if answer.status_code in (401, 500, 502, 503, 504):
            raise PortalAway(sentence)
        raise Refused(sentence)


def _said(answer: httpx.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _grant(told: Mapping[str, Any]) -> Grant:
    hardware, lease = told["hardware"], told["lease"]
    return Grant(
        hardware=Hardware(
            name=hardware["name"],
            image=hardware["image"],
            memory=int(hardware["memory"]),
            cpus=float(hardware["cpus"]),
            shm=int(hardware["shm"]),
            pids=int(hardware["pids"]),
            disk=int(hardware["disk"]),
        ),
        lease=Lease(int(lease["id"]), lease["kind"], lease["device"], lease["node"]) if lease else None,
    )
