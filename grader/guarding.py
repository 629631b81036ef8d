"""Running a shared test inside the student's interpreter, with canaries before and probes after it.

Owns the findings that come of it. A guard that trips never lowers a mark: it makes the marking suspect, for a person to
look at with the evidence.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from courses.model import Text
from grader.conducting import Conducted
from grader.judge.plan import PlannedCell, Role
from grader.probes import build_probes, canaries, failed
from grader.results import Finding, Severity
from grader.sandbox.base import CellCode, Interpreters, Side
from grader.strength import CellProfile, Strength


@dataclass
class Guard:
    """Guards the shared tests of one notebook. `known` maps grade ids to what the reference solution's run showed.

    With `known` None every test is guarded, and `answered` tells which probes failed as they should: that is the
    reference solution's own run.
    """

    notebook: str
    known: Mapping[str, CellProfile] | None
    chance: random.Random
    findings: list[Finding] = field(default_factory=list)
    answered: dict[str, frozenset[int]] = field(default_factory=dict)

    def step(self, interpreter: Interpreters, cell: PlannedCell, done: Conducted) -> None:
        """Run one cell, and around a shared test what guards it."""
        code = CellCode(cell.index, cell.source)
        guarded = cell.role is Role.TEST and self._is_shared(cell.name or "")
        if not guarded:
            done.add(cell.index, interpreter.run(Side.WORK, code))
            return
        name = cell.name or ""
        for source, text in canaries(self.chance):
            outputs = interpreter.run(Side.WORK, CellCode(cell.index, source), silent=True).outputs
            if not failed(outputs, text):
                self._find("errors-swallowed", name, SWALLOWED)
        run = interpreter.run(Side.WORK, code)
        done.add(cell.index, run)
        if not failed(run.outputs):
            self._probe(interpreter, cell, name)

    def _probe(self, interpreter: Interpreters, cell: PlannedCell, name: str) -> None:
        answered = set()
        wanted = None if self.known is None else self.known[name].probes
        for number, source in enumerate(build_probes(cell.source, self.chance)):
            if wanted is not None and number not in wanted:
                continue
            outputs = interpreter.run(Side.WORK, CellCode(cell.index, source), silent=True).outputs
            if failed(outputs):
                answered.add(number)
            elif wanted is not None:
                self._find("probe-passed", name, PROBE_PASSED)
        self.answered[name] = frozenset(answered)

    def _is_shared(self, name: str) -> bool:
        if self.known is None:
            return True
        profile = self.known.get(name)
        return profile is not None and profile.strength is Strength.SHARED

    def _find(self, rule: str, name: str, text: Text) -> None:
        if not any(finding.rule == rule and finding.cell == name for finding in self.findings):
            self.findings.append(Finding(rule, Severity.SUSPECT, self.notebook, name, text))


SWALLOWED = Text(
    ko="실패해야 하는 코드가 이 노트북에서는 실패하지 않았습니다. 오류를 숨기는 코드가 있는지 확인하세요.",
    en="Code that has to fail did not fail in this notebook. Look for code that hides errors.",
)
PROBE_PASSED = Text(
    ko="정답을 다른 값으로 바꾼 검사도 통과했습니다. 어떤 값과도 같다고 답하는 객체가 있는지 확인하세요.",
    en="A variant of the test with another expected value passed, too. Look for an object that equals anything.",
)
