"""What one Docker engine has of this campus: its labs, and itself as a node. Looks and removes; starts nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import docker.errors

from hub_config.containers import CAMPUS_LABEL, DEVICE_LABEL, REQUEST_LABEL, USER_LABEL, lease_in


@dataclass(frozen=True)
class Found:
    """A lab that the engine has. `made` is when, in seconds of the epoch by the engine's clock."""

    id: str
    username: str
    lease: int | None
    request: str
    device: str
    node: str
    running: bool
    made: float

    @property
    def report(self) -> dict[str, Any]:
        """As the portal is told of it."""
        return {"lease": self.lease, "username": self.username, "device": self.device, "node": self.node}


@dataclass(frozen=True)
class View:
    """One look at an engine. `nodes` is empty where the engine declares no slices, and so says nothing of them."""

    nodes: list[dict[str, Any]]
    labs: list[Found]


class Engine(Protocol):
    """What the warden needs of an engine; any error of the engine's may come out of either."""

    def look(self, campus: str) -> View: ...

    def remove(self, lab: Found) -> None: ...


class OneEngine:
    """One Docker engine, by docker-py's client. A lab that is removed gets its SIGTERM first."""

    def __init__(self, client: Any, *, stop_seconds: int) -> None:
        self._client = client
        self._stop_seconds = stop_seconds

    def look(self, campus: str) -> View:
        info = self._client.info()
        listed = self._client.containers(all=True, filters={"label": f"{CAMPUS_LABEL}={campus}"})
        name = str(info["Name"])
        # the campus's own containers may bear its label, too; only labs say whose they are
        labs = [_found(one, name) for one in listed if USER_LABEL in one["Labels"]]
        return View(nodes=_nodes(info), labs=labs)

    def remove(self, lab: Found) -> None:
        try:
            if lab.running:
                self._client.stop(lab.id, timeout=self._stop_seconds)
            self._client.remove_container(lab.id, force=True, v=True)
        except docker.errors.NotFound:
            return


def _found(container: Mapping[str, Any], node: str) -> Found:
    labels = container["Labels"]
    return Found(
        id=container["Id"],
        username=labels[USER_LABEL],
        lease=lease_in(labels),
        request=labels.get(REQUEST_LABEL, ""),
        device=labels.get(DEVICE_LABEL, ""),
        node=node,
        running=container["State"] == "running",
        made=float(container["Created"]),
    )


def _nodes(info: Mapping[str, Any]) -> list[dict[str, Any]]:
    slices = [
        {"kind": resource["NamedResourceSpec"]["Kind"], "device": resource["NamedResourceSpec"]["Value"]}
        for resource in info.get("GenericResources") or []
        if resource.get("NamedResourceSpec")
    ]
    if not slices:
        return []
    return [{"name": str(info["Name"]), "state": "ready", "availability": "active", "slices": slices}]
