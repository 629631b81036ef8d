"""The container sandbox: every job in new hardened containers, for jobs that need a GPU or another image.

Owns the engine's connection and the sweep of what a killed worker left there. It runs Python notebooks, in any image
that has Python 3.11 or newer and ipykernel; see docs/how-to/container-marking.md.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Event, Lock

from grader.sandbox.base import (
    Interpreters,
    Layer,
    Opening,
    SandboxJob,
    SandboxResult,
    SandboxUnavailable,
)
from grader.sandbox.container_engine import Engine
from grader.sandbox.container_job import ContainerJob
from grader.sandbox.container_owner import Owner, sweep
from grader.sandbox.container_plan import ContainerKind
from grader.sandbox.fork import is_python, run_all
from grader.sandbox.layers import memory_layer
from grader.sandbox.probing import Probed, look_from_both_sides

__all__ = ["ContainerKind", "ContainerSandbox"]


class ContainerSandbox(Probed):
    """Runs jobs in containers of one kind. `worker` is the name that this worker goes by on the engine."""

    name = "container"
    isolates = True

    def __init__(self, kind: ContainerKind, *, worker: str, engine: Engine | None = None) -> None:
        super().__init__()
        self.kind = kind
        self.owner = Owner.me(worker)
        self._lock = Lock()
        self._engine = engine

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
        def memory() -> Layer:
            return memory_layer(None if self.engine.limits_memory() else "the engine has no memory control group")

        return look_from_both_sides(self.open, memory)
