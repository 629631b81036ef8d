"""What a Swarm is asked for when a lab is made: the arguments of docker-py's `create_service`. Pure.

A Swarm can't do for a service what an engine does for a container: it limits no disk, and a new privilege is refused by
the service itself from API 1.44 on only; on older engines daemon.json has to say `"no-new-privileges": true`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hub_config.containers import HOME, UID, Mount
from hub_config.leases import Hardware, Lease

#: seconds from SIGTERM to SIGKILL
STOP_SECONDS = 10
LOG = {"Name": "json-file", "Options": {"max-size": "5m", "max-file": "2"}}
#: the engine's API in which a service can refuse new privileges
NO_NEW_PRIVILEGES_SINCE = (1, 44)
TMP_SHARE = 4


def build_service(
    *,
    name: str,
    hardware: Hardware,
    lease: Lease | None,
    environment: Mapping[str, str],
    labels: Mapping[str, str],
    mounts: Iterable[Mount],
    work_folder: str,
    account: tuple[int, int] | None = None,
    network: str,
    constraints: Iterable[str] = (),
    endpoint_mode: str = "dnsrr",
    dns: Iterable[str] = (),
    command: list[str] | None = None,
    volume_driver: str = "",
    volume_options: Mapping[str, str] | None = None,
    reserved_memory: int = 0,
    reserved_cpus: float = 0,
    api_version: tuple[int, ...] = (1, 41),
) -> dict[str, Any]:
    """The whole request. A lease asks for one generic resource of its kind; Swarm chooses which. Never restarted."""
    container: dict[str, Any] = {
        "Image": hardware.image,
        "Hostname": name,
        "Env": [f"{key}={value}" for key, value in environment.items()],
        "Labels": dict(labels),
        "Dir": work_folder,
        "User": "{}:{}".format(*(account or (UID, UID))),
        "Mounts": [_mount(mount, labels, volume_driver, volume_options or {}) for mount in mounts]
        + _tmpfs(hardware, account),
        "CapabilityDrop": ["ALL"],
        "ReadOnly": True,
        "Init": True,
        "StopGracePeriod": STOP_SECONDS * 10**9,
        "DNSConfig": {"Nameservers": list(dns)} if dns else {},
        "Sysctls": {"net.ipv6.conf.all.disable_ipv6": "1"},
        # a task of an image with a health check runs only once it was found healthy, minutes after it listens
        "Healthcheck": {"Test": ["NONE"]},
    }
    if command:
        container["Args"] = command
    if api_version >= NO_NEW_PRIVILEGES_SINCE:
        container["Privileges"] = {"NoNewPrivileges": True}
    return {
        "name": name,
        "labels": dict(labels),
        "mode": {"Replicated": {"Replicas": 1}},
        "endpoint_spec": {"Mode": endpoint_mode},
        "task_template": {
            "ContainerSpec": container,
            "Resources": _resources(hardware, lease, reserved_memory, reserved_cpus),
            # on-failure would begin a lab anew that has ended; what Swarm rejects at first, the spawner asks for again
            "RestartPolicy": {"Condition": "none"},
            "Placement": {"Constraints": list(constraints)},
            "Networks": [{"Target": network}],
            "LogDriver": LOG,
        },
    }


def _resources(hardware: Hardware, lease: Lease | None, memory: int, cpus: float) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if hardware.memory:
        limits["MemoryBytes"] = hardware.memory
    if hardware.cpus:
        limits["NanoCPUs"] = int(hardware.cpus * 10**9)
    if hardware.pids:
        limits["Pids"] = hardware.pids
    reservations: dict[str, Any] = {}
    if memory:
        reservations["MemoryBytes"] = memory
    if cpus:
        reservations["NanoCPUs"] = int(cpus * 10**9)
    if lease:
        reservations["GenericResources"] = [{"DiscreteResourceSpec": {"Kind": lease.kind, "Value": 1}}]
    return {"Limits": limits, "Reservations": reservations}


def _tmpfs(hardware: Hardware, account: tuple[int, int] | None) -> list[dict[str, Any]]:
    """/tmp in the lab's own memory, since the image is read-only; shared memory; the home of another `account`."""
    mounts = [_in_memory("/tmp", hardware.memory // TMP_SHARE)]
    if hardware.shm:
        mounts.append(_in_memory("/dev/shm", hardware.shm))
    return [*mounts, _in_memory(str(HOME), hardware.memory // TMP_SHARE)] if account else mounts


def _in_memory(target: str, size: int) -> dict[str, Any]:
    options: dict[str, Any] = {"Mode": 0o1777}
    if size:
        options["SizeBytes"] = size
    return {"Type": "tmpfs", "Target": target, "TmpfsOptions": options}


def _mount(mount: Mount, labels: Mapping[str, str], driver: str, options: Mapping[str, str]) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "Type": mount.kind,
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
    }
    if mount.kind == "bind":
        asked["BindOptions"] = {"Propagation": "rprivate"}
    else:
        kept = {key: value for key, value in labels.items() if key.endswith((".campus", ".user"))}
        asked["VolumeOptions"] = {"Labels": kept}
        if driver:
            asked["VolumeOptions"]["DriverConfig"] = {"Name": driver, "Options": dict(options)}
    return asked
