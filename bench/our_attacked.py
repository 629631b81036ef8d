"""Our grader under attack: each attack marked as a worker marks it, in both forms of judging, and looked at."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

from bench import attacked
from bench.attacked import MODES, USUAL, Attack, Outcome, World
from bench.seen import Seen, active_parts, together
from bench.stock_marker import folder_print
from bench.walls import DEADLINE


def attack_ours(world: World, attack: Attack, followed: bool) -> Seen:
    """The worse of what it does to tests in two interpreters (strong) and in one with guards (shared)."""
    strong, shared = (marked(world, attack, mode, followed) for mode in MODES)
    return together(strong, shared)


def marked(world: World, attack: Attack, mode: str, followed: bool) -> Seen:
    """One marking of the attack; if `followed`, with an honest student beside it, and another after it."""
    before = folder_print(world.course)
    with ThreadPoolExecutor(1) as thread:
        marking = thread.submit(launched, world, attack, mode)
        harm: tuple[str, ...] = ()
        while followed and not harm and not marking.done():
            harm = suffered(world, f"{attack.name}-{mode}-beside", mode)
        try:
            outcome, took = marking.result()
        except Exception as error:
            return Seen(others=harm, stopped=f"failed ({type(error).__name__})")
    return Seen(
        points=sum(outcome.points.values()) if outcome.clean else 0.0,
        hidden=tuple(attacked.leaked(attacked.secrets_of(attack), outcome.page, outcome.sentences)),
        read=tuple(outcome.breaches),
        page=active_parts(outcome.page),
        changed=() if folder_print(world.course) == before else ("course folder",),
        others=harm or (suffered(world, f"{attack.name}-{mode}", mode) if followed else ()),
        stopped="hung" if took > DEADLINE else "",
        note="" if outcome.clean else f"{mode}: {outcome.result.integrity}",
    )


def launched(world: World, attack: Attack, mode: str) -> tuple[Outcome, float]:
    """What came of marking the attack, and the seconds that took."""
    began = time.monotonic()
    return attacked.launch(world, attack, mode), time.monotonic() - began


def suffered(world: World, label: str, mode: str) -> tuple[str, ...]:
    """What happened to an honest student."""
    try:
        theirs = attacked.honest_neighbour(world, label, mode)
    except Exception as error:
        return (f"not marked ({type(error).__name__})",)
    points = sum(theirs.points.values())
    found = [f"{points:g} of {attacked.EVERYTHING:g} points"] if points != attacked.EVERYTHING else []
    found += [] if theirs.clean else ["under suspicion"]
    found += ["traces found"] if theirs.breaches else []
    return tuple(found)


def honest(world: World, answers: dict[str, str]) -> tuple[float, int]:
    """Points of these answers, and how many words of hidden tests the student's page shows."""
    notebook = json.dumps(attacked.released_notebook(answers)).encode()
    folder = world.folder("honest", {})
    outcome = attacked.mark(world, notebook, folder, USUAL | {"wall": 90.0, "cell": 40.0}, MODES[0])
    return sum(outcome.points.values()), len(attacked.leaked(attacked.SECRETS, outcome.page, outcome.sentences))
