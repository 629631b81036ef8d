"""The container engine that tests use: whether one answers, and what is left on it."""

from __future__ import annotations

from grader.sandbox.base import SandboxUnavailable
from grader.sandbox.container_engine import Engine
from grader.sandbox.container_owner import LABEL, WORKER

IMAGE = "bitgoeul-marking"
#: what a campus in containers is made of, and what it starts
CAMPUS_IMAGES = tuple(
    f"bitgoeul-{name}" for name in ("proxy", "hub", "guard", "database", "portal", "grader", "lab-cpu")
)


def engine_answers() -> bool:
    """Whether the engine that the environment names answers and has the marking image."""
    return engine_has(IMAGE)


def engine_has(image: str) -> bool:
    """Whether the engine that the environment names answers and has that image."""
    try:
        engine = Engine.from_environment()
    except SandboxUnavailable:
        return False
    try:
        return engine.has_image(image)
    finally:
        engine.close()


def left_on(engine: Engine, worker: str) -> list[str]:
    """The containers and volumes that bear that worker's name."""
    found = [*engine.containers(LABEL), *engine.volumes(LABEL)]
    return [one.id for one in found if one.labels.get(WORKER) == worker]
