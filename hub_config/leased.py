"""What every spawner of the campus does about hardware: ask before the start, say what became of it, ask again never.

A mixin, before the spawner in the list of bases. The lease is kept in the spawner's state, so a hub that was killed
still gives it back when the server ends.
"""

# JupyterHub and its authenticators carry no types
# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

from html import escape
from typing import Any

from sqlalchemy.orm import object_session
from traitlets import Unicode
from traitlets.config import LoggingConfigurable

from hub_config import words
from hub_config.leases import Grant, LeaseClient, LeaseError, NoneFree, PortalAway
from hub_config.logs import REQUEST, is_sane, new_request
from hub_config.refusal import StartRefused

_clients: dict[tuple[str, str], LeaseClient] = {}


class LeasedSpawner(LoggingConfigurable):
    """Adds `take_hardware`, `say_running` and `give_hardware_back` to a spawner.

    No Spawner itself: JupyterHub refuses one that can't start, stop and poll.
    """

    portal_url = Unicode(config=True, help="The portal as a server reaches it.")
    portal_url_of_hub = Unicode(config=True, help="The portal as the hub reaches it; portal_url unless set.")
    lease_token = Unicode(config=True, help="The secret under which the hub asks the portal for leases.")

    user_options: dict[str, Any]
    lease_id: int | None = None
    request_id = ""

    @property
    def leases(self) -> LeaseClient:
        """One client for all spawners of this hub."""
        key = (self.portal_url_of_hub or self.portal_url, self.lease_token)
        if key not in _clients:
            _clients[key] = LeaseClient(*key)
        return _clients[key]

    async def take_hardware(self) -> Grant:
        """What this server may have; StartRefused with a sentence, and where to wait, when there is none."""
        self.request_id = self._take_request()
        REQUEST.set(self.request_id)
        profile = self.user_options.get("profile", "")
        try:
            grant = await self.leases.grant(
                self.user.name, profile if isinstance(profile, str) else "", self.request_id
            )
        except NoneFree as error:
            link = f'<p><a class="campus-button" href="{escape(error.url)}">{words.WAITING_ROOM.html()}</a></p>'
            raise StartRefused(
                error.sentence.both(),
                reason="no-slice-free",
                message_html=error.sentence.html() + link,
                status_code=409,
            ) from error
        except LeaseError as error:
            raise StartRefused(
                error.sentence.both(),
                reason="portal-away" if isinstance(error, PortalAway) else "refused",
                message_html=error.sentence.html(),
                status_code=503 if isinstance(error, PortalAway) else 403,
            ) from error
        self.lease_id = grant.lease.id if grant.lease else None
        self.log.info(
            "%s gets %s%s [request %s]",
            self._log_name,
            grant.hardware.name,
            f" with lease {self.lease_id}" if grant.lease else "",
            self.request_id,
        )
        return grant

    def _take_request(self) -> str:
        """The id under which the portal asked for this start, else a new one.

        JupyterHub keeps a start's options for the next one that names none; the id is good for this start only.
        """
        options: dict[str, Any] = self.user_options
        asked = options.get("request")
        if asked is None:
            return new_request()
        rest = {name: value for name, value in options.items() if name != "request"}
        self.user_options = rest
        if self.orm_spawner is not None:
            self.orm_spawner.user_options = rest
            if (session := object_session(self.orm_spawner)) is not None:
                session.commit()  # or the end of any other request would undo it
        return asked if is_sane(asked) else new_request()

    async def say_running(self, *, device: str = "", node: str = "") -> None:
        """Tell the portal that the leased slice is in use. A portal that is away learns it when it next looks."""
        if self.lease_id is None:
            return
        try:
            await self.leases.running(self.lease_id, device=device, node=node)
        except LeaseError as error:
            self.log.warning("Lease %s: the portal could not be told that it is in use: %s", self.lease_id, error)

    async def give_hardware_back(self, reason: str) -> None:
        """Tell the portal that the server is gone. A portal that is away learns it when it next looks at the hub."""
        if self.lease_id is None:
            return
        lease, self.lease_id = self.lease_id, None
        try:
            await self.leases.ended(lease, reason)
        except LeaseError as error:
            self.log.warning("Lease %s could not be given back: %s", lease, error)

    def get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state()
        return {**state, "lease": self.lease_id} if self.lease_id is not None else state

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.lease_id = state.get("lease")

    def clear_state(self) -> None:
        super().clear_state()
        self.lease_id = None
