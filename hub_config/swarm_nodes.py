"""What a Swarm has of this campus: its nodes, their generic resources, its labs. Looks and removes; starts nothing.

    python -m hub_config.swarm_nodes

is the warden (hub_config.warden) of a Swarm. A resource that a node declares by number and not by names gets made-up
names, since the portal counts slices by name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import docker.errors

from hub_config import warden
from hub_config.containers import CAMPUS_LABEL, REQUEST_LABEL, USER_LABEL, lease_in
from hub_config.engine_view import Found, View
from hub_config.swarm_tasks import Node, Task, current, ending_of, read_node, read_task


class SwarmEngine:
    """The Swarm, by docker-py's client of a manager."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def look(self, campus: str) -> View:
        filters = {"label": f"{CAMPUS_LABEL}={campus}"}
        # services first: a task that is made meanwhile belongs to a service of the next look
        services = self._client.services(filters=filters)
        tasks = [read_task(told) for told in self._client.tasks(filters=filters)]
        nodes = [read_node(told) for told in self._client.nodes()]
        # the campus's own services may bear its label, too; only labs say whose they are
        labs = [_found(service, tasks, nodes) for service in services if USER_LABEL in service["Spec"]["Labels"]]
        return View(nodes=nodes_report(nodes), labs=labs)

    def remove(self, lab: Found) -> None:
        """Remove the service; Swarm ends what runs of it, SIGTERM first, also on a node that comes back later."""
        try:
            self._client.remove_service(lab.id)
        except docker.errors.NotFound:
            return


def nodes_report(nodes: Iterable[Node]) -> list[dict[str, Any]]:
    """Nodes as the portal is told of them; one that Swarm isn't sure of counts as down."""
    return [
        {
            "name": node.name,
            "state": "ready" if node.state == "ready" else "down",
            "availability": node.availability,
            "slices": [
                {"kind": kind, "device": device or f"{node.name}-{kind}-{number}"}
                for number, (kind, device) in enumerate(node.slices)
            ],
        }
        for node in sorted(nodes, key=lambda node: node.name)
    ]


def _found(service: dict[str, Any], tasks: Iterable[Task], nodes: Iterable[Node]) -> Found:
    labels = service["Spec"]["Labels"]
    by_id = {node.id: node for node in nodes}
    task = current(task for task in tasks if task.service == service["ID"])
    running = task is not None and task.state == "running" and ending_of(task, by_id) is None
    return Found(
        id=service["ID"],
        username=labels[USER_LABEL],
        lease=lease_in(labels),
        request=labels.get(REQUEST_LABEL, ""),
        device=task.device if task else "",
        node=by_id[task.node].name if task and task.node in by_id else "",
        running=running,
        made=_seconds(service["CreatedAt"]),
    )


def _seconds(moment: str) -> float:
    """Seconds of the epoch; the engine writes nanoseconds, which Python doesn't read."""
    whole = moment.partition(".")[0].removesuffix("Z")
    return datetime.fromisoformat(whole + "+00:00").timestamp()


if __name__ == "__main__":
    sys.exit(warden.main(SwarmEngine))
