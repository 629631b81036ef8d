"""The attacks of the tests, and the course and the world that they are tried in, for measurements."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from attacked_course import (
    ARGUMENT_SECRETS,
    EVERYTHING,
    NOTEBOOK,
    POINTS,
    QUESTIONS,
    RIGHT,
    SOURCE_SECRETS,
    WRONG,
    make_course,
    released_notebook,
)
from attacked_world import TOKEN, TOKEN_NAME, Listeners, build_world, hand_in_others_work, placed_names
from attacking import BREACH, LOOK_AROUND, MODES, USUAL, Attack, Outcome, World, attacks, honest_neighbour, launch, mark
from inspecting import PWNED, leaked
from small_course import code

ASSIGNMENT = "ps1"
SECRETS = (*SOURCE_SECRETS, *ARGUMENT_SECRETS)

__all__ = [
    "ARGUMENT_SECRETS", "ASSIGNMENT", "BREACH", "EVERYTHING", "LOOK_AROUND", "MODES", "NOTEBOOK", "POINTS", "PWNED",
    "QUESTIONS", "RIGHT", "SECRETS", "SOURCE_SECRETS", "TOKEN", "TOKEN_NAME", "USUAL", "WRONG", "Attack", "Listeners",
    "Outcome", "World", "attacks", "build_world", "code", "hand_in_others_work", "honest_neighbour", "launch", "leaked",
    "make_course", "mark", "placed_names", "released_notebook", "secrets_of",
]  # fmt: skip


def secrets_of(attack: Attack) -> list[str]:
    """The hidden tests' words that the attack does not bring along itself (some know the tests)."""
    told = " ".join((*attack.cells.values(), *attack.extra.values()))
    return [secret for secret in SECRETS if secret not in told]
