"""How far a test cell's verdict can be trusted, as the reference solution's run showed before the release.

Owns the three strengths. A *strong* cell is judged in an interpreter that holds nothing of the student's; a *weak* one
too, but it lets the student's code take part in a comparison, as a test of `__eq__` must; a *shared* one has to run in
the student's own interpreter, guarded by probes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Strength(StrEnum):
    """See the module."""

    STRONG = "strong"
    WEAK = "weak"
    SHARED = "shared"


@dataclass(frozen=True)
class CellProfile:
    """What is known of one test cell.

    `evidence` is what the judge saw the reference solution need (None where it never ran there). `probes` are the
    numbers of the probes of `grader.probes` that the reference solution answered as an honest one does. `shown` is what
    its interpreter showed when it was watched (None where it never was): what an honest one may show, too.
    """

    strength: Strength
    evidence: Mapping[str, Any] | None = None
    probes: frozenset[int] = field(default_factory=frozenset)
    shown: frozenset[str] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        shown = None if self.shown is None else sorted(self.shown)
        raw = {"strength": self.strength.value, "evidence": self.evidence, "probes": sorted(self.probes)}
        return raw if shown is None else {**raw, "shown": shown}


def read_profile(raw: Mapping[str, Any]) -> CellProfile:
    """The profile that `to_dict` wrote."""
    shown = frozenset(raw["shown"]) if "shown" in raw else None
    return CellProfile(Strength(raw["strength"]), raw["evidence"], frozenset(raw["probes"]), shown)
