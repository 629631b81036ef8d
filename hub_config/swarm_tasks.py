"""What a Swarm says of its nodes and of the tasks behind labs, as values. Pure; knows the engine's API and no hub.

A lab is a service of one task. Swarm moves a task through its states and never back; an ended task is replaced by a new
one only where somebody updates the service.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hub_config.containers import LEASE_LABEL, USER_LABEL

#: the states of a task that has yet to run, in their order
WAITING = ("new", "allocated", "pending", "assigned", "accepted", "preparing", "ready", "starting")
RUNNING = "running"
#: what a task that Swarm means to keep is meant to become
MEANT_TO_LIVE = (*WAITING, RUNNING)


@dataclass(frozen=True)
class Node:
    """A machine of the Swarm; `slices` are (kind, name) of its generic resources, counted ones with a name made up."""

    id: str
    name: str
    state: str
    availability: str
    slices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Task:
    """One task. `device` and `node` are "" until Swarm has chosen; `reason` is Swarm's own, "" where all is well."""

    id: str
    service: str
    state: str
    desired: str
    node: str = ""
    device: str = ""
    address: str = ""
    reason: str = ""
    username: str = ""
    lease: str = ""
    made: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Ending:
    """Why a lab lives no more: `reason` as the portal is told it ("stopped", "failed", "lost"), `text` for the log."""

    reason: str
    text: str


def read_node(told: Mapping[str, Any]) -> Node:
    """A node from the engine's GET /nodes."""
    description = told.get("Description", {})
    resources = description.get("Resources", {}).get("GenericResources") or []
    return Node(
        id=told["ID"],
        name=description.get("Hostname", "") or told["ID"],
        state=told["Status"]["State"],
        availability=told["Spec"]["Availability"],
        slices=tuple(slice_ for resource in resources for slice_ in _slices(resource)),
    )


def read_task(told: Mapping[str, Any], network: str = "") -> Task:
    """A task from the engine's GET /tasks, with its address on `network`."""
    status = told["Status"]
    labels = told["Spec"].get("ContainerSpec", {}).get("Labels") or {}
    assigned = told.get("GenericResources") or told.get("AssignedGenericResources") or []
    named = [resource["NamedResourceSpec"]["Value"] for resource in assigned if "NamedResourceSpec" in resource]
    return Task(
        id=told["ID"],
        service=told.get("ServiceID", ""),
        state=status["State"],
        desired=told["DesiredState"],
        node=told.get("NodeID", ""),
        device=named[0] if named else "",
        address=_address(told.get("NetworksAttachments") or [], network),
        reason=status.get("Err", ""),
        username=labels.get(USER_LABEL, ""),
        lease=labels.get(LEASE_LABEL, ""),
        made=(told["CreatedAt"], told["ID"]),
    )


def current(tasks: Iterable[Task]) -> Task | None:
    """The task that stands for its service: the newest that Swarm means to keep, or else the newest."""
    ordered = sorted(tasks, key=lambda task: task.made)
    kept = [task for task in ordered if task.desired in MEANT_TO_LIVE]
    return kept[-1] if kept else ordered[-1] if ordered else None


def is_down(task: Task, nodes: Mapping[str, Node]) -> bool:
    """Whether nothing of the task runs any more, as far as anybody can tell: its node may be lost with it."""
    return task.state not in (*WAITING, RUNNING) or _is_lost(task, nodes)


def ending_of(task: Task | None, nodes: Mapping[str, Node]) -> Ending | None:
    """None while the lab lives or is on its way, in every state; otherwise how it ended."""
    if task is None:
        return Ending("lost", "the service has no task")
    text = f"task {task.id} is {task.state}" + (f": {task.reason}" if task.reason else "")
    if _is_lost(task, nodes):
        return Ending("lost", f"node {nodes[task.node].name if task.node in nodes else task.node} is down; {text}")
    if task.state in ("failed", "rejected"):
        return Ending("failed", text)
    if task.state == "orphaned":
        return Ending("lost", text)
    if task.state not in (*WAITING, RUNNING):
        return Ending("stopped", text)
    if task.desired not in MEANT_TO_LIVE:
        return Ending("stopped", f"Swarm takes it down; {text}")
    return None


def _is_lost(task: Task, nodes: Mapping[str, Node]) -> bool:
    """Whether the task's node is down, or has left the Swarm."""
    return bool(task.node) and bool(nodes) and (task.node not in nodes or nodes[task.node].state == "down")


def _slices(resource: Mapping[str, Any]) -> list[tuple[str, str]]:
    if named := resource.get("NamedResourceSpec"):
        return [(named["Kind"], named["Value"])]
    counted = resource["DiscreteResourceSpec"]
    return [(counted["Kind"], "") for _ in range(int(counted["Value"]))]


def _address(attachments: Iterable[Mapping[str, Any]], network: str) -> str:
    for attachment in attachments:
        if attachment["Network"]["Spec"]["Name"] == network and attachment.get("Addresses"):
            return str(attachment["Addresses"][0]).partition("/")[0]
    return ""
