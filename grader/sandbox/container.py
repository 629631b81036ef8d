"""The container sandbox: every job in new hardened containers, for jobs that need a GPU or another image.

Owns the engine's connection and the sweep of what a killed worker left there. It runs Python notebooks, in any image
that has Python 3.11 or newer and ipykernel; see docs/how-to/container-marking.md.
"""

from __future__ import annotations

import json
from dataclasses import replace
from threading import Event, Lock

from grader.sandbox.base import (
    CellCode,
    Interpreters,
    Layer,
    Limits,
    Opening,
    SandboxJob,
    SandboxResult,
    SandboxUnavailable,
    Side,
    SideEnded,
)
from grader.sandbox.container_engine import Engine
from grader.sandbox.container_job import ContainerJob
from grader.sandbox.container_owner import Owner, sweep
from grader.sandbox.container_plan import ContainerKind
from grader.sandbox.execution import LOOKOUT
from grader.sandbox.fork import is_python, run_all
from grader.sandbox.layers import layers_of, memory_layer, missing_layers

__all__ = ["ContainerKind", "ContainerSandbox"]


class ContainerSandbox:
    """Runs jobs in containers of one kind. `worker` is the name that this worker goes by on the engine."""

    name = "container"
    isolates = True

    def __init__(self, kind: ContainerKind, *, worker: str, engine: Engine | None = None) -> None:
        self.kind = kind
        self.owner = Owner.me(worker)
        self._lock = Lock()
        self._engine = engine
        self._layers: list[Layer] | None = None

    def using(self, kind: ContainerKind) -> ContainerSandbox:
        """A sandbox of another kind on the same engine."""
        return ContainerSandbox(kind, worker=self.owner.worker, engine=self.engine)

    @property
    def engine(self) -> Engine:
        """The engine, found and swept when it is first needed. Raises SandboxUnavailable."""
        with self._lock:
            if self._engine is None:
                engine = Engine.from_environment()
                sweep(engine, self.owner)
                self._engine = engine
            return self._engine

    def open(self, opening: Opening, cancel: Event | None = None) -> Interpreters:
        """Start a job's containers. Raises SandboxUnavailable, Cancelled, and SideEnded from the preamble."""
        return ContainerJob(self.engine, self.kind, self.owner, opening, cancel)

    def run(self, job: SandboxJob, cancel: Event | None = None) -> SandboxResult:
        """Run all cells of `job` in one interpreter."""
        if not is_python(job.notebook):
            raise SandboxUnavailable(
                "The container sandbox runs Python notebooks, and this one's metadata name another language. "
                "Mark it without a GPU and in the campus's own image.",
                "컨테이너 샌드박스는 파이썬 노트북만 실행하는데, 이 노트북의 메타데이터에는 다른 언어가 적혀 있습니다. "
                "GPU 없이 캠퍼스 이미지로 채점하세요.",
            )
        versions: list[str] = []

        def open_job(opening: Opening, cancel: Event | None) -> Interpreters:
            started = ContainerJob(self.engine, self.kind, self.owner, opening, cancel)
            versions.append(started.python)
            return started

        result = run_all(open_job, job, cancel)
        if result.language_info is None or not versions:
            return result
        return replace(result, language_info={**result.language_info, "version": versions[0]})

    def layers(self) -> list[Layer]:
        """Look around from both sides of a trial job, once; every layer with whether it holds."""
        with self._lock:
            known = self._layers
        if known is None:
            known = self._try_layers()
            with self._lock:
                self._layers = known
        return known

    def require(self) -> ContainerSandbox:
        """This sandbox, if all its layers hold; else SandboxUnavailable says which do not."""
        missing = missing_layers(self.layers())
        if missing:
            raise SandboxUnavailable(
                " ".join(layer.reason.en for layer in missing), " ".join(layer.reason.ko for layer in missing)
            )
        return self

    def afresh(self) -> ContainerSandbox:
        """One with a connection of its own; every job has its own seed anyway. The caller closes it."""
        return ContainerSandbox(self.kind, worker=self.owner.worker)

    def close(self) -> None:
        """Let go of the engine. Nothing is kept between jobs."""
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def _try_layers(self) -> list[Layer]:
        cell = CellCode(0, LOOKOUT.read_text(encoding="utf-8"))
        found: list[list[Layer]] = []
        try:
            with self.open(Opening(limits=Limits(wall=30, scratch=1 << 24), judged=True)) as job:
                for side in (Side.WORK, Side.JUDGE):
                    run = job.run(side, cell)
                    text = "".join(output.get("text", "") for output in run.outputs if output.get("name") == "stdout")
                    seen = json.loads(text) if text.startswith("{") else None
                    found.append(layers_of(seen, ("The probe said nothing.", "점검 결과가 없습니다.")))
            counted = self.engine.limits_memory()
        except SandboxUnavailable as error:
            return layers_of(None, (error.message, error.korean))
        except SideEnded as error:
            return layers_of(None, (str(error), f"점검이 중단되었습니다: {error}"))
        works, judges = found
        weaker = [ours if not ours.holds else theirs for ours, theirs in zip(works, judges, strict=True)]
        return [*weaker, memory_layer(None if counted else "the engine has no memory control group")]
