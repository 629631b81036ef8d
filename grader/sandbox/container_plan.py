"""A job's container before it is made, and how it is hardened, in the words of the engine's own interface. Pure.

Owns everything that is taken from a container: network, root, rights, room. Host folders are never mounted.
https://docs.docker.com/reference/api/engine/ has the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.sandbox.base import MIB, Limits, Opening
from grader.sandbox.execution import build_environment

WORK, HOME, GIVEN, TEMPORARY = "/sandbox/work", "/sandbox/home", "/sandbox/given", "/tmp"
BOOT = Path(__file__).with_name("container_boot.py")
WITHOUT_GPU = {"NVIDIA_VISIBLE_DEVICES": "void"}  # an image may ask for all, and the toolkit would listen
USER = "1000:1000"
MOUNT = "nosuid,nodev,nr_inodes=65536"


@dataclass(frozen=True)
class ContainerKind:
    """What a job's containers are made of: image, ids of devices (GPUs or slices of one), processors for each."""

    image: str
    devices: tuple[str, ...] = ()
    cpus: float = 1.0


@dataclass(frozen=True)
class Tmpfs:
    """Memory-backed storage of `size` bytes for the job's user."""

    size: int
    mode: str = "0755"

    @property
    def options(self) -> str:
        uid, gid = USER.split(":")
        return f"size={self.size},mode={self.mode},uid={uid},gid={gid},{MOUNT}"


@dataclass(frozen=True)
class ContainerPlan:
    """A container to make. Sizes in bytes; `tmpfs` and `volumes` by the path they are seen at inside."""

    image: str
    command: tuple[str, ...]
    labels: Mapping[str, str]
    environment: Mapping[str, str]
    memory: int
    cpus: float
    processes: int
    open_files: int
    file_size: int
    shared_memory: int
    tmpfs: Mapping[str, Tmpfs]
    volumes: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[str, ...] = ()


def build_plan(
    kind: ContainerKind, opening: Opening, labels: Mapping[str, str], hash_seed: str, volume: str | None
) -> ContainerPlan:
    """The container of one side. What both must agree on, because forks would, is the seed of hashes."""
    limits: Limits = opening.limits
    environment = build_environment(HOME, TEMPORARY, {}) | WITHOUT_GPU
    if kind.devices:
        del environment["NVIDIA_VISIBLE_DEVICES"]
    del environment["PATH"]  # the image knows where its Python is
    scratch = Tmpfs(limits.scratch)
    folders = {HOME: scratch, TEMPORARY: Tmpfs(limits.scratch, "1777")}
    folders |= {GIVEN: scratch} if volume else {WORK: scratch}
    return ContainerPlan(
        image=kind.image,
        command=("python3", "-s", "-c", BOOT.read_text(encoding="utf-8")),
        labels=labels,
        environment={**environment, **opening.environment, "PYTHONHASHSEED": hash_seed},
        memory=limits.memory,
        cpus=kind.cpus,
        processes=limits.processes,
        open_files=limits.open_files,
        file_size=limits.file_size,
        shared_memory=max(MIB, limits.scratch // 4),
        tmpfs=folders,
        volumes={WORK: volume} if volume else {},
        devices=kind.devices,
    )


def build_host_config(plan: ContainerPlan) -> dict[str, Any]:
    """What the engine is told about a container, besides its program. What it prints is read, and stored nowhere."""
    config: dict[str, Any] = {
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Privileged": False,
        "IpcMode": "private",
        "Memory": plan.memory,
        "MemorySwap": plan.memory,
        "NanoCpus": int(plan.cpus * 1e9),
        "PidsLimit": plan.processes,
        "ShmSize": plan.shared_memory,
        "Tmpfs": {path: f"rw,exec,{tmpfs.options}" for path, tmpfs in plan.tmpfs.items()},
        "Mounts": [
            {"Type": "volume", "Source": name, "Target": path, "VolumeOptions": {"NoCopy": True}}
            for path, name in plan.volumes.items()
        ],
        "Ulimits": [
            {"Name": name, "Soft": limit, "Hard": limit}
            for name, limit in (("nofile", plan.open_files), ("fsize", plan.file_size), ("core", 0))
        ],
        "LogConfig": {"Type": "none", "Config": {}},
        "RestartPolicy": {"Name": "no"},
        "Init": False,  # the first process is ours: see container_init
    }
    if plan.devices:
        config["DeviceRequests"] = [{"Count": 0, "DeviceIDs": list(plan.devices), "Capabilities": [["gpu"]]}]
    return config
