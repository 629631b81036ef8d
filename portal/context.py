"""What a running portal has at hand: settings, database, storage, catalogue, and its two ways to speak to the hub.

Owns no data. `app.state.campus` holds the one `Campus`; routes ask for it with `Depends(campus)`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast
from urllib.parse import urlsplit

from starlette.requests import Request

from cohorts.database import Database
from cohorts.errors import CampusError
from cohorts.hub_sync import Hub, SyncReport
from courses.model import Catalogue
from gpus.desk import Desk
from gpus.hardware import CPU_ONLY, Hardware
from grader.storage import Storage
from portal.hub_sign_in import HubSignIn
from portal.settings import PortalSettings
from portal.waiting_board import WaitingBoard


@dataclass
class Campus:
    """Everything a route may need. `hub` acts with the portal's service token, `sign_in` with the person's own.

    `wake_sync` is set by whoever changed people or memberships, so that the hub hears of it at once. `in_step` is set
    while the hub's users and groups are as the database says.
    """

    settings: PortalSettings
    database: Database
    storage: Storage
    catalogue: Catalogue
    hub: Hub
    sign_in: HubSignIn
    hardware: Hardware = CPU_ONLY
    wake_sync: threading.Event = field(default_factory=threading.Event)
    in_step: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def desk(self) -> Desk:
        """Where slices are asked for and given back."""
        return Desk(self.database, self.hardware, self.settings.timezone)

    @cached_property
    def board(self) -> WaitingBoard:
        """Where everybody stands who holds or waits for a slice."""
        return WaitingBoard(self.database, self.hardware)

    def note_sync(self, result: SyncReport | CampusError) -> None:
        """Remember whether the hub is as the database says."""
        if isinstance(result, SyncReport) and not result.refused:
            self.in_step.set()
        else:
            self.in_step.clear()

    @property
    def prefix(self) -> str:
        """The path below which the portal lives, `/services/portal`."""
        return urlsplit(self.settings.portal_url).path.rstrip("/")

    @property
    def hub_path(self) -> str:
        """The path of the hub's pages as a browser sees them, `/hub`."""
        return urlsplit(self.settings.public_url).path.rstrip("/") + "/hub"

    @property
    def base_path(self) -> str:
        """The path of the whole campus, `/`."""
        return urlsplit(self.settings.public_url).path.rstrip("/") + "/"


def campus(request: Request) -> Campus:
    """The campus this request is about."""
    return cast(Campus, request.app.state.campus)
