"""The campus with labs in containers, and the engine of its own, that the container tests use, for measurements."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from container_campus import GATEWAY, HUB, IMAGE, PROXY, PROXY_API, PUBLIC, ContainerCampus
from engines import engine_has
from own_engine import NEEDED, OwnEngine, can_run, own_engine

__all__ = [
    "GATEWAY",
    "HUB",
    "IMAGE",
    "NEEDED",
    "PROXY",
    "PROXY_API",
    "PUBLIC",
    "ContainerCampus",
    "OwnEngine",
    "can_run",
    "engine_has",
    "own_engine",
]
