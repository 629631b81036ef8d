"""What graders may have made: containers that mark one submission, and the folder in memory that two of them share.

They are as `grader.sandbox.container_plan` asks for them, without network, root or any of the machine's files. Tests
compare the two. Pure.
"""

from __future__ import annotations

from typing import Any

from hub_config.gate_values import (
    Check,
    Refused,
    devices,
    environment,
    exactly,
    fields,
    has_devices,
    image,
    items,
    restart,
    text,
    tmpfs,
    truth,
    ulimits,
    whole,
)

#: the label that all containers and volumes of graders bear
LABEL = "bitgoeul.sandbox"
ACCOUNT = "1000:1000"
WORK = "/sandbox/work"
VOLUME = r"bitgoeul-[0-9a-f]{16}"
_labels = fields(
    {LABEL: exactly("job")}
    | {
        f"{LABEL}.{name}": text(r"[^\0]{0,255}", "it must be short text")
        for name in ("worker", "host", "process", "side")
    },
    required=(LABEL,),
)
_text = text(r"[^\0]*", "it must be text")


def check_marking(body: Any) -> dict[str, Any]:
    """The body of a container that marks. Raises Refused."""
    gpu = has_devices(body.get("HostConfig") if isinstance(body, dict) else None)
    known: dict[str, Check] = {
        "Image": image,
        "Hostname": exactly("sandbox"),
        "User": exactly(ACCOUNT),
        "Env": environment(gpu=gpu),
        "Entrypoint": exactly(["python3"]),
        "Cmd": items(_text, at_most=8),
        "WorkingDir": exactly("/"),
        "Labels": _labels,
        "Healthcheck": fields({"Test": exactly(["NONE"])}),
        "OpenStdin": exactly(True),
        "StdinOnce": exactly(True),
        **dict.fromkeys(("AttachStdin", "AttachStdout", "AttachStderr"), truth),
        "HostConfig": _host,
    }
    required = ("Image", "User", "Env", "Entrypoint", "Labels", "StdinOnce", "HostConfig")
    checked: dict[str, Any] = fields(known, required=required)("", body)
    return checked


def check_shared_folder(body: Any) -> dict[str, Any]:
    """The body of a volume. A driver's options could name anything of the machine; these name memory."""
    known: dict[str, Check] = {
        "Name": text(VOLUME, "it must be bitgoeul- and 16 hexadecimal digits"),
        "Driver": exactly("local"),
        "DriverOpts": _memory,
        "Labels": _labels,
    }
    checked: dict[str, Any] = fields(known, required=tuple(known))("", body)
    return checked


def _memory(where: str, value: Any) -> Any:
    uid, gid = ACCOUNT.split(":")
    options = rf"size=[0-9]{{1,15}},mode=[0-7]{{3,4}},uid={uid},gid={gid},nosuid,nodev,nr_inodes=[0-9]{{1,9}}"
    known: dict[str, Check] = {
        "type": exactly("tmpfs"),
        "device": exactly("tmpfs"),
        "o": text(options, "it must be options of a tmpfs for the job's account"),
    }
    return fields(known, required=tuple(known))(where, value)


def _mount(where: str, value: Any) -> Any:
    known: dict[str, Check] = {
        "Type": exactly("volume"),
        "Source": text(VOLUME, "it must be a folder that two containers of one job share"),
        "Target": exactly(WORK),
        "VolumeOptions": exactly({"NoCopy": True}),
    }
    return fields(known, required=tuple(known))(where, value)


def _host(where: str, value: Any) -> Any:
    known: dict[str, Check] = {
        "NetworkMode": exactly("none"),
        "ReadonlyRootfs": exactly(True),
        "CapDrop": exactly(["ALL"]),
        "SecurityOpt": exactly(["no-new-privileges"]),
        "IpcMode": exactly("private"),
        **dict.fromkeys(("Memory", "MemorySwap", "NanoCpus", "PidsLimit", "ShmSize"), whole(1)),
        "Tmpfs": tmpfs("/sandbox/home|/sandbox/work|/sandbox/given|/tmp"),
        "Mounts": items(_mount, at_most=1),
        "Ulimits": ulimits,
        "LogConfig": exactly({"Type": "none", "Config": {}}),
        "RestartPolicy": restart,
        "Init": truth,
        "DeviceRequests": devices,
    }
    required = ("NetworkMode", "ReadonlyRootfs", "CapDrop", "SecurityOpt", "IpcMode", "LogConfig")
    limits = ("Memory", "MemorySwap", "NanoCpus", "PidsLimit")
    host: dict[str, Any] = fields(known, required=(*required, *limits))(where, value)
    if host["MemorySwap"] != host["Memory"]:
        raise Refused(f"{where} must have a MemorySwap that is its Memory: markings have no swap.")
    return host
