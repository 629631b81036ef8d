"""Who owns which name in each test cell of a notebook, decided on the trusted side from trusted sources.

Pure. The instructor's notebook (`reference`, solutions included) says what the student's cells bind, import and read.
The sources of a student's own cells are never looked at.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from grader.judge.free_names import Use, use_of
from grader.judge.given import REWRITTEN

_CHANCE = {  # uses of the global random states; generators of their own need no keeping in step
    "random": re.compile(r"(?<![\w.])random\.(?!Random\b|SystemRandom\b)\w|\bfrom random import|\bimport random as\b"),
    "numpy": re.compile(
        r"\b(?:np|numpy)\.random\.(?!default_rng\b|Generator\b|RandomState\b)\w|\bfrom numpy\.random import"
        r"|\bfrom numpy import random|\bimport numpy\.random as\b"
    ),
}


class Role(StrEnum):
    """What a code cell is: the student's, locked (run on both sides), or a test (run on the judge side)."""

    STUDENT = "student"
    LOCKED = "locked"
    TEST = "test"


@dataclass(frozen=True)
class PlannedCell:
    """A code cell of the notebook that is marked. `source` is trusted for locked and test cells only."""

    index: int
    role: Role
    name: str | None
    source: str


@dataclass(frozen=True)
class Plan:
    """What the judge side is told before each of its cells."""

    roles: Mapping[int, Role]
    contexts: Mapping[int, Mapping[str, Any]]

    def context(
        self,
        index: int,
        evidence: Mapping[str, Any] | None,
        reference: bool = False,
        rewritten: Iterable[str] | None = (),
    ) -> dict[str, Any]:
        """JSON for the judge side, for the locked or test cell at `index`.

        `evidence` is what the reference solution's run of the same cell gave, None if that is not known. `reference`
        says that this is the reference solution's run: whatever its tests ask goes through, and is noted. `rewritten`
        are files of the assignment's that the reference solution changes, beside those in `evidence`; None: any.
        """
        known = None if evidence is None else {"operations": list(evidence.get("operations", ()))}
        left = None if reference or rewritten is None else sorted({*rewritten, *rewritten_in([evidence])})
        return {**self.contexts[index], "evidence": known, "reference": reference, "rewritten": left}


@dataclass(frozen=True)
class _Cell:
    role: Role
    use: Use
    index: int | None


def rewritten_in(evidence: Iterable[Mapping[str, Any] | None]) -> frozenset[str]:
    """The files of the assignment's that the reference solution had changed when these were noted down."""
    noted = [row for known in evidence if known is not None for row in known.get("operations", ())]
    return frozenset(row.removeprefix(REWRITTEN) for row in noted if row.startswith(REWRITTEN))


def build_plan(cells: Sequence[PlannedCell], reference: Sequence[str]) -> Plan:
    """The plan for a notebook of `cells`; `reference` has all code cells of the instructor's, in order."""
    ordered = _in_order(cells, reference)
    notebook = _Notebook(ordered)
    contexts = {
        cell.index: notebook.context(place)
        for place, cell in enumerate(ordered)
        if cell.index is not None and cell.role is not Role.STUDENT
    }
    return Plan({cell.index: cell.role for cell in cells}, contexts)


def _in_order(cells: Sequence[PlannedCell], reference: Sequence[str]) -> list[_Cell]:
    """The reference's cells in order, the judge side's own among them marked with their index.

    A planned cell that the reference does not have (an older release) stands after the one before it.
    """
    ours = [cell for cell in cells if cell.role is not Role.STUDENT]
    places: dict[str, list[int]] = {}
    for place, source in enumerate(reference):
        places.setdefault(source.strip(), []).append(place)
    at: dict[int, PlannedCell] = {}
    added: list[tuple[int, PlannedCell]] = []
    last = -1
    for cell in ours:
        found = [place for place in places.get(cell.source.strip(), ()) if place not in at]
        if found:
            last = next((place for place in found if place > last), found[0])
            at[last] = cell
        else:
            added.append((last, cell))
    ordered = [_mine(cell) for place, cell in added if place < 0]
    for place, source in enumerate(reference):
        planned = at.get(place)
        ordered.append(_mine(planned) if planned else _Cell(Role.STUDENT, use_of(source), None))
        ordered += [_mine(cell) for before, cell in added if before == place]
    return ordered


def _mine(cell: PlannedCell) -> _Cell:
    return _Cell(cell.role, use_of(cell.source), cell.index)


class _Notebook:
    """The whole instructor's notebook, and what follows from it for one of its cells."""

    def __init__(self, cells: list[_Cell]) -> None:
        self.cells = cells
        self.imports: dict[str, list[Any]] = {}
        bound_otherwise: set[str] = set()
        for cell in cells:
            for one in cell.use.imports:
                places = self.imports.setdefault(one.name, [])
                if one.place not in places:
                    places.append(one.place)
            bound_otherwise |= _bound(cell.use) - cell.use.imported
        for name in bound_otherwise & set(self.imports):
            del self.imports[name]
        self.stars = list(dict.fromkeys(module for cell in cells for module in cell.use.stars))
        self.random = [name for name, uses in _CHANCE.items() if any(uses.search(cell.use.text) for cell in cells)]
        self.twins = sorted({name for cell in cells if cell.role is Role.LOCKED for name in cell.use.classes})
        self.read = self._read_by_functions()
        students = [cell for cell in cells if cell.role is Role.STUDENT]
        self.student = {name for cell in students for name in _bound(cell.use)} - set(self.imports)

    def _read_by_functions(self) -> set[str]:
        """Globals that the student's cells read, and functions of locked cells."""
        found: set[str] = set()
        for cell in self.cells:
            if cell.role is Role.STUDENT:
                found |= cell.use.inner | cell.use.loads
            elif cell.role is Role.LOCKED:
                found |= cell.use.inner
        return found - set(self.imports)

    def context(self, place: int) -> dict[str, Any]:
        cell = self.cells[place]
        owned, student = self._owners(place)
        touched = {
            name
            for other in self.cells
            if other.role is not Role.STUDENT
            for name in _bound(other.use) | other.use.deletes | other.use.mutates
        }
        return {
            "role": cell.role.value,
            "imports": self.imports,
            "stars": self.stars,
            "student": sorted(student),
            "owned": sorted(owned),
            "builtins": sorted(name for name in self.student if hasattr(builtins, name)),
            "carried": sorted(touched & self.read),
            "twins": self.twins,
            "random": self.random,
        }

    def _owners(self, place: int) -> tuple[set[str], set[str]]:
        """Names that the judge side's cells bound last before `place`, and those that the student's did."""
        owned: set[str] = set()
        student: set[str] = set()
        for cell in self.cells[:place]:
            names = _bound(cell.use) - set(self.imports)
            if cell.role is Role.STUDENT:
                changed = names | (cell.use.mutates & owned)
                owned -= changed
                student |= changed
            else:
                student -= names
                owned |= names
        return owned, student


def _bound(use: Use) -> set[str]:
    return use.binds
