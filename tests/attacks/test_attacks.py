"""Every attack, in both forms of judging: no undeserved point on a clean mark, nothing leaked, nobody else touched."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from attacked_course import ARGUMENT_SECRETS, EVERYTHING, QUESTIONS, RIGHT, SOURCE_SECRETS, WRONG, released_notebook
from attacking import (
    BREACH,
    MODES,
    TRIED,
    USUAL,
    Attack,
    Outcome,
    World,
    attacks,
    control,
    honest_neighbour,
    launch,
    mark,
)
from inspecting import PWNED, active_parts, leaked
from processes import descendants

from grader.sandbox.base import Ending

pytestmark = pytest.mark.namespaces
FORMS = MODES
LASTING = ("persistence", "killing", "exhaustion", "escape", "link")  # followed by an honest student in every form
FEWEST = 75

forms = pytest.mark.parametrize("mode", FORMS)
every_attack = pytest.mark.parametrize("attack", attacks(), ids=lambda attack: attack.name)


@pytest.fixture(scope="module")
def at_rest(world: World) -> int:
    """How many processes the sandbox keeps when nothing runs."""
    for mode in FORMS:
        assert honest_neighbour(world, "first", mode).result.score == EVERYTHING
    return len(descendants(os.getpid()))


def check_neighbour(outcome: Outcome) -> None:
    assert outcome.points == dict.fromkeys(QUESTIONS, 2.0)
    assert outcome.clean
    assert outcome.breaches == []


@forms
@every_attack
def test_an_attack_gains_nothing(attack: Attack, mode: str, world: World, at_rest: int) -> None:
    outcome = launch(world, attack, mode)
    assert not outcome.clean or outcome.points == {}, "undeserved points on a clean mark"
    assert outcome.breaches == []
    told = " ".join((*attack.cells.values(), *attack.extra.values()))  # some are written by one who knows the tests
    secrets = [secret for secret in (*SOURCE_SECRETS, *ARGUMENT_SECRETS) if secret not in told]
    assert leaked(secrets, outcome.page, outcome.sentences) == []
    assert active_parts(outcome.page) == []
    if mode == FORMS[0] or attack.family in LASTING:
        check_neighbour(honest_neighbour(world, f"{attack.name}-{mode}", mode))
    deadline = time.monotonic() + 5
    while len(descendants(os.getpid())) > at_rest and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(descendants(os.getpid())) <= at_rest, "it left processes behind"


@pytest.mark.control
@every_attack
def test_an_attack_works_where_nothing_guards_the_tests(attack: Attack, world: World) -> None:
    found = control(world, attack)
    dies = found.run.ending is not Ending.FINISHED or "NotRun" in found.outputs or "Timeout" in found.outputs
    shown = {
        "points": bool(attack.aims) and set(attack.aims) <= set(found.points),
        "breach": BREACH in found.outputs,
        "leak": leaked((*SOURCE_SECRETS, *ARGUMENT_SECRETS), found.outputs) != [],
        "page": PWNED in found.outputs,
        "tried": TRIED in found.outputs or dies,
        "dies": dies,
    }
    assert shown[attack.shows], (dict(found.points), found.run.ending, found.outputs[:3000])


@forms
def test_right_answers_earn_everything_and_wrong_ones_nothing(world: World, mode: str) -> None:
    import json

    for answers, points in ((RIGHT, dict.fromkeys(QUESTIONS, 2.0)), (WRONG, {})):
        notebook = json.dumps(released_notebook(answers)).encode()
        outcome = mark(world, notebook, world.folder(f"plain-{mode}", {}), USUAL, mode)
        assert outcome.points == points
        assert outcome.clean
        assert leaked((*SOURCE_SECRETS, *ARGUMENT_SECRETS), outcome.page, outcome.sentences) == []


def test_nobody_reached_the_host(world: World, listeners: object) -> None:
    assert getattr(listeners, "reached") == []  # noqa: B009
    course = {str(path.relative_to(world.course)) for path in world.course.rglob("*") if path.is_file()}
    assert course == {
        "gradebook.db",
        "source/ps1/cities.csv",
        "source/ps1/lab.ipynb",
        "submitted/other/ps1/lab.ipynb",
    }


def test_there_are_enough_attacks_and_each_says_its_idea() -> None:
    assert len(attacks()) >= FEWEST
    assert [attack.name for attack in attacks() if not attack.idea or "\n" in attack.idea] == []
    ideas = [attack.idea for attack in attacks()]
    assert len(set(ideas)) == len(ideas)


def test_every_attack_is_explained() -> None:
    folder = Path(__file__).resolve().parents[2] / "docs" / "explanation"
    for page in ("attacks.md", "attacks.ko.md"):
        text = (folder / page).read_text(encoding="utf-8")
        assert [attack.name for attack in attacks() if f"`{attack.name}`" not in text] == []
