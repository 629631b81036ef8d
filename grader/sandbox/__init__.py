"""Where a student's code runs. `base` is the interface, `detect` picks the kind this machine can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grader.sandbox.base import Layer


def probe() -> list[Layer]:
    """Every layer of the fork sandbox, with whether it holds on this machine and why (see `detect`)."""
    from grader.sandbox import detect

    return detect.probe()
