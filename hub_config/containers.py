"""A lab in a container: what it is called, its labels, where its files lie. Knows no Docker and no JupyterHub.

One engine and a Swarm share this: a container here, a service there, with one name and the same labels.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hub_config.names import folder_of, offering_of

#: the port that a lab listens on
PORT = 8888
#: where images of labs keep their programs and the servers' configuration, and the account that they run as
LAB_BIN = "/opt/lab/bin"
LAB_CONFIG = Path("/opt/lab/config")
HOME = PurePosixPath("/home/learner")
UID = 1000
#: where an offering's folder, and what courses share, are seen from within
OFFERINGS = PurePosixPath("/srv/offerings")
COURSE_DATA = PurePosixPath("/srv/course-data")

CAMPUS_LABEL = "kr.bitgoeul.campus"
USER_LABEL = "kr.bitgoeul.user"
LEASE_LABEL = "kr.bitgoeul.lease"
REQUEST_LABEL = "kr.bitgoeul.request"
DEVICE_LABEL = "kr.bitgoeul.device"

#: a Swarm's services and a container's host name end here
NAME_LIMIT = 63
_SAFE = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_LIKE_A_HASH = re.compile(r"(^|-)[0-9a-f]{12}$")


@dataclass(frozen=True)
class Mount:
    """One thing that a lab sees: a named volume, or a folder of the machine (a `source` that begins with /)."""

    source: str
    target: str
    read_only: bool = False

    @property
    def kind(self) -> str:
        return "bind" if self.source.startswith("/") else "volume"


def name_of(campus: str, username: str) -> str:
    """The name of the lab of `username`, the same every time: `campus-username` where that can be a host name.

    Names that can't be (too long, Korean, with dots) get a hash of the whole name, so that two never meet.
    """
    plain = f"{campus}-{username}"
    if len(plain) <= NAME_LIMIT and _SAFE.fullmatch(username) and not _LIKE_A_HASH.search(username):
        return plain
    readable = re.sub(r"[^a-z0-9]+", "-", username.lower()).strip("-")
    digest = hashlib.sha256(username.encode()).hexdigest()[:12]
    room = NAME_LIMIT - len(campus) - len(digest) - 2
    readable = readable[:room].strip("-")
    return "-".join(part for part in (campus, readable, digest) if part)


def labels_of(*, campus: str, username: str, lease: int | None, request: str, device: str = "") -> dict[str, str]:
    """What a lab's container carries, so that everybody who looks at the engine knows whose it is."""
    return {
        CAMPUS_LABEL: campus,
        USER_LABEL: username,
        LEASE_LABEL: "" if lease is None else str(lease),
        REQUEST_LABEL: request,
        DEVICE_LABEL: device,
    }


def lease_in(labels: Mapping[str, str]) -> int | None:
    """The lease that a container's labels name."""
    text = labels.get(LEASE_LABEL, "")
    return int(text) if text.isascii() and text.isdigit() else None


def home_of(campus: str, homes: str, username: str) -> Mount:
    """The home of `username`: a folder below `homes`, or, where `homes` is "volumes", a volume of the engine's."""
    if homes != "volumes":
        return Mount(f"{homes}/{folder_of(username)}", str(HOME))
    # volumes may be called [a-zA-Z0-9][a-zA-Z0-9_.-]*
    return Mount(f"{name_of(campus, username)}-home", str(HOME))


def work_folder_of(username: str) -> PurePosixPath:
    """Where a server works: an offering's grading server in that offering's folder, everybody else at home."""
    offering = offering_of(username)
    return OFFERINGS / offering if offering else HOME


def mounts_of(*, campus: str, username: str, homes: str, offerings: str, course_data: str = "") -> list[Mount]:
    """Everything that the lab of `username` sees of the machine.

    `offerings` is the folder of all offerings on the engine's machine: a grading server sees its own offering's and
    no other, writable. `course_data` (a folder or a volume; "" for none) is seen by everybody and written by nobody.
    """
    mounts = [home_of(campus, homes, username)]
    if offering := offering_of(username):
        mounts.append(Mount(f"{offerings}/{offering}", str(OFFERINGS / offering)))
    if course_data:
        mounts.append(Mount(course_data, str(COURSE_DATA), read_only=True))
    return mounts
