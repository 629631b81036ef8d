"""The programs beside the hub: the portal, whoever reads the figures where a token is set, and nothing else."""

from __future__ import annotations

from typing import Any

from hub_config.roles import METRICS, PORTAL


def build_services(*, portal_origin: str, portal_token: str, metrics_token: str = "") -> list[dict[str, Any]]:
    """The hub's `services`: the portal, which runs by itself, is reached below /services/portal/, and asks nobody.

    Prometheus is one only to have a token of its own; it isn't reached through the hub.
    """
    services: list[dict[str, Any]] = [
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
    if metrics_token:
        services.append({"name": METRICS, "api_token": metrics_token, "display": False})
    return services
