"""Crashes of hub and portal while students start and stop their labs: random from a seed, and what has to hold after.

When everybody has calmed down, books, hub and Swarm say the same: every lease has its lab, every lab its lease and its
owner, on the device that the Swarm gave it; and a lab that nobody stopped is the one that was there before the crash.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

import httpx
from swarm_campus import SwarmCampus

from gpus.models import LeaseState
from hub_config.containers import LEASE_LABEL, USER_LABEL

VICTIMS = (("hub",), ("portal",), ("hub", "portal"))
CALM_SECONDS = 150.0


@dataclass
class Crashes:
    """Students, their wishes and the crashes, each at some moment of the `longest` seconds that a start takes.

    `stayed` are labs that nobody has asked to stop since the last calm.
    """

    campus: SwarmCampus
    students: list[str]
    random: Random
    longest: float
    killed: dict[str, int] = field(default_factory=dict)
    calm_after: list[float] = field(default_factory=list)
    stayed: dict[str, str] = field(default_factory=dict)

    def crash(self) -> None:
        """Have students act, all at once; kill something at a random moment of what follows, and start it again."""
        victims = self.random.choice(VICTIMS)
        moment = self.random.uniform(0, self.longest)
        wishes = self._wishes()
        with ThreadPoolExecutor(len(self.students)) as pool:
            for wish in wishes:
                pool.submit(wish)
            time.sleep(moment)
            self.campus.kill(*victims)
            for name in victims:
                self.campus.start_program(name)
        self.campus.wait_until_up(in_step=False)
        key = " and ".join(victims)
        self.killed[key] = self.killed.get(key, 0) + 1

    def _wishes(self) -> list[Callable[[], None]]:
        """Who has a lab may stop it, who has none asks for one."""
        have = {name for name, service in self._services().items() if service["Spec"]["Mode"]["Replicated"]["Replicas"]}
        found: list[Callable[[], None]] = []
        for name in self.students:
            stops, draw = name in have, self.random.random()
            if not stops:
                found.append(lambda name=name: self._start(name))  # type: ignore[misc]
            elif draw < 0.5:
                self.stayed.pop(name, None)
                found.append(lambda name=name: self._stop(name))  # type: ignore[misc]
        return found

    def _start(self, name: str) -> None:
        with contextlib.suppress(httpx.HTTPError):  # what is killed gives no answer
            self.campus.choose(name, "gpu-slice")

    def _stop(self, name: str) -> None:
        with contextlib.suppress(httpx.HTTPError):
            self.campus.api("DELETE", f"/users/{quote(name)}/server")

    def calm(self) -> None:
        """Wait until everything agrees again, and fail with what doesn't if that takes too long."""
        for name in self.students:
            self.campus.portal(name, "DELETE", "/gpus/mine/ticket")
        begun = time.monotonic()
        while problems := self.problems():
            assert time.monotonic() - begun < CALM_SECONDS, "\n".join(problems)
            time.sleep(0.5)
        self.calm_after.append(round(time.monotonic() - begun, 1))
        labs = {name: str(service["ID"]) for name, service in self._services().items()}
        lost = {name: service for name, service in self.stayed.items() if labs.get(name) != service}
        assert not lost, f"labs that nobody stopped are gone: {sorted(lost)}"
        self.stayed = labs

    def problems(self) -> list[str]:
        """Everything in which books, hub and Swarm differ; empty when all is well."""
        campus = self.campus
        users = {user["name"]: user for user in campus.api("GET", "/users").json()}
        servers = {name: user["servers"].get("", {}) for name, user in users.items() if user.get("servers")}
        tasks: dict[str, list[Any]] = {}
        for task in campus.rig.manager.api.tasks(filters={"label": USER_LABEL, "desired-state": "running"}):
            tasks.setdefault(task["Spec"]["ContainerSpec"]["Labels"][USER_LABEL], []).append(task)
        services, lent = self._services(), campus.books.lent()
        found = [
            f"{name}'s server is {server.get('pending')}" for name, server in servers.items() if not server["ready"]
        ]
        for name in sorted({*servers, *services, *lent}):
            there = {"a server": name in servers, "a service": name in services, "a lease": name in lent}
            if missing := [what for what, is_there in there.items() if not is_there]:
                found.append(f"{name} has no {', no '.join(what[2:] for what in missing)}; {lent.get(name)}")
                continue
            lease = lent[name]
            given = [(one["Status"]["State"], _device(one)) for one in tasks.get(name, [])]
            if given != [("running", lease.device)] or lease.state is not LeaseState.RUNNING:
                found.append(f"{name} has {lease}, and its tasks are {given}")
            if services[name]["Spec"]["Labels"][LEASE_LABEL] != str(lease.id):
                found.append(f"{name}'s service is of another lease than {lease.id}")
        if waiting := campus.books.waiting():
            found.append(f"{waiting} still wait")
        return found

    def _services(self) -> dict[str, Any]:
        listed = self.campus.rig.manager.api.services(filters={"label": USER_LABEL})
        return {service["Spec"]["Labels"][USER_LABEL]: service for service in listed}


def _device(task: Any) -> str:
    resources = task.get("GenericResources") or task.get("AssignedGenericResources") or []
    return ",".join(resource["NamedResourceSpec"]["Value"] for resource in resources)
