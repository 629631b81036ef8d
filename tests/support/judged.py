"""A warm parent that runs notebooks in one interpreter and in two, for tests of the judge. Trusted notebooks only.

As a script it is the parent: one JSON job a line in, one JSON result a line out. Each job gets a fork and a temporary
directory; in the two-interpreter form that fork runs the first locked cells, then forks into work side and judge side.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Judged:
    """The parent process, as tests see it."""

    def __init__(self, imports: tuple[str, ...] = ()) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__, *imports],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=tempfile.gettempdir(),
            env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"},
            text=True,
        )

    def run(self, cells: list[dict[str, Any]], two: bool, files: Path | None = None, limit: float = 60) -> list[Any]:
        """Run `cells` ({"role", "source", "context", "index"}); their records in order (None: never run)."""
        job = {"cells": cells, "two": two, "files": str(files) if files else None, "limit": limit}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the parent has died"
        records: list[Any] = json.loads(line)
        return records

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()


def planned(sources: list[tuple[str, str]], evidence: list[Any] | None = None, reference: bool = False, by: Any = None):
    """Cells for `Judged.run` from (role, source) pairs, with the contexts of their plan.

    `by` is the instructor's notebook, if it is another one than these cells make.
    """
    from grader.judge.plan import PlannedCell, Role, build_plan

    cells = [PlannedCell(i, Role(role), None, source) for i, (role, source) in enumerate(sources)]
    plan = build_plan(cells, [source for _, source in (by or sources)])
    made = []
    for cell in cells:
        known = evidence[cell.index] if evidence is not None else None
        context = None if cell.role is Role.STUDENT else plan.context(cell.index, known, reference=reference)
        made.append({"role": cell.role.value, "source": cell.source, "context": context})
    return made


def failure(record: Any) -> str | None:
    """The name and message of the error a cell ended in."""
    if record is None:
        return "never run"
    found = [output for output in record["outputs"] if output["output_type"] == "error"]
    return f"{found[0]['ename']}: {found[0]['evalue']}" if found else None


def printed(record: Any) -> str:
    """What a cell printed, both streams."""
    return "".join(output["text"] for output in record["outputs"] if output["output_type"] == "stream")


# -- the parent


def serve(imports: list[str]) -> None:
    for name in imports:
        with contextlib.suppress(ImportError):
            __import__(name)
    from grader.sandbox.shell import Shell

    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    shell = Shell()
    shell.warm_up()
    for line in iter(sys.stdin.readline, ""):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            with tempfile.TemporaryDirectory() as folder:
                try:
                    result = run_job(shell, json.loads(line), folder)
                except BaseException as error:
                    import traceback

                    result = [
                        {"outputs": [{"output_type": "error", "ename": "Harness", "evalue": traceback.format_exc()}]}
                    ]
                    del error
            with os.fdopen(writer, "w") as handle:
                json.dump(result, handle, default=str)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as handle:
            text = handle.read()
        os.waitpid(child, 0)
        out.write(text.replace("\n", " ") + "\n")
        out.flush()


def run_job(shell: Any, job: dict[str, Any], folder: str) -> list[Any]:
    import shutil

    if job["files"]:
        shutil.copytree(job["files"], folder, dirs_exist_ok=True)
    os.chdir(folder)
    os.environ["HOME"] = folder
    shell.after_fork()
    cells = job["cells"]
    if not job["two"]:
        return [timed(shell, i, cell, job["limit"]) for i, cell in enumerate(cells)]
    first = next((i for i, cell in enumerate(cells) if cell["role"] != "locked"), len(cells))
    records = [timed(shell, i, cell, job["limit"]) for i, cell in enumerate(cells[:first])]
    work_link, judge_link = socket.socketpair()
    work = start(shell, "work", work_link, judge_link, job["limit"])
    judge = start(shell, "judge", judge_link, work_link, job["limit"])
    work_link.close()
    judge_link.close()
    for i, cell in enumerate(cells[first:], start=first):
        record = None
        if cell["role"] in ("student", "locked"):
            record = work.run(i, cell)
        if cell["role"] in ("test", "locked"):
            judged = judge.run(i, cell)
            record = judged if cell["role"] == "test" else record
        records.append(record)
    for side in (judge, work):
        side.end()
    return records


def timed(shell: Any, index: int, cell: dict[str, Any], limit: float) -> Any:
    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        return shell.run(index, cell["source"], count=index + 1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


class SideProcess:
    def __init__(self, pid: int, channel: socket.socket) -> None:
        self.pid, self.channel = pid, channel.makefile("rw")

    def run(self, index: int, cell: dict[str, Any]) -> Any:
        self.channel.write(json.dumps([index, cell]) + "\n")
        self.channel.flush()
        line = self.channel.readline()
        return json.loads(line) if line else None

    def end(self) -> None:
        self.channel.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def start(shell: Any, name: str, link: socket.socket, other: socket.socket, limit: float) -> SideProcess:
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid:
        theirs.close()
        return SideProcess(pid, ours)
    ours.close()
    other.close()
    try:
        shell.after_fork()
        (serve_work if name == "work" else serve_judge)(shell, link, theirs, limit)
    finally:
        os._exit(0)


def serve_work(shell: Any, link: socket.socket, channel: socket.socket, limit: float) -> None:
    from grader.judge.faults import LinkFault
    from grader.judge.work import WorkSide

    side = WorkSide(link, shell)
    stream = channel.makefile("rw")
    linked = [link]
    while True:
        ready, _, _ = select.select([channel, *linked], [], [])
        if channel in ready:
            line = stream.readline()
            if not line:
                return
            index, cell = json.loads(line)
            stream.write(json.dumps(timed(shell, index, cell, limit), default=str) + "\n")
            stream.flush()
        else:
            try:
                side.serve_one()
            except LinkFault as fault:
                print("work side:", type(fault).__name__, fault, file=sys.__stderr__)
                linked = []


def serve_judge(shell: Any, link: socket.socket, channel: socket.socket, limit: float) -> None:
    from grader.judge.judge import JudgeSide

    side = JudgeSide(link, shell)
    stream = channel.makefile("rw")
    for line in iter(stream.readline, ""):
        index, cell = json.loads(line)
        side.begin(cell["context"])
        record = timed(shell, index, cell, limit)
        record["evidence"] = side.end()
        stream.write(json.dumps(record, default=str) + "\n")
        stream.flush()


if __name__ == "__main__":
    serve(sys.argv[1:])
