"""The one kind of container that the hub may have made: a lab of this campus, as `container_body` asks for it. Pure.

What a lab sees of the machine follows from its user's name, as the hub itself finds it (`containers.mounts_of`); the
gate finds it again and lets nothing else through. Links are the engine's to follow, so what a lab sees of a folder it
sees as one of two accounts that nothing else of the machine belongs to, whatever its image says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from hub_config.container_body import LOG
from hub_config.containers import (
    CAMPUS_LABEL,
    DEVICE_LABEL,
    HOME,
    LEASE_LABEL,
    REQUEST_LABEL,
    UID,
    USER_LABEL,
    Mount,
    mounts_of,
    name_of,
)
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
    refuse,
    restart,
    text,
    tmpfs,
    truth,
    ulimits,
    whole,
)
from hub_config.names import offering_of


@dataclass(frozen=True)
class LabSite:
    """What the site says of labs; as in LabSettings."""

    campus: str
    network: str
    dns: tuple[str, ...] = ()
    homes: str = "volumes"
    offerings: str = "/srv/offerings"
    course_data: str = ""
    #: who grading servers run as: the account of portal and graders, to which the offerings' folders belong
    account: str = "2000:2000"


#: who learners' labs run as, in every image
LEARNER = f"{UID}:{UID}"
_anything = text(r"[^\0]{0,1024}", "it must be short text")
_digits = text(r"[0-9]{1,18}", "it must be a number of bytes")


def check_lab(site: LabSite, name: str, body: Any) -> dict[str, Any]:
    """The body of a lab of that name. Raises Refused."""
    labels = fields(
        {
            CAMPUS_LABEL: exactly(site.campus),
            USER_LABEL: text(r"[^\0]{1,1024}", "it must be a user's name"),
            LEASE_LABEL: _anything,
            REQUEST_LABEL: _anything,
            DEVICE_LABEL: _anything,
        },
        required=(CAMPUS_LABEL, USER_LABEL),
    )
    said = labels("Labels", body.get("Labels") if isinstance(body, dict) else None)
    username = said[USER_LABEL]
    if name != name_of(site.campus, username):
        raise refuse("name", name, f"the lab of {username!r} is called {name_of(site.campus, username)}")
    accounts = {LEARNER, site.account} if offering_of(username) else {LEARNER}
    known: dict[str, Check] = {
        "Image": image,
        "Hostname": exactly(name),
        "User": text("|".join(sorted(accounts)), f"it must be {' or '.join(sorted(accounts))}"),
        "Env": environment(gpu=has_devices(body.get("HostConfig"))),
        "Labels": labels,
        "WorkingDir": text(r"/[A-Za-z0-9/_.-]{0,255}", "it must be a path"),
        "StopTimeout": whole(0, 600),
        "HostConfig": _host(site, username),
    }
    checked: dict[str, Any] = fields(known, required=("Image", "Hostname", "Env", "Labels", "HostConfig"))("", body)
    # an image may say root, or a group that something of the machine belongs to
    return {"User": LEARNER} | checked


def _host(site: LabSite, username: str) -> Check:
    known: dict[str, Check] = {
        "NetworkMode": exactly(site.network),
        "Dns": exactly(list(site.dns)),
        "Mounts": _mounts(site, username),
        "Tmpfs": tmpfs(f"/tmp|{HOME}"),
        "CapDrop": exactly(["ALL"]),
        "SecurityOpt": exactly(["no-new-privileges"]),
        # the fence is for IPv4
        "Sysctls": exactly({"net.ipv6.conf.all.disable_ipv6": "1"}),
        "Ulimits": ulimits,
        "OomScoreAdj": whole(0, 1000),
        "Init": truth,
        "LogConfig": exactly(LOG),
        "RestartPolicy": restart,
        "DeviceRequests": devices,
        "Memory": whole(1),
        "MemorySwap": whole(1),
        "NanoCpus": whole(1),
        "PidsLimit": whole(1),
        "ShmSize": whole(1),
        "ReadonlyRootfs": truth,
        "StorageOpt": fields({"size": _digits}, required=("size",)),
    }
    required = ("NetworkMode", "CapDrop", "SecurityOpt", "Sysctls", "LogConfig", "OomScoreAdj")
    check_fields = fields(known, required=required)

    def check(where: str, value: Any) -> Any:
        host = check_fields(where, value)
        if not host.get("ReadonlyRootfs") and not host.get("StorageOpt"):
            raise Refused(f"{where} must have ReadonlyRootfs, or StorageOpt with a size.")
        if host.get("MemorySwap") != host.get("Memory"):
            raise Refused(f"{where} must have a MemorySwap that is its Memory: labs have no swap.")
        return host

    return check


def _mounts(site: LabSite, username: str) -> Check:
    expected = mounts_of(
        campus=site.campus,
        username=username,
        homes=site.homes,
        offerings=site.offerings,
        course_data=site.course_data,
    )
    check_home = fields({"Labels": _home_labels(site, username), "DriverConfig": _quota})
    shape = fields(
        {
            "Type": text("bind|volume", "it must be bind or volume"),
            "Source": _anything,
            "Target": _anything,
            "ReadOnly": truth,
            "BindOptions": exactly({"Propagation": "rprivate"}),
            "VolumeOptions": check_home,
        },
        required=("Type", "Source", "Target", "ReadOnly"),
    )

    def check_one(where: str, value: Any) -> Any:
        asked = shape(where, value)
        mount = _expected(asked, expected)
        if mount is None:
            raise refuse(where, asked, f"the lab of {username!r} mounts {_said(expected)}")
        if mount.kind == "bind":
            _check_folder(where, mount, site)
            if "VolumeOptions" in asked or "BindOptions" not in asked:
                raise Refused(f"{where} is a folder; it must have BindOptions with rprivate, and no VolumeOptions.")
        elif "BindOptions" in asked or ("VolumeOptions" in asked and mount.target != str(HOME)):
            raise Refused(f"{where} is a volume; it has no BindOptions, and VolumeOptions only as a home.")
        return asked

    return items(check_one, at_most=len(expected))


def _quota(where: str, value: Any) -> Any:
    """A volume's driver could mount anything of the machine; all that it is told is a size."""
    return fields(
        {"Name": exactly("local"), "Options": fields({"size": _digits}, required=("size",))},
        required=("Name", "Options"),
    )(where, value)


def _home_labels(site: LabSite, username: str) -> Check:
    return fields({CAMPUS_LABEL: exactly(site.campus), USER_LABEL: exactly(username)})


def _expected(asked: dict[str, Any], expected: Iterable[Mount]) -> Mount | None:
    for mount in expected:
        if asked["Type"] == mount.kind and (asked["Source"], asked["Target"], asked["ReadOnly"]) == (
            mount.source,
            mount.target,
            mount.read_only,
        ):
            return mount
    return None


def _check_folder(where: str, mount: Mount, site: LabSite) -> None:
    """The expected folder again, whatever made its name: directly below one that the site names, and no way out."""
    source = PurePosixPath(mount.source)
    above = {PurePosixPath(folder) for folder in (site.homes, site.offerings) if folder.startswith("/")}
    straight = ".." not in source.parts and str(source) == mount.source
    if not straight or not (source.parent in above or (mount.source == site.course_data and mount.read_only)):
        raise refuse(where, mount.source, "it must lie directly below the homes' or the offerings' folder")


def _said(expected: Iterable[Mount]) -> str:
    return ", ".join(
        f"{mount.source} at {mount.target}{' (read-only)' if mount.read_only else ''}" for mount in expected
    )
