"""The warden of the labs: tells the portal what the engine has, and removes labs that nobody owns. Run by the hub.

    python -m hub_config.warden

A lab is nobody's when the hub, asked about it by name, knows no server of its user, running, starting or stopping, and
did so at every look for ORPHAN_SECONDS, while the lab was there unchanged. A hub that doesn't answer owns everything. A
lab is removed by the id that was looked at, so one that is starting in its place is another. Labs whose lease the
portal names as ended go at once.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

import docker
import docker.errors
import httpx
import requests
from docker.utils import kwargs_from_env

from hub_config.container_body import STOP_SECONDS
from hub_config.engine_view import Engine, Found, OneEngine, View
from hub_config.environment import Environment
from hub_config.services import HUB_PROCESS

LOOK_EVERY = 5.0
#: the hub is asked less often than the engine: it can't have lost a lab by itself
ASK_HUB_EVERY = 15.0
#: longer than the hub takes between two steps of a start, and than a portal takes to write a lease down
ORPHAN_SECONDS = 60.0
CALL_SECONDS = 30.0
PAGE = 200
ENGINE_ERRORS = (docker.errors.DockerException, requests.RequestException, OSError)

log = logging.getLogger("warden")


@dataclass
class Orphans:
    """Labs without an owner, and since when they have been seen so."""

    seconds: float = ORPHAN_SECONDS
    since: dict[str, float] = field(default_factory=dict)

    def due(self, labs: Iterable[Found], owners: set[str], now: float) -> list[Found]:
        """The labs that had no owner at every look for long enough."""
        alone = {lab.id: lab for lab in labs if lab.username not in owners}
        self.since = {id_: self.since.get(id_, now) for id_ in alone}
        return [lab for id_, lab in alone.items() if now - self.since[id_] >= self.seconds]

    def forget(self) -> None:
        """Begin anew: the hub didn't answer."""
        self.since.clear()


class HubView:
    """Who has a server, as the hub says. Its token may list users and read their servers, and nothing else."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def owners(self) -> set[str]:
        """Users with a server that runs. One whose server only starts may be missing: ask `has_server`."""
        names: set[str] = set()
        offset = 0
        while True:
            answer = self._http.get("/users", params={"state": "active", "limit": PAGE, "offset": offset})
            answer.raise_for_status()
            page = answer.json()
            names |= {user["name"] for user in page if user.get("servers")}
            if len(page) < PAGE:
                return names
            offset += PAGE

    def has_server(self, username: str) -> bool:
        """Whether that user has a server that runs, starts or stops."""
        answer = self._http.get(f"/users/{quote(username, safe='')}")
        if answer.status_code == 404:
            return False
        answer.raise_for_status()
        model = answer.json()
        return bool(model.get("servers")) or bool(model.get("pending"))


@dataclass
class Warden:
    """One campus's warden on one engine."""

    campus: str
    engine: Engine
    hub: HubView
    portal: httpx.Client
    orphans: Orphans = field(default_factory=Orphans)
    asked_hub: float = -ASK_HUB_EVERY

    def look(self, now: float) -> None:
        """One round. What fails is said and tried again next time; what can't be known removes nothing."""
        began = time.time()
        try:
            view = self.engine.look(self.campus)
        except ENGINE_ERRORS as error:
            log.warning("The engine can't be looked at: %s", error)
            return
        self._tell(view, began)
        if now - self.asked_hub >= ASK_HUB_EVERY:
            self.asked_hub = now
            self._remove_orphans(view.labs, now)

    def _tell(self, view: View, began: float) -> None:
        report = {
            "nodes": view.nodes,
            "servers": [lab.report for lab in view.labs if lab.running and lab.lease is not None],
            "at": datetime.fromtimestamp(began, UTC).isoformat().replace("+00:00", "Z"),
        }
        try:
            answer = self.portal.post("/engine", json=report)
            answer.raise_for_status()
            ended = {int(lease) for lease in answer.json().get("remove", [])}
        except (httpx.HTTPError, ValueError) as error:
            log.warning("The portal could not be told what the engine has: %s", error)
            return
        for lab in view.labs:
            if lab.lease in ended:
                self._remove(lab, "the portal says that its lease has ended")

    def _remove_orphans(self, labs: list[Found], now: float) -> None:
        try:
            due = self.orphans.due(labs, self.hub.owners() if labs else set(), now)
            due = [lab for lab in due if not self.hub.has_server(lab.username)]
        except (httpx.HTTPError, ValueError) as error:
            log.warning("The hub could not be asked who has a server: %s", error)
            self.orphans.forget()
            return
        for lab in due:
            self._remove(lab, "its user has no server at the hub")

    def _remove(self, lab: Found, why: str) -> None:
        log.warning("Removing the lab of %s (%s, request %s): %s", lab.username, lab.id[:12], lab.request, why)
        try:
            self.engine.remove(lab)
        except ENGINE_ERRORS as error:
            log.warning("%s could not be removed: %s", lab.id[:12], error)


def client(url: str, token: str) -> httpx.Client:
    """The wire to the hub or the portal."""
    headers = {"Authorization": f"token {token}"}
    return httpx.Client(base_url=url, headers=headers, timeout=CALL_SECONDS, trust_env=False)


def one_engine(docker_client: docker.APIClient) -> Engine:
    return OneEngine(docker_client, stop_seconds=STOP_SECONDS)


def main(engine_of: Callable[[docker.APIClient], Engine] = one_engine) -> int:
    """What `hub_config.services` set up: one round every LOOK_EVERY seconds until the hub ends it, or ends.

    A hub that was killed can't end its warden, and the next one starts another.
    """
    logging.basicConfig(level=logging.INFO, format="[%(levelname)1.1s %(asctime)s warden] %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    env = Environment(os.environ)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    hub = client(env.raw("JUPYTERHUB_API_URL"), env.raw("JUPYTERHUB_API_TOKEN"))
    portal = client(env.text("PORTAL_URL") + "/api/gpus", env.secret("LEASE_TOKEN"))
    warden: Warden | None = None
    while True:
        try:
            if warden is None:
                docker_client = docker.APIClient(version="auto", timeout=int(CALL_SECONDS), **kwargs_from_env())
                warden = Warden(env.text("CAMPUS"), engine_of(docker_client), HubView(hub), portal)
            warden.look(time.monotonic())
        except ENGINE_ERRORS as error:
            log.warning("The engine does not answer: %s", error)
        if ended.wait(LOOK_EVERY) or os.getppid() != int(env.raw(HUB_PROCESS)):
            return 0


if __name__ == "__main__":
    sys.exit(main())
