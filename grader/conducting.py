"""Running a notebook apart: the student's cells in one interpreter, the tests in another, one cell at a time.

Owns the order in which the two interpreters get the cells, and the two runs in one interpreter beside it: the one for
tests that can't be judged apart, and the one that shows a student what came of the notebook without any hidden test.
Knows nothing of points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from grader.cell_roles import split_preamble
from grader.hidden import find_hidden
from grader.judge.plan import Plan, PlannedCell, Role, rewritten_in
from grader.sandbox.base import (
    CellCode,
    CellRun,
    Ending,
    Interpreters,
    Limits,
    Opening,
    Sandbox,
    Side,
    SideEnded,
)
from grader.strength import CellProfile, Strength

Imports = frozenset[str]


@dataclass
class Conducted:
    """What a run left: the cells by their index, how it ended, and on which side."""

    cells: dict[int, CellRun] = field(default_factory=dict)
    ending: Ending = Ending.FINISHED
    side: Side | None = None

    def add(self, index: int, run: CellRun) -> None:
        """Take a cell's outputs, and those of earlier cells whose displays it changed."""
        self.cells[index] = run
        for earlier, outputs in run.updates.items():
            if earlier in self.cells:
                known = self.cells[earlier]
                self.cells[earlier] = CellRun(outputs, known.execution_count, known.timing, known.evidence)


Step = Callable[[Interpreters, PlannedCell, Conducted], None]


@dataclass(frozen=True)
class Conductor:
    """Runs the cells of one notebook in `sandbox`.

    `files` is the working directory that both sides see; tests may import from `given`, the assignment's own files.
    """

    sandbox: Sandbox
    limits: Limits
    files: Path | None
    given: Path | None
    imports: Imports
    cancel: Event | None = None

    def apart(
        self, cells: Sequence[PlannedCell], plan: Plan, profile: Mapping[str, CellProfile], *, reference: bool = False
    ) -> Conducted:
        """Run student's and tests' cells apart; a test's evidence stands with its run.

        With `reference` the answers are the instructor's own: whatever tests ask of them goes through, and is noted.
        """
        preamble, rest = split_preamble(cells)
        judged = any(cell.role is Role.TEST for cell in rest)

        def step(both: Interpreters, cell: PlannedCell, done: Conducted) -> None:
            _apart(both, cell, plan, profile, done, reference)

        return self._play(self._opening(preamble, judged=judged), rest, step)

    def together(self, cells: Sequence[PlannedCell]) -> Conducted:
        """Run all cells in one interpreter, as a notebook's kernel does."""
        return self.guarded(cells, lambda one, cell, done: done.add(cell.index, one.run(Side.WORK, _code(cell))))

    def guarded(self, cells: Sequence[PlannedCell], step: Step) -> Conducted:
        """Run all cells in one interpreter, each by `step`, which may look around before and after it."""
        return self._play(self._opening([], judged=False), cells, step)

    def _play(self, opening: Opening, cells: Iterable[PlannedCell], step: Step) -> Conducted:
        done = Conducted()
        try:
            with self.sandbox.open(opening, self.cancel) as interpreters:
                for index, run in interpreters.preamble.items():
                    done.add(index, run)
                for cell in cells:
                    step(interpreters, cell, done)
        except SideEnded as end:
            done.ending, done.side = end.ending, end.side
        return done

    def _opening(self, preamble: Iterable[PlannedCell], *, judged: bool) -> Opening:
        return Opening(
            files=self.files,
            given=self.given,
            limits=self.limits,
            environment={},
            imports=self.imports,
            preamble=tuple(_released(cell) for cell in preamble),
            judged=judged,
        )


def _apart(
    both: Interpreters,
    cell: PlannedCell,
    plan: Plan,
    profile: Mapping[str, CellProfile],
    done: Conducted,
    reference: bool,
) -> None:
    if cell.role is not Role.TEST:
        code = _released(cell) if cell.role is Role.LOCKED else _code(cell)
        done.add(cell.index, both.run(Side.WORK, code))
    if cell.role is Role.LOCKED:
        changed = None if reference else rewritten_in(known.evidence for known in profile.values())
        context = plan.context(cell.index, None, rewritten=changed)
        both.run(Side.JUDGE, _code(cell), context=context, silent=True)
    if cell.role is Role.TEST:
        known = profile.get(cell.name or "")
        context = plan.context(cell.index, known.evidence if known else None, reference)
        run = both.run(Side.JUDGE, _code(cell), context=context)
        if known is None or known.strength is not Strength.SHARED:
            done.add(cell.index, run)


def _code(cell: PlannedCell) -> CellCode:
    return CellCode(cell.index, cell.source)


def _released(cell: PlannedCell) -> CellCode:
    """A locked cell as the student's side may hold it."""
    return CellCode(cell.index, "\n".join(find_hidden(cell.source).visible.values()))
