"""Cells on a fork sandbox: what they printed, which errors they ended with, and whether the next job is well."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import descendants

from grader.sandbox.base import CellCode, CellRun, Ending, Interpreters, Limits, Opening, Side, SideEnded
from grader.sandbox.fork import ForkSandbox

MIB = 1024 * 1024
QUICK = Limits(wall=60, cell=20, grace=1, scratch=32 * MIB)  # ample: other tests run beside


class Forked:
    """One job, led cell by cell: `work` and `judge` run a source and return its record."""

    def __init__(self, interpreters: Interpreters) -> None:
        self.interpreters = interpreters
        self.cells = 0

    def run(self, side: Side, source: str) -> CellRun:
        self.cells += 1
        return self.interpreters.run(side, CellCode(self.cells, source))

    def work(self, source: str) -> str:
        return printed(self.run(Side.WORK, source))

    def judge(self, source: str) -> str:
        return printed(self.run(Side.JUDGE, source))

    def ending(self, side: Side, source: str) -> Ending:
        """How the side ended that runs `source`, or did so before."""
        try:
            run = self.run(side, source)
        except SideEnded as ended:
            return ended.ending
        raise AssertionError(f"the {side} side goes on: {run.outputs}")


@contextmanager
def job(
    sandbox: ForkSandbox, *, judged: bool = False, files: Path | None = None, limits: Limits = QUICK, **more: object
) -> Iterator[Forked]:
    """A job on `sandbox`, ended afterwards."""
    opening = Opening(files=files, limits=limits, judged=judged, **more)  # type: ignore[arg-type]
    with sandbox.open(opening) as interpreters:
        yield Forked(interpreters)


def printed(run: CellRun) -> str:
    return "".join(o["text"] for o in run.outputs if o["output_type"] == "stream")


def errors(run: CellRun) -> list[str]:
    return [o["ename"] for o in run.outputs if o["output_type"] == "error"]


def unaffected(sandbox: ForkSandbox) -> Callable[[], None]:
    """Remembers the warm parent; the returned check asserts that it is the same, has no job, and does one."""
    with job(sandbox) as one:
        assert one.work("print(6 * 7)") == "42\n"
    before = {parent.process.pid for parent in sandbox.parents.all()}
    tree = set(descendants(os.getpid()))

    def check() -> None:
        with job(sandbox, judged=True) as one:
            seen = one.work(
                "import os\nprint(6 * 7, os.listdir('.'), sorted(n for n in globals() if n[0] not in '_IioOeqg'))"
            )
            assert seen == "42 [] []\n" or seen.startswith("42 [] ['os']"), seen
            assert one.judge("print(6 * 7)") == "42\n"
        assert {parent.process.pid for parent in sandbox.parents.all()} == before
        deadline = time.monotonic() + 5
        while left := set(descendants(os.getpid())) - tree:
            assert time.monotonic() < deadline, f"processes were left behind: {left}"
            time.sleep(0.02)

    return check
