"""The fork sandbox: every job is a fork of an interpreter that has its imports done, in namespaces of its own.

Owns the warm parents and where their jobs' memory is counted. What a job sees and may do is the namespace sandbox's,
and tighter: see docs/explanation/sandbox.md. Notebooks of other languages than Python go to the namespace sandbox.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path
from threading import Event
from typing import Any

from grader.sandbox import private_root
from grader.sandbox.base import (
    CellCode,
    CellRun,
    Ending,
    Interpreters,
    Layer,
    Opening,
    SandboxJob,
    SandboxResult,
    Side,
    SideEnded,
)
from grader.sandbox.cgroups import MemoryGroups, find_memory_groups
from grader.sandbox.execution import build_environment, reason_for
from grader.sandbox.layers import memory_layer
from grader.sandbox.namespaces import OUTER_ID, NamespaceSandbox, root_spec
from grader.sandbox.opening import open_fork
from grader.sandbox.parents import MOST_PARENTS, Parents
from grader.sandbox.probing import Probed, look_from_both_sides
from grader.sandbox.warm_imports import find_warm_imports

SKIP_TAG = "skip-execution"


class ForkSandbox(Probed):
    """Runs jobs in forks of warm interpreters. `hidden` are folders that stay invisible even below a mounted one."""

    name = "fork"
    isolates = True

    def __init__(self, hidden: Iterable[Path] = (), *, most_parents: int = MOST_PARENTS) -> None:
        super().__init__()
        self.hidden = tuple(hidden)
        self.parents = Parents(partial(build_parent_spec, self.hidden), most_parents)

    def open(self, opening: Opening, cancel: Event | None = None) -> Interpreters:
        """Start a job's interpreters. Raises SandboxUnavailable, Cancelled, and SideEnded from the preamble."""
        groups = self.memory_groups
        return open_fork(self.parents, opening, {}, groups if isinstance(groups, MemoryGroups) else None, cancel)

    def run(self, job: SandboxJob, cancel: Event | None = None) -> SandboxResult:
        """Run all cells of `job` in one interpreter."""
        if not is_python(job.notebook):
            return NamespaceSandbox(self.hidden).run(job, cancel)
        return run_all(self.open, job, cancel)

    def afresh(self) -> ForkSandbox:
        """One with warm interpreters of its own. The caller closes it."""
        return ForkSandbox(self.hidden, most_parents=1)

    def close(self) -> None:
        """End the warm interpreters, and what still runs on them. A later job starts new ones."""
        self.parents.close()

    @cached_property
    def memory_groups(self) -> MemoryGroups | str:
        """Where jobs' memory is counted by the kernel, or why it isn't."""
        return find_memory_groups()

    def _try_layers(self) -> list[Layer]:
        def memory() -> Layer:
            groups = self.memory_groups
            return memory_layer(groups if isinstance(groups, str) else None)

        return look_from_both_sides(self.open, memory)


def build_parent_spec(hidden: tuple[Path, ...]) -> dict[str, Any]:
    """What a warm parent sets itself up by."""
    return {
        **root_spec(hidden),
        "mode": "namespaces",
        "outer_uid": OUTER_ID,
        "environment": build_environment(private_root.HOME, "/tmp", {}),
    }


def run_all(open_job: Any, job: SandboxJob, cancel: Event | None) -> SandboxResult:
    """All code cells of a notebook in one interpreter, with the result of `Sandbox.run`."""
    began = time.monotonic()
    cells = [
        CellCode(index, cell["source"])
        for index, cell in enumerate(job.notebook["cells"])
        if cell["cell_type"] == "code" and cell["source"].strip() and not _skipped(cell)
    ]
    opening = Opening(
        files=job.files,
        limits=job.limits,
        environment=job.environment,
        imports=find_warm_imports(cell.source for cell in cells),
    )
    done: dict[int, CellRun] = {}
    ending = Ending.FINISHED
    try:
        with open_job(opening, cancel) as interpreters:
            for cell in cells:
                run = done[cell.index] = interpreters.run(Side.WORK, cell)
                for index, outputs in run.updates.items():
                    if index in done:
                        old = done[index]
                        done[index] = CellRun(outputs, old.execution_count, old.timing)
    except SideEnded as error:
        ending = error.ending
    return SandboxResult(
        ending=ending,
        cells=done,
        reason=reason_for(ending, job.limits),
        seconds=time.monotonic() - began,
        language_info=build_language_info(),
    )


def is_python(notebook: Mapping[str, Any]) -> bool:
    """Whether a notebook's cells are Python, by its metadata."""
    metadata = notebook.get("metadata", {})
    kernel, info = metadata.get("kernelspec"), metadata.get("language_info")
    kernel, info = (part if isinstance(part, Mapping) else {} for part in (kernel, info))
    language = kernel.get("language") or info.get("name")
    return str(language or kernel.get("name") or "python").lower().startswith("python")


def build_language_info() -> dict[str, Any]:
    """What ipykernel says of itself when a client asks."""
    return {
        "name": "python",
        "version": platform.python_version(),
        "mimetype": "text/x-python",
        "codemirror_mode": {"name": "ipython", "version": sys.version_info.major},
        "pygments_lexer": f"ipython{sys.version_info.major}",
        "nbconvert_exporter": "python",
        "file_extension": ".py",
    }


def _skipped(cell: Mapping[str, Any]) -> bool:
    tags = cell.get("metadata", {}).get("tags")
    return isinstance(tags, list) and SKIP_TAG in tags
