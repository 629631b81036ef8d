"""What every sandbox that uses `runner` shares: the job's payload, the environment, the reading of its records."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any

from courses.model import Text
from grader.sandbox.base import CellRun, Ending, Limits, SandboxJob, SandboxResult
from grader.sandbox.enter import SETUP_FAILED
from grader.sandbox.launch import Tree, run_tree
from grader.sandbox.outputs import read_cell, read_record

RUNNER = Path(__file__).with_name("runner.py")
LOOKOUT = Path(__file__).with_name("lookout.py")
WALL_GRACE = 10.0  # the runner ends a job in time by itself; this is for one that does not answer
KEPT_METADATA = ("kernelspec", "language_info")

REASONS = {
    Ending.TIMEOUT: Text(
        ko="제한 시간 {wall:.0f}초 안에 끝나지 않아 나머지 셀은 실행하지 않았습니다.",
        en="It did not finish within its time limit of {wall:.0f} seconds; the remaining cells were not run.",
    ),
    Ending.MEMORY: Text(
        ko="메모리 한도 {memory} MiB를 넘어 중단했습니다. 나머지 셀은 실행하지 않았습니다.",
        en="It was stopped for using more than {memory} MiB of memory; the remaining cells were not run.",
    ),
    Ending.OUTPUT: Text(
        ko="출력이 너무 많아 중단했습니다({output} MiB 초과). 나머지 셀은 실행하지 않았습니다.",
        en="It was stopped for sending more than {output} MiB of output; the remaining cells were not run.",
    ),
    Ending.DIED: Text(
        ko="실행 중에 커널이 종료되었습니다(메모리 부족이나 강제 종료일 수 있습니다). 나머지 셀은 실행하지 않았습니다.",
        en="The kernel died while running (out of memory, or ended by the code); the remaining cells were not run.",
    ),
}


def reason_for(ending: Ending, limits: Limits) -> Text | None:
    """The sentence for `ending`, None when the run finished."""
    if ending is Ending.FINISHED:
        return None
    words = {
        "wall": limits.wall,
        "memory": limits.memory // (1024 * 1024),
        "output": limits.output // (1024 * 1024),
    }
    text = REASONS[ending]
    return Text(ko=text.ko.format(**words), en=text.en.format(**words))


def build_payload(job: SandboxJob) -> bytes:
    """What the runner needs of the notebook: code cells in their places, without nbgrader's metadata."""
    cells: list[dict[str, Any]] = []
    for cell in job.notebook["cells"]:
        kind = cell["cell_type"]
        slim: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": cell["source"] if kind == "code" else ""}
        tags = cell.get("metadata", {}).get("tags")
        if isinstance(tags, list):
            slim["metadata"]["tags"] = [tag for tag in tags if isinstance(tag, str)]
        if kind == "code":
            slim |= {"outputs": [], "execution_count": None}
        cells.append(slim)
    metadata = job.notebook.get("metadata", {})
    kernel = metadata.get("kernelspec", {})
    name = kernel.get("name") if isinstance(kernel, Mapping) else None
    body = {
        "cells": cells,
        "metadata": {key: metadata[key] for key in KEPT_METADATA if key in metadata},
        "kernel": name if isinstance(name, str) and name else "python3",
        "wall": job.limits.wall,
        "cell": job.limits.cell,
    }
    return json.dumps(body).encode()


def build_environment(home: str, temporary: str, extra: Mapping[str, str]) -> dict[str, str]:
    """A job's whole environment. Nothing of the worker's own is taken over."""
    paths = [os.path.join(sys.prefix, "bin"), "/usr/local/bin", "/usr/bin", "/bin"]
    return {
        "PATH": ":".join(paths),
        "HOME": home,
        "TMPDIR": temporary,
        "USER": "student",
        "LOGNAME": "student",
        "SHELL": "/bin/sh",
        "LANG": "C.UTF-8",
        "TERM": "xterm-color",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "NBGRADER_EXECUTION": "autograde",
        **extra,
    }


def build_limits(limits: Limits) -> dict[str, int]:
    """A job's limits as the processes inside take them."""
    return {
        "address_space": limits.address_space,
        "processes": limits.processes,
        "open_files": limits.open_files,
        "file_size": limits.file_size,
        "scratch": limits.scratch,
        "cpu": int((limits.wall + WALL_GRACE) * (os.cpu_count() or 1)),
    }


class Collector:
    """Gathers a runner's records into a result."""

    def __init__(self, job: SandboxJob) -> None:
        self.job = job
        self.cells: dict[int, CellRun] = {}
        self.end: str | None = None
        self.why = ""
        self.language_info: Mapping[str, Any] | None = None
        self.known = {i for i, cell in enumerate(job.notebook["cells"]) if cell["cell_type"] == "code"}

    def __call__(self, line: bytes) -> None:
        record = read_record(line)
        if record is None or self.end is not None:
            return
        if isinstance(record.get("language_info"), dict):
            self.language_info = record["language_info"]
        if isinstance(record.get("end"), str):
            self.end, self.why = record["end"], str(record.get("why", ""))
            return
        cell = read_cell(record)
        if cell is not None and cell[0] in self.known:
            self.cells[cell[0]] = cell[1]

    def result(self, tree: Tree) -> SandboxResult:
        ending = Ending.DIED
        if tree.timed_out or self.end == "timeout":
            ending = Ending.TIMEOUT
        elif tree.out_of_memory:
            ending = Ending.MEMORY
        elif tree.overflowed:
            ending = Ending.OUTPUT
        elif self.end == "finished":
            ending = Ending.FINISHED
        log = tree.log.decode("utf-8", "replace")
        if self.why and self.why != "kernel":
            log += f"\nrunner: {self.why}"
        return SandboxResult(
            ending=ending,
            cells=self.cells,
            reason=reason_for(ending, self.job.limits),
            log=log.strip(),
            seconds=tree.seconds,
            language_info=self.language_info,
        )


def set_up_failed(tree: Tree) -> bool:
    """Whether the tree never got as far as running anything of the job's."""
    return tree.code == SETUP_FAILED and b"set-up failed" in tree.log


def execute(spec: dict[str, Any], job: SandboxJob, cancel: Event | None) -> tuple[SandboxResult, Tree]:
    """Run `job` in the tree that `spec` describes."""
    collector = Collector(job)
    tree = run_tree(
        spec,
        build_payload(job),
        wall=job.limits.wall + WALL_GRACE,
        memory=job.limits.memory,
        output=job.limits.output,
        cancel=cancel,
        on_line=collector,
    )
    return collector.result(tree), tree
