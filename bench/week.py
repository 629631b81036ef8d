"""A week of a campus of 760 on 64 slices, lent by leases and by first come, first served; writes the page about it.

Whatever is random comes from the seed, so the page is the same whenever and wherever it is made.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.report import Result
from bench.week_demand import MINUTE, Demand, Trace, draw_week
from bench.week_figures import Figures, build_figures
from bench.week_ours import Ours, build_hardware
from bench.week_page import write_pages
from bench.week_pictures import draw_all
from bench.week_stock import TIMEOUT, Stock
from bench.week_world import Record, World

SEED = 1
OTHERS = ((1.0, 2), (1.0, 3), (0.7, 1), (1.3, 1))  # (own work against the model's, seed)
SOONER = (30, 10)  # minutes without activity after which a site might cull instead
DOCS = Path(__file__).resolve().parents[1] / "docs"
MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Week:
    """One week, lived twice: figures and records by lender, "ours" and "stock"."""

    trace: Trace
    figures: Mapping[str, Figures]
    records: Mapping[str, Record]


def measure() -> list[Result]:
    """Live the week, and others for comparison; write the page and its pictures."""
    week = live(Demand(), SEED)
    others = {(load, seed): live(replace(Demand(), load=load), seed).figures for load, seed in OTHERS}
    sooner = {minutes: live_stock(week.trace, minutes * MINUTE)[1] for minutes in SOONER}
    draw_all(DOCS / "images", week.trace, week.records, week.figures)
    write_pages(DOCS / "explanation", week.trace, week.figures, others, sooner, SEED)
    return _results(week.figures["ours"], week.figures["stock"])


def live(demand: Demand, seed: int) -> Week:
    """The week of that seed with either lender."""
    trace = draw_week(demand, seed)
    began = time.process_time()
    record, figured = live_stock(trace)
    records, figures = {"stock": record}, {"stock": figured}
    with TemporaryDirectory(prefix="bitgoeul-week-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        ours = Ours(Path(folder), trace, build_hardware(demand))
        try:
            world = World(trace, ours)
            records["ours"] = world.live()
            figures["ours"] = build_figures(trace, records["ours"], ours.lent(world.end), ours.kept_hours)
        finally:
            ours.close()
    print(f"load {demand.load:g}, seed {seed}: {time.process_time() - began:.0f} s of CPU", flush=True)
    return Week(trace, _ours_first(figures), _ours_first(records))


def live_stock(trace: Trace, timeout: float = TIMEOUT) -> tuple[Record, Figures]:
    """The week with first come, first served, and labs culled after that many seconds without activity."""
    stock = Stock(trace.demand.slices, timeout)
    world = World(trace, stock)
    record = world.live()
    return record, build_figures(trace, record, stock.lent(world.end), 0.0)


def _ours_first(both: Mapping[str, Any]) -> dict[str, Any]:
    return {name: both[name] for name in ("ours", "stock")}


def _results(ours: Figures, stock: Figures) -> list[Result]:
    peer = "first come, first served, idle culling"

    def row(name: str, unit: str, mine: float, theirs: float) -> Result:
        return Result(name, mine, unit, peer, theirs)

    return [
        row(
            "classes with somebody without a GPU 5 minutes after the bell",
            "classes",
            ours.late_classes,
            stock.late_classes,
        ),
        row("students without a GPU 5 minutes after the bell", "students", ours.late_seats, stock.late_seats),
        row("own work: wait, median", "min", ours.waits["everybody"].median, stock.waits["everybody"].median),
        row("own work: wait, 95th percentile", "min", ours.waits["everybody"].p95, stock.waits["everybody"].p95),
        row("own work: gave up", "asks", ours.waits["everybody"].gave_up, stock.waits["everybody"].gave_up),
        row("slices computing", "h", ours.computing, stock.computing),
        row("slices lent and idle", "h", ours.idle, stock.idle),
        row("slices lent and idle, nobody there", "h", ours.nobody, stock.nobody),
        row("slices kept free for a class", "h", ours.kept, stock.kept),
        row("labs stopped as idle while they computed", "labs", ours.idle_computing, stock.idle_computing),
    ]
