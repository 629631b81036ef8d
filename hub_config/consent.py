"""Which programs may learn who somebody is without asking them: the campus's own, and nobody else's."""

from __future__ import annotations

from hub_config.names import GRADING_PREFIX
from hub_config.roles import PORTAL

_CLIENTS_OF_GRADING_SERVERS = f"jupyterhub-user-{GRADING_PREFIX}"


class TrustedClients(set[str]):
    """OAuth clients that need no consent: the portal, and grading servers, which belong to the campus.

    What such a server receives opens that server only. JupyterHub asks for consent by `client in settings[...]`
    (apihandlers/auth.py, needs_oauth_confirm); grading servers come and go, so they are told by their name.
    """

    def __init__(self) -> None:
        super().__init__({f"service-{PORTAL}"})

    def __contains__(self, client: object) -> bool:
        return super().__contains__(client) or str(client).startswith(_CLIENTS_OF_GRADING_SERVERS)

    def __reduce__(self) -> tuple[type[TrustedClients], tuple[()]]:
        return TrustedClients, ()
