"""Who may do what at the hub: every role in one list, deny by default. People's roles in courses are the portal's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

PORTAL = "portal"
METRICS = "metrics"
WARDEN = "warden"
ADMINISTRATORS = "campus-administrators"
GRADING_SERVERS = "grading-servers"
ENTER_PORTAL = f"access:services!service={PORTAL}"

#: what a person may do: their own server, and the portal
USER_SCOPES = ("self", ENTER_PORTAL)

#: what a server's token may do: report activity, let its owner in, speak to the portal, and (as any token) say
#: whose it is
SERVER_SCOPES = ("users:activity!user", "access:servers!server", ENTER_PORTAL)

#: what the portal may do: keep the hub's people and groups in step with the campus, start servers whose GPU is there
#: and stop those whose time is over, and enter and share grading servers (whoever shares a right must have it). It can
#: enter no learner's server.
PORTAL_SCOPES = (
    "admin:users",
    "read:servers",
    "delete:servers",
    "start:servers",
    "admin:groups",
    f"access:servers!group={GRADING_SERVERS}",
    f"shares!group={GRADING_SERVERS}",
)

#: what Prometheus may do: read the hub's figures (/hub/metrics), and nothing else
METRICS_SCOPES = ("read:metrics",)

#: what the warden may do: see who has a server
WARDEN_SCOPES = ("list:users", "read:servers")

#: what an administrator may do at the hub's own pages: see people and servers, start and stop servers; not enter them
ADMINISTRATOR_SCOPES = (
    "admin-ui",
    "list:users",
    "read:users",
    "servers",
    "list:groups",
    "read:groups",
    "list:services",
    "read:services",
    "read:hub",
    "read:metrics",
)


def build_roles(admins: Iterable[str], *, warden: bool = False, metrics: bool = False) -> list[dict[str, Any]]:
    """The hub's `load_roles`; with `warden`, also that of the warden of labs in containers.

    `admins` are administrators by setting; others get there through the group.

    `metrics` says whether a program reads the hub's figures.

    Nobody is an administrator in JupyterHub's own sense: its `admin` flag can enter every server, and outlives the
    setting that granted it. These lists are exact: a name that leaves them loses the role when the hub starts.
    """
    return [
        {"name": "user", "scopes": list(USER_SCOPES)},
        {"name": "server", "scopes": list(SERVER_SCOPES)},
        {"name": "portal", "scopes": list(PORTAL_SCOPES), "services": [PORTAL]},
        {
            "name": "campus-administrator",
            "description": "Sees people and servers, starts and stops servers",
            "scopes": list(ADMINISTRATOR_SCOPES),
            "users": sorted(admins),
            "groups": [ADMINISTRATORS],
        },
        *([{"name": "metrics", "scopes": list(METRICS_SCOPES), "services": [METRICS]}] if metrics else []),
        *([{"name": "warden", "scopes": list(WARDEN_SCOPES), "services": [WARDEN]}] if warden else []),
    ]
