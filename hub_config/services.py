"""The programs beside the hub: the portal, and nothing else."""

from __future__ import annotations

from typing import Any

from hub_config.roles import PORTAL


def build_services(*, portal_origin: str, portal_token: str) -> list[dict[str, Any]]:
    """The hub's `services`: the portal, which runs by itself, is reached below /services/portal/, and asks nobody."""
    return [
        {
            "name": PORTAL,
            "url": portal_origin,
            "api_token": portal_token,
            "oauth_no_confirm": True,
            "display": True,
            # the hub waits for the portal when it starts, by default 30 s, and lets nobody in meanwhile
            "timeout": 2,
        }
    ]
