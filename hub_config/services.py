"""The programs beside the hub: the portal, whoever reads the figures, and, where labs are containers, the warden."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hub_config.roles import METRICS, PORTAL, WARDEN

#: how the warden finds the engine: by the same variables as the hub
ENGINE_VARIABLES = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
#: by this variable the warden knows whose child it is
HUB_PROCESS = "HUB_PROCESS"


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


def build_warden(
    *, campus: str, portal_url: str, lease_token: str, environ: Mapping[str, str], module: str = "hub_config.warden"
) -> dict[str, Any]:
    """The warden, an entry of the hub's `services`; `environ` is the hub's own environment."""
    engine = {name: environ[name] for name in ENGINE_VARIABLES if environ.get(name)}
    return {
        "name": WARDEN,
        "command": [sys.executable, "-m", module],
        "environment": {
            **engine,
            HUB_PROCESS: str(os.getpid()),
            "BITGOEUL_CAMPUS": campus,
            "BITGOEUL_PORTAL_URL": portal_url,
            "BITGOEUL_LEASE_TOKEN": lease_token,
        },
        "cwd": str(Path(__file__).resolve().parent.parent),
        "display": False,
    }
