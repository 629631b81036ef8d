"""Runs a notebook both ways, in namespaces: in a kernel of its own under nbclient, and in a fork of a warm shell."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.sandbox import private_root
from grader.sandbox.base import Limits, SandboxJob
from grader.sandbox.launch import run_tree
from grader.sandbox.namespaces import NamespaceSandbox

HERE = Path(__file__).parent
SANDBOX = Path(sys.modules[NamespaceSandbox.__module__].__file__ or "").parent
HOST = "/.host.py"
INSIDE = ("__init__.py", *sorted(path.name for path in SANDBOX.glob("shell*.py")))
WALL = 240.0


@dataclass(frozen=True)
class Book:
    """A notebook of the corpus: its code cells, the files beside it, seconds a cell may take."""

    name: str
    cells: Sequence[str]
    files: Path | None = None
    limit: float = 30.0

    def job(self) -> SandboxJob:
        cells = [
            {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
            for source in self.cells
        ]
        notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        return SandboxJob(notebook, files=self.files, limits=Limits(wall=WALL, cell=self.limit))


@dataclass
class Run:
    """What a notebook left: outputs and number of every cell that ran, and the seconds each took."""

    outputs: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    counts: dict[int, int | None] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    timing: dict[int, Mapping[str, str]] = field(default_factory=dict)
    fork: float = 0.0
    after_fork: float = 0.0
    log: str = ""


def run_in_kernel(book: Book) -> Run:
    result = NamespaceSandbox().run(book.job())
    run = Run(log=result.log)
    for index, cell in result.cells.items():
        run.outputs[index], run.counts[index] = cell.outputs, cell.execution_count
        run.timing[index] = cell.timing
    return run


def run_in_shell(books: Sequence[Book], imports: Sequence[str] = ()) -> list[Run]:
    """All `books`, each in a fork of one warm shell."""
    binds = [{"source": str(HERE / "warm_host.py"), "target": HOST}]
    binds += [{"source": str(SANDBOX / name), "target": f"/.host/grader/sandbox/{name}"} for name in INSIDE]
    notebooks = []
    for number, book in enumerate(books):
        files = None
        if book.files:
            files = f"/.files/{number}"
            binds.append({"source": str(book.files), "target": files})
        cells = [(index, source) for index, source in enumerate(book.cells) if source.strip()]
        notebooks.append({"cells": cells, "files": files, "limit": max(1.0, book.limit)})
    job = SandboxJob({"cells": []}, limits=Limits(wall=WALL))
    spec = NamespaceSandbox()._build_spec([sys.executable, "-I", HOST], binds, job, None)
    spec["environment"]["HOME"] = private_root.HOME
    payload = json.dumps({"imports": list(imports), "notebooks": notebooks}).encode()
    tree = run_tree(spec, payload, wall=WALL, memory=1 << 31, output=1 << 28)
    runs = [Run(log=tree.log.decode("utf-8", "replace")) for _ in books]
    for line in tree.lines:
        _read(json.loads(line), runs)
    return runs


def _read(record: dict[str, Any], runs: list[Run]) -> None:
    if "notebook" not in record:
        return
    run = runs[record["notebook"]]
    if "fork" in record:
        run.fork, run.after_fork = record["fork"], record["after_fork"]
    elif "cell" in record:
        index = record["cell"]
        run.outputs[index], run.counts[index] = record["outputs"], record["execution_count"]
        run.seconds[index], run.timing[index] = record["seconds"], record["timing"]
        for earlier, outputs in record["updates"].items():
            run.outputs[int(earlier)] = outputs
