"""What a marking runs of one notebook: apart, in one interpreter where a test needs that, and as a student may see it.

Owns the choice of runs and the putting together of what they left. Points are `marking`'s; the order of the cells
inside a run is `conducting`'s.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Event
from typing import Any

from courses.model import Text
from grader.aside import Surroundings
from grader.cell_roles import roles_of
from grader.conducting import Conducted, Conductor
from grader.exposure import failed_output
from grader.guarding import Guard
from grader.judge.plan import Plan, PlannedCell, Role, build_plan
from grader.probes import failed
from grader.results import Finding, Severity
from grader.sandbox.base import CellRun, Ending, Limits, Sandbox, Side
from grader.sandbox.fork import build_language_info
from grader.source import SourceNotebook
from grader.strength import Strength

POINTS = re.compile(r"\d{1,4}(\.\d{1,20})?|np\.(int|float)64\(\d{1,4}(\.\d{1,20})?\)")
WARM = frozenset({"numpy", "pandas", "matplotlib", "sklearn", "scipy", "seaborn", "torch"})


@dataclass(frozen=True)
class Ran:
    """The runs of one notebook. `cells` is what is scored; `shown` what a student sees, None where it is the same.

    `strengths` tells for each test cell how it was judged.
    """

    cells: Mapping[int, CellRun]
    shown: Mapping[int, CellRun] | None
    ending: Ending
    strengths: Mapping[str, Strength]
    findings: tuple[Finding, ...]
    language_info: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Run:
    """A sanitized notebook that is to be run, with all that is needed for it."""

    nb: Any
    source: SourceNotebook
    conductor: Conductor

    @classmethod
    def of(
        cls,
        nb: Any,
        source: SourceNotebook,
        sandbox: Sandbox,
        limits: Limits,
        files: Path | None,
        given: Path | None = None,
        cancel: Event | None = None,
    ) -> Run:
        """`files` is the working directory of both sides; tests may import from the assignment's own files, `given`."""
        return cls(nb, source, Conductor(sandbox, limits, files, given, imports_for(source), cancel))

    @property
    def cells(self) -> list[PlannedCell]:
        return roles_of(self.nb, self.source)

    def for_marks(self, chance: random.Random) -> Ran:
        """Run what decides the marks, and what the student is shown of it."""
        cells = self.cells
        profile = self.source.profile
        apart = self.conductor.apart(cells, self.plan(cells), profile)
        findings = _faults(apart, cells, self.source.name)
        _fail_faulty(apart, cells)
        strengths = {
            cell.name: _strength(apart, cell, self.source) for cell in cells if cell.role is Role.TEST and cell.name
        }
        if Strength.SHARED in strengths.values():
            guard = Guard(self.source.name, profile, chance, Surroundings.of(cells, self.source.reference))
            guarded = self.conductor.guarded(cells, guard.step)
            findings += guard.findings
            for cell in cells:
                if strengths.get(cell.name or "") is Strength.SHARED and cell.index in guarded.cells:
                    apart.cells[cell.index] = guarded.cells[cell.index]
        return Ran(
            cells=apart.cells,
            shown=self._shown(cells, apart),
            ending=apart.ending,
            strengths=strengths,
            findings=tuple(findings),
            language_info=build_language_info(),
        )

    def plan(self, cells: Sequence[PlannedCell]) -> Plan:
        return build_plan(cells, self.source.reference)

    def _shown(self, cells: Sequence[PlannedCell], done: Conducted) -> Mapping[int, CellRun] | None:
        """The notebook's run without any hidden test, where the other run could tell of one."""
        hidden = self.source.hidden
        first = next((number for number, cell in enumerate(cells) if cell.name in hidden), None)
        if first is None:
            return None
        if not any(
            _may_tell(done.cells[cell.index].outputs, hidden=cell.name in hidden)
            for cell in cells[first:]
            if cell.index in done.cells
        ):
            return None
        visible = [
            replace(cell, source=hidden[cell.name].runnable()) if cell.name in hidden else cell  # type: ignore[index]
            for cell in cells
        ]
        return self.conductor.together(visible).cells


def imports_for(source: SourceNotebook) -> frozenset[str]:
    """Which libraries an interpreter that marks this notebook should have loaded."""
    texts = source.reference or tuple(cell.source for cell in source.cells.values() if cell.cell_type == "code")
    return imports_of(texts)


@lru_cache(maxsize=256)
def imports_of(sources: tuple[str, ...]) -> frozenset[str]:
    """Which libraries that are slow to import the instructor's code uses."""
    found: set[str] = set()
    for source in sources:
        lines = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.split("\n"))
        try:
            tree = ast.parse(lines)
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found.update(name.name.split(".")[0] for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
    return frozenset(found & WARM)


def _may_tell(outputs: Sequence[Mapping[str, Any]], *, hidden: bool) -> bool:
    """Whether outputs that came after a hidden test could tell of it; the share of points that one gives may show."""
    if hidden and len(outputs) == 1 and outputs[0]["output_type"] == "execute_result":
        data = outputs[0]["data"]
        return set(data) != {"text/plain"} or POINTS.fullmatch(str(data["text/plain"])) is None
    return bool(outputs)


def _strength(done: Conducted, cell: PlannedCell, source: SourceNotebook) -> Strength:
    known = source.profile.get(cell.name or "")
    if known is not None:
        return known.strength
    run = done.cells.get(cell.index)
    return Strength.WEAK if run is not None and run.evidence.get("weak") else Strength.STRONG


def _fail_faulty(done: Conducted, cells: Sequence[PlannedCell]) -> None:
    """A test whose talk with the student's code broke down has failed, whatever a bare `except` in it made of that."""
    for cell in cells:
        run = done.cells.get(cell.index)
        if run is not None and run.evidence.get("faults") and not failed(run.outputs):
            text = _fault_text(run.evidence["faults"])
            done.cells[cell.index] = replace(run, outputs=[*run.outputs, failed_output(text)])


def _faults(done: Conducted, cells: Sequence[PlannedCell], notebook: str) -> list[Finding]:
    """What the student's interpreter did to the protocol; an honest one keeps to it."""
    found = [
        Finding("protocol-fault", Severity.SUSPECT, notebook, cell.name, _fault_text(faults))
        for cell in cells
        if cell.index in done.cells and (faults := done.cells[cell.index].evidence.get("faults"))
    ]
    if done.side is Side.JUDGE:
        found.append(Finding("judge-ended", Severity.SUSPECT, notebook, None, JUDGE_ENDED))
    return found


def _fault_text(faults: Sequence[Any]) -> Text:
    told = "; ".join(str(fault) for fault in faults[:3])[:300]
    return Text(
        ko=f"학생 코드가 채점 통신 규칙을 어겼습니다: {told}",
        en=f"The student's code broke the rules of the judging protocol: {told}",
    )


JUDGE_ENDED = Text(
    ko="검사를 실행하던 쪽이 끝나 버렸습니다. 학생 코드가 돌려준 값을 확인하세요.",
    en="The interpreter that ran the tests came to an end. Look at the values the student's code gave it.",
)
