"""What the engine is asked for when a lab is made: the body of POST /containers/create. Pure; knows the engine's API.

A lab holds no capability and gains none, has no swap, sees no file of the machine but its mounts, and writes nothing on
the machine's disk but its home: the image is read-only, /tmp lies in the lab's own memory. Where the engine can limit
what a container writes (`disk`), the lab may write into its image, too, that much.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hub_config.containers import HOME, Mount
from hub_config.leases import Hardware

#: seconds from SIGTERM to SIGKILL
STOP_SECONDS = 10
TMP_SHARE = 4
LOG = {"Type": "json-file", "Config": {"max-size": "5m", "max-file": "2"}}


@dataclass(frozen=True)
class EngineAbilities:
    """What an engine turned out not to be able to do; everything, until it was tried."""

    limits_disk: bool = True
    limits_volumes: bool = True


def build_body(
    *,
    name: str,
    hardware: Hardware,
    device: str,
    environment: Mapping[str, str],
    labels: Mapping[str, str],
    mounts: Iterable[Mount],
    work_folder: str,
    network: str,
    account: tuple[int, int] | None = None,
    dns: Iterable[str] = (),
    home_quota: int = 0,
    abilities: EngineAbilities | None = None,
) -> dict[str, Any]:
    """The whole request. `account` is who the lab runs as where that isn't the image's: its home lies in memory.

    `device` is the leased device, or "" for none; limits of 0 are left to the engine."""
    abilities = abilities or EngineAbilities()
    host: dict[str, Any] = {
        "NetworkMode": network,
        "Dns": list(dns),
        "Mounts": [_mount(mount, labels, home_quota if abilities.limits_volumes else 0) for mount in mounts],
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Sysctls": {"net.ipv6.conf.all.disable_ipv6": "1"},
        "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
        # where the whole machine is short of memory, a lab goes before the hub
        "OomScoreAdj": 500,
        # reaps what a notebook's processes leave behind
        "Init": True,
        "LogConfig": LOG,
        "RestartPolicy": {"Name": "no"},
        "AutoRemove": False,
        "DeviceRequests": [{"DeviceIDs": [device], "Capabilities": [["gpu"]]}] if device else [],
        **_limits(hardware),
        **_disk(hardware, abilities),
    }
    if account:
        uid, gid = account
        host["Tmpfs"] = host.get("Tmpfs", {}) | {str(HOME): f"rw,nosuid,nodev,mode=700,uid={uid},gid={gid}"}
    return {
        **({"User": f"{account[0]}:{account[1]}"} if account else {}),
        "Image": hardware.image,
        "Hostname": name,
        "Env": [f"{key}={value}" for key, value in environment.items()],
        "Labels": dict(labels),
        "WorkingDir": work_folder,
        "StopTimeout": STOP_SECONDS,
        "HostConfig": host,
    }


def _limits(hardware: Hardware) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if hardware.memory:
        limits |= {"Memory": hardware.memory, "MemorySwap": hardware.memory}
    if hardware.cpus:
        limits["NanoCpus"] = int(hardware.cpus * 10**9)
    if hardware.pids:
        limits["PidsLimit"] = hardware.pids
    if hardware.shm:
        limits["ShmSize"] = hardware.shm
    return limits


def _disk(hardware: Hardware, abilities: EngineAbilities) -> dict[str, Any]:
    if hardware.disk and abilities.limits_disk:
        return {"StorageOpt": {"size": str(hardware.disk)}}
    size = f",size={hardware.memory // TMP_SHARE}" if hardware.memory else ""
    return {"ReadonlyRootfs": True, "Tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,mode=1777{size}"}}


def _mount(mount: Mount, labels: Mapping[str, str], quota: int) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "Type": mount.kind,
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.read_only,
    }
    if mount.kind == "bind":
        asked["BindOptions"] = {"Propagation": "rprivate"}
    elif mount.target == str(HOME):
        kept = {key: value for key, value in labels.items() if key.endswith((".campus", ".user"))}
        asked["VolumeOptions"] = {"Labels": kept}
        if quota:
            asked["VolumeOptions"]["DriverConfig"] = {"Name": "local", "Options": {"size": str(quota)}}
    return asked
