"""Running a shared test inside the student's interpreter: watched, with canaries before and probes after it.

Owns the findings that come of it. A guard that trips never lowers a mark: it makes the marking suspect, for a person to
look at with the evidence.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from courses.model import Text
from grader.aside import Surroundings, words_of
from grader.conducting import Conducted
from grader.judge.plan import PlannedCell, Role
from grader.probes import build_probes, canaries, failed
from grader.results import Finding, Severity
from grader.sandbox.base import CellCode, CellRun, Interpreters, Side
from grader.strength import CellProfile, Strength
from grader.suspicion import FORGED, HOLDS_ASIDE, is_forged, suspicions, telling

LOCKED = {"guard": "locked"}
TEST = {"guard": "test"}


@dataclass
class Guard:
    """Guards the shared tests of one notebook. `known` maps grade ids to what the reference solution's run showed.

    With `known` None every test is guarded; `answered` tells which probes failed as they should, and `shown` what the
    interpreter showed: that is the reference solution's own run.
    """

    notebook: str
    known: Mapping[str, CellProfile] | None
    chance: random.Random
    surroundings: Surroundings
    findings: list[Finding] = field(default_factory=list)
    answered: dict[str, frozenset[int]] = field(default_factory=dict)
    shown: dict[str, frozenset[str]] = field(default_factory=dict)
    watched: bool = False
    words: set[str] = field(default_factory=set)

    def step(self, interpreter: Interpreters, cell: PlannedCell, done: Conducted) -> None:
        """Run one cell, and around a shared test what guards it."""
        if not self.watched:
            interpreter.watch(list(self.surroundings.files), self.surroundings.genuine())
            self.watched = True
        code = CellCode(cell.index, cell.source)
        if cell.role is Role.TEST and self._is_shared(cell.name or ""):
            self._guarded(interpreter, cell, done)
        else:
            if cell.role is Role.STUDENT:
                self.words |= words_of(cell.source) - self.surroundings.words
            done.add(
                cell.index, interpreter.run(Side.WORK, code, context=None if cell.role is Role.STUDENT else LOCKED)
            )

    def _guarded(self, interpreter: Interpreters, cell: PlannedCell, done: Conducted) -> None:
        name = cell.name or ""
        for source, text in canaries(self.chance):
            if not failed(_silent(interpreter, cell, source).outputs, text):
                self._find("errors-swallowed", name, SWALLOWED)
        before = interpreter.look()
        run = interpreter.run(Side.WORK, CellCode(cell.index, cell.source), context=TEST)
        done.add(cell.index, run)
        look = interpreter.look()
        if self.known is not None and is_forged(cell.source, run.outputs, look):
            self._find("result-forged", name, FORGED)
        if failed(run.outputs):
            return
        shown = telling(look) | {item for item in before.seen if item.startswith("changed ")}
        shown |= {f"word {word}" for word in self.words}
        if self._holds_aside(interpreter, cell):
            shown |= {HOLDS_ASIDE}
        self.shown[name] = shown
        if self.known is not None:
            for rule, sentence in suspicions(shown, self.known[name].shown, ended=look.ended):
                self._find(rule, name, sentence)
        self._probe(interpreter, cell, name)

    def _holds_aside(self, interpreter: Interpreters, cell: PlannedCell) -> bool:
        aside = self.surroundings.aside(cell)
        return aside is None or not failed(_silent(interpreter, cell, *aside).outputs)

    def _probe(self, interpreter: Interpreters, cell: PlannedCell, name: str) -> None:
        answered = set()
        wanted = None if self.known is None else self.known[name].probes
        probes = [
            (number, source)
            for number, source in enumerate(build_probes(cell.source, self.chance))
            if wanted is None or number in wanted
        ]
        self.chance.shuffle(probes)
        for number, source in probes:
            if failed(_silent(interpreter, cell, source).outputs):
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
        if not any((known.rule, known.cell, known.text) == (rule, name, text) for known in self.findings):
            self.findings.append(Finding(rule, Severity.SUSPECT, self.notebook, name, text))


def _silent(interpreter: Interpreters, cell: PlannedCell, source: str, without: Sequence[str] = ()) -> CellRun:
    context = {"guard": "aside", "without": list(without)}  # the namespace is put back after it
    return interpreter.run(Side.WORK, CellCode(cell.index, source), context=context, silent=True)


SWALLOWED = Text(
    ko="실패해야 하는 코드가 이 노트북에서는 실패하지 않았습니다. 오류를 숨기는 코드가 있는지 확인하세요.",
    en="Code that has to fail did not fail in this notebook. Look for code that hides errors.",
)
PROBE_PASSED = Text(
    ko="정답을 다른 값으로 바꾼 검사도 통과했습니다. 어떤 값과도 같다고 답하는 객체가 있는지 확인하세요.",
    en="A variant of the test with another expected value passed, too. Look for an object that equals anything.",
)
