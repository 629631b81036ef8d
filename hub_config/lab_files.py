"""Folders of this machine that labs see, and the account that a lab runs as. Volumes are the engine's business.

A learner's lab runs as the image's account. A grading server writes into the folder of its offering, which the portal
and the graders write, too: it runs as their account, which is the hub's own unless BITGOEUL_ACCOUNT names it. Where
that is root, it doesn't; the folder is then given to the image's account, and root still may do everything.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hub_config.containers import HOME, UID, Mount, mounts_of
from hub_config.names import offering_of


@dataclass(frozen=True)
class LabFiles:
    """Where things lie on the engine's machine; `homes` is a folder or "volumes". `staff` is who the portal runs as."""

    campus: str
    homes: str
    offerings: str
    course_data: str
    staff: tuple[int, int] | None = None

    def account(self, username: str) -> tuple[int, int] | None:
        """User and group that the lab runs as; None for the image's own."""
        if not offering_of(username):
            return None
        account = self.staff or (os.geteuid(), os.getegid())
        return None if account[0] in (0, UID) else account

    def mounts(self, username: str) -> list[Mount]:
        """What the lab sees. One that runs as another account than the image's has a home in memory."""
        mounts = mounts_of(
            campus=self.campus,
            username=username,
            homes=self.homes,
            offerings=self.offerings,
            course_data=self.course_data,
        )
        return [mount for mount in mounts if mount.target != str(HOME)] if self.account(username) else mounts

    def prepare(self, username: str) -> None:
        """Make a home that is a folder; as root, give it and the offering's folder to the image's account. OSError.

        An offering's folder whose grading server runs as another account is left to it.
        """
        mounts = [mount for mount in self.mounts(username) if mount.target == str(HOME) or not self.account(username)]
        for mount in mounts:
            if mount.kind != "bind" or mount.read_only:
                continue
            if mount.target == str(HOME):
                Path(mount.source).mkdir(mode=0o700, exist_ok=True)
            if os.geteuid() == 0 and Path(mount.source).is_dir():
                _give(Path(mount.source), whole=mount.target != str(HOME))


def _give(folder: Path, *, whole: bool) -> None:
    """Give a folder to the image's account, links themselves and not what they name."""
    os.chown(folder, UID, UID, follow_symlinks=False)
    if not whole:
        return
    for _, folders, files, handle in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            os.chown(name, UID, UID, dir_fd=handle, follow_symlinks=False)
