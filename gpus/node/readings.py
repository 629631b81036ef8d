"""What a node says of its cards: the body of POST /api/gpus/readings, and the declaration a site keeps in a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import yaml

from gpus.node.cards import Device, Sight

DECLARED = """\
# Devices of {name}, as `bitgoeul node --declare` found them (NVIDIA driver {driver}).
"""
SWARM = """\
#
# Where {name} is a node of a Docker Swarm, add these lines to its /etc/docker/daemon.json and restart Docker:
#   "default-runtime": "nvidia",
#   "node-generic-resources": {resources}
# and this one to its /etc/nvidia-container-runtime/config.toml:
#   swarm-resource = {variables}
"""


def build_reading(
    sight: Sight, *, node: str, at: datetime, cpu: Callable[[tuple[int, ...]], float | None]
) -> dict[str, Any]:
    """The reading as the portal takes it. `cpu` tells the CPU share of a device's processes, None if unknown."""

    def shape(device: Device) -> dict[str, Any]:
        return {
            "device": device.device,
            "kind": device.kind,
            "model": device.model,
            "memory_mib": device.memory,
            "busy": None if device.busy is None else round(device.busy, 4),
            "memory_used_mib": device.memory_used,
            "processes": None if device.pids is None else len(device.pids),
            "processes_cpu": _rounded(None if device.pids is None else cpu(device.pids)),
        }

    return {
        "node": node,
        "at": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "driver": sight.driver,
        "devices": [shape(device) for device in sight.devices],
        "lost": [{"device": lost.device, "reason": lost.reason} for lost in sight.lost],
    }


def declaration(sight: Sight, *, node: str) -> str:
    """The node's entry for the file of declared devices (YAML), with what a Swarm needs as comments in it."""
    slices = [{"device": device.device, "kind": device.kind} for device in sight.devices]
    entry = yaml.safe_dump({"nodes": [{"name": node, "slices": slices}]}, sort_keys=False, allow_unicode=True)
    resources = json.dumps([f"{device.kind}={device.device}" for device in sight.devices])
    kinds = sorted({device.kind for device in sight.devices})
    # the engine gives a task the device's id in this variable, and the toolkit reads it there
    variables = json.dumps(",".join(f"DOCKER_RESOURCE_{kind.upper()}" for kind in kinds))
    top = DECLARED.format(name=node, driver=sight.driver)
    return top + entry + SWARM.format(name=node, resources=resources, variables=variables)


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
