"""The attack table: each attack of tests/attacks on stock nbgrader and on ours, in one run, and what was seen of it.

`BITGOEUL_BENCH_ATTACKS` chooses families or single attacks ("values pages/errors"); `BITGOEUL_BENCH_PLACES` says how
many are tried at a time (as many as there are processors). What is not measured on stock: attacks on the link between
our two interpreters ("protocol") or on our packages ("campus"), and those that the walls of the measurement keep from
succeeding ("walls").
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from bench import attacked
from bench.attacked import Attack, Listeners, World
from bench.our_attacked import attack_ours, honest
from bench.report import Result
from bench.seen import GAINS, KINDS, Seen
from bench.stock_attacked import StockUnderAttack, page_of, score
from grader.sandbox.detect import best_sandbox

PEER = "nbgrader autograde"
# an honest student comes after these, and on ours another beside them
FOLLOWED = ("persistence", "killing", "exhaustion", "escape", "link")
# by family or name: what stock has nothing like; what the walls keep from succeeding, so that failing is no merit
WITHOUT_MEANING = {"link": "protocol", "files/campus_packages": "campus"}
HELD_BY_WALLS = ("escape", "network", "files/devices", "killing/limits_of_parents", "killing/scheduling")
ONE_BY_ONE = Lock()  # for those on ours


@dataclass(frozen=True)
class Row:
    """One attack, tried on both. `stock` is None where it says nothing about stock, `why` in a word."""

    attack: Attack
    ours: Seen
    stock: Seen | None
    why: str = ""

    def text(self) -> str:
        theirs = f"does not apply ({self.why})" if self.stock is None else self.stock.words(attacked.EVERYTHING)
        return f"{self.attack.name:<46} stock: {theirs:<60} ours: {self.ours.words(attacked.EVERYTHING)}"


def measure() -> list[Result]:
    """Try the chosen attacks; a line for each as it is done, rows and totals at the end."""
    chosen = choose(attacked.attacks(), os.environ.get("BITGOEUL_BENCH_ATTACKS", "").split())
    places = int(os.environ.get("BITGOEUL_BENCH_PLACES", os.cpu_count() or 1))
    with surroundings() as (world, stock), ThreadPoolExecutor(places) as threads:
        results = baselines(world, stock)
        rows = []
        for followed in (False, True):  # apart: what happens to an honest student is then this attack's doing
            some = [attack for attack in chosen if (attack.family in FOLLOWED) is followed]
            for row in threads.map(lambda attack: try_both(world, stock, attack), some):
                print(row.text(), flush=True)
                rows.append(row)
    rows.sort(key=lambda row: row.attack.name)
    print()
    return [*results, *totals(rows), *(result for row in rows for result in results_of(row))]


def choose(known: Sequence[Attack], names: Sequence[str]) -> list[Attack]:
    """The attacks that `names` name, by family or in full; all where there is no name."""
    strange = [name for name in names if not any(name in (attack.family, attack.name) for attack in known)]
    if strange:
        raise SystemExit(f"BITGOEUL_BENCH_ATTACKS names no attack: {' '.join(strange)}; see tests/attacks.")
    return [attack for attack in known if not names or attack.family in names or attack.name in names]


@contextmanager
def surroundings() -> Iterator[tuple[World, StockUnderAttack]]:
    """The same course for both graders, a token in the environment of each, sockets beside ours."""
    sandbox = best_sandbox(insist=True)
    before = os.environ.get(attacked.TOKEN_NAME)
    with tempfile.TemporaryDirectory(prefix="bitgoeul-bench-") as name:
        folder = Path(name)
        listeners = Listeners(folder)
        os.environ[attacked.TOKEN_NAME] = attacked.TOKEN
        try:
            (folder / "ours").mkdir()
            world = attacked.build_world(folder / "ours", sandbox, listeners)
            yield world, StockUnderAttack(world, folder / "stock")
        finally:
            if before is None:
                del os.environ[attacked.TOKEN_NAME]
            else:
                os.environ[attacked.TOKEN_NAME] = before
            listeners.close()
            sandbox.close()


def try_both(world: World, stock: StockUnderAttack, attack: Attack) -> Row:
    """One attack on one grader, then on the other."""
    followed = attack.family in FOLLOWED
    with ONE_BY_ONE if followed else nullcontext():
        ours = attack_ours(world, attack, followed)
    why = WITHOUT_MEANING.get(attack.family) or WITHOUT_MEANING.get(attack.name)
    if why:
        return Row(attack, ours, None, why)
    theirs = stock.attack(attack, followed)
    if theirs.held and (attack.family in HELD_BY_WALLS or attack.name in HELD_BY_WALLS):
        return Row(attack, ours, None, "walls")
    return Row(attack, ours, theirs)


def baselines(world: World, stock: StockUnderAttack) -> list[Result]:
    """Honest notebooks on both: without these the rest would say nothing."""
    right, words = honest(world, attacked.RIGHT)
    wrong, _ = honest(world, attacked.WRONG)
    page = page_of(stock.honest)
    return [
        Result("honest: right answers", right, "points", PEER, score(stock.honest)),
        Result("honest: wrong answers", wrong, "points", PEER, score(stock.wrong)),
        Result(
            "honest: in the page",
            words,
            f"of {len(attacked.SECRETS)} words of hidden tests",
            PEER,
            len(attacked.leaked(attacked.SECRETS, page)),
        ),
    ]


def totals(rows: Sequence[Row]) -> list[Result]:
    """How many attacks did what, ours against stock; those that say nothing about stock count on our side alone."""
    both = [row for row in rows if row.stock is not None]

    def count(name: str, kinds: Sequence[str]) -> Result:
        ours = sum(any(row.ours.figures[kind] for kind in kinds) for row in rows)
        theirs = sum(any(row.stock.figures[kind] for kind in kinds) for row in both if row.stock)
        return Result(f"all: {name}", ours, "attacks", PEER, theirs)

    return [
        Result("all: tried", len(rows), "attacks", PEER, len(both)),
        count("won points, or read or changed what they must not", GAINS),
        *(count(unit, [kind]) for kind, unit in KINDS.items()),
        count("gained or harmed anything", list(KINDS)),
    ]


def results_of(row: Row) -> list[Result]:
    """The undeserved points of an attack, and whatever else was seen of it on either side."""
    if row.stock is None:
        peer = f"{PEER}: does not apply ({row.why})"
        return [
            Result(row.attack.name, value, KINDS[kind], peer)
            for kind, value in row.ours.figures.items()
            if kind == "points" or value
        ]
    return [
        Result(row.attack.name, value, KINDS[kind], PEER, row.stock.figures[kind])
        for kind, value in row.ours.figures.items()
        if kind == "points" or value or row.stock.figures[kind]
    ]
