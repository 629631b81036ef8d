"""A sandbox that says which of its layers hold on this machine: it looks around from inside a trial job, once.

Owns the look and the memory of it; what is seen is judged by `layers`.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from threading import Lock
from typing import Self

from grader.sandbox.base import (
    CellCode,
    Interpreters,
    Layer,
    Limits,
    Opening,
    SandboxUnavailable,
    Side,
    SideEnded,
)
from grader.sandbox.execution import LOOKOUT
from grader.sandbox.layers import layers_of, missing_layers

NOTHING_SAID = ("The probe said nothing.", "점검 결과가 없습니다.")


class Probed(ABC):
    """What such sandboxes have in common."""

    def __init__(self) -> None:
        self._looking = Lock()
        self._layers: list[Layer] | None = None

    def layers(self) -> list[Layer]:
        """Look around from inside a trial job, once; every layer with whether it holds."""
        with self._looking:
            if self._layers is None:
                self._layers = self._try_layers()
            return self._layers

    def require(self) -> Self:
        """This sandbox, if all its layers hold here or are stood in for; else SandboxUnavailable says which do not."""
        missing = missing_layers(self.layers())
        if missing:
            raise SandboxUnavailable(
                " ".join(layer.reason.en for layer in missing), " ".join(layer.reason.ko for layer in missing)
            )
        return self

    @abstractmethod
    def _try_layers(self) -> list[Layer]:
        """Look around now."""


def look_from_both_sides(open_job: Callable[[Opening], Interpreters], memory: Callable[[], Layer]) -> list[Layer]:
    """The layers as the weaker side of a judged job has them, and what `memory` says of the job's memory."""
    cell = CellCode(0, LOOKOUT.read_text(encoding="utf-8"))
    found: list[list[Layer]] = []
    try:
        with open_job(Opening(limits=Limits(wall=30, scratch=1 << 24), judged=True)) as job:
            for side in (Side.WORK, Side.JUDGE):
                run = job.run(side, cell)
                text = "".join(output.get("text", "") for output in run.outputs if output.get("name") == "stdout")
                found.append(layers_of(json.loads(text) if text.startswith("{") else None, NOTHING_SAID))
        counted = memory()
    except SandboxUnavailable as error:
        return layers_of(None, (error.message, error.korean))
    except SideEnded as error:
        return layers_of(None, (str(error), f"점검이 중단되었습니다: {error}"))
    works, judges = found
    if len(works) != len(judges):  # one side said nothing
        return min(found, key=len)
    return [*(ours if not ours.holds else theirs for ours, theirs in zip(works, judges, strict=True)), counted]
