"""The pictures of the week, in colours that colour-blind people can tell apart (Okabe and Ito)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

from bench.week_demand import DAY, HOUR, Trace
from bench.week_figures import Figures, minutes_until_served
from bench.week_world import Record

BLUE, ORANGE, SKY, GREEN, RED, GREY = "#0072B2", "#E69F00", "#56B4E9", "#009E73", "#D55E00", "#BBBBBB"
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
TITLES = {"ours": "Bitgoeul: leases, queue, classes kept", "stock": "First come, first served, with idle culling"}


def draw_all(folder: Path, trace: Trace, records: Mapping[str, Record], figures: Mapping[str, Figures]) -> list[Path]:
    """Write the pictures into `folder`; their paths."""
    matplotlib.use("Agg")
    matplotlib.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    folder.mkdir(parents=True, exist_ok=True)
    return [
        _save(_use(trace, records), folder / "week-use.png"),
        _save(_waits(trace, records), folder / "week-waits.png"),
        _save(_classes(trace, figures), folder / "week-classes.png"),
        _save(_hours(figures), folder / "week-hours.png"),
    ]


def _save(figure: Any, path: Path) -> Path:
    from matplotlib import pyplot

    figure.savefig(path, dpi=90, metadata={"Software": None}, bbox_inches="tight")
    pyplot.close(figure)
    return path


def _use(trace: Trace, records: Mapping[str, Record]) -> Any:
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(2, 1, figsize=(10, 5.6), sharex=True, sharey=True)
    slices = trace.demand.slices
    for panel, (name, record) in zip(panels, records.items(), strict=True):
        hours = [sample[0] / HOUR for sample in record.samples]
        lent, computing, kept, waiting = (([sample[place] for sample in record.samples]) for place in (1, 2, 3, 4))
        for lesson in trace.lessons:
            panel.axvspan(lesson.starts / HOUR, lesson.ends / HOUR, color="#F0F0F0", zorder=0)
        panel.fill_between(hours, lent, color=SKY, step="post", label="lent, nothing computed", linewidth=0)
        panel.fill_between(hours, computing, color=BLUE, step="post", label="computing", linewidth=0)
        above = [a + b for a, b in zip(lent, kept, strict=True)]
        panel.fill_between(hours, lent, above, color=ORANGE, step="post", label="kept free for a class", linewidth=0)
        panel.plot(hours, waiting, color=RED, linewidth=1.1, label="people in the queue")
        panel.axhline(slices, color="black", linewidth=0.6, linestyle=":")
        panel.set_title(TITLES[name], loc="left", fontsize=9, fontweight="bold")
        panel.set_ylabel("slices, people")
    days = trace.demand.days
    panels[1].set_xticks([day * 24 + 12 for day in range(days)], DAYS[:days])
    panels[1].set_xlim(0, days * DAY / HOUR)
    panels[0].legend(loc="upper center", bbox_to_anchor=(0.5, 1.32), ncols=4, frameon=False)
    return figure


def _waits(trace: Trace, records: Mapping[str, Record]) -> Any:
    from matplotlib import pyplot

    figure, panel = pyplot.subplots(figsize=(7, 3.4))
    track = trace.track_of()
    for colour, name in zip((BLUE, ORANGE, GREEN), dict.fromkeys(track.values()), strict=False):
        for lender, line in (("ours", "-"), ("stock", "--")):
            own = [one for one in records[lender].services if one.lesson is None and track[one.username] == name]
            waited = sorted(minutes_until_served(own))
            share = [100 * (place + 1) / len(own) for place in range(len(waited))]
            label = name if lender == "ours" else None
            panel.plot(
                [0, *waited, 180], [0, *share, share[-1]], color=colour, linestyle=line, linewidth=1.4, label=label
            )
    panel.plot([], [], color=GREY, linestyle="-", label="Bitgoeul")
    panel.plot([], [], color=GREY, linestyle="--", label="first come, first served")
    panel.set_xlim(0, 120)
    panel.set_ylim(40, 100)
    panel.set_xlabel("minutes after asking for a GPU for own work")
    panel.set_ylabel("% who had one")
    panel.legend(frameon=False, loc="lower right")
    return figure


def _classes(trace: Trace, figures: Mapping[str, Figures]) -> Any:
    from matplotlib import pyplot

    figure, panel = pyplot.subplots(figsize=(10, 2.8))
    places = range(len(trace.lessons))
    for shift, (name, colour) in zip((-0.2, 0.2), (("ours", BLUE), ("stock", ORANGE)), strict=True):
        panel.bar(
            [place + shift for place in places],
            figures[name].late_by_class,
            0.4,
            color=colour,
            label=f"{TITLES[name]} ({figures[name].late_seats})",
        )
    labels = [
        f"{DAYS[int(lesson.starts // DAY)]} {int(lesson.starts % DAY // HOUR)}h\n{lesson.cohort}"
        for lesson in trace.lessons
    ]
    panel.set_xticks(list(places), labels, fontsize=6, rotation=90)
    panel.set_ylabel("students without a GPU\n5 minutes after the bell")
    panel.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=2)
    return figure


def _hours(figures: Mapping[str, Figures]) -> Any:
    from matplotlib import pyplot

    figure, panel = pyplot.subplots(figsize=(8, 2))
    names = list(figures)
    left = [0.0] * len(names)
    for label, colour, values in _parts([figures[name] for name in names]):
        panel.barh(names, values, left=left, color=colour, label=label, height=0.6)
        left = [a + b for a, b in zip(left, values, strict=True)]
    panel.set_yticks(range(len(names)), ["Bitgoeul" if name == "ours" else "stock" for name in names])
    panel.invert_yaxis()
    panel.set_xlabel("slice hours of the week")
    panel.legend(frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.35), fontsize=8)
    return figure


def _parts(figures: Sequence[Figures]) -> list[tuple[str, str, list[float]]]:
    return [
        ("computing", BLUE, [one.computing for one in figures]),
        ("person at work, thinking", SKY, [one.idle - one.nobody for one in figures]),
        ("nobody there, nothing computed", RED, [one.nobody for one in figures]),
        ("kept free for a class", ORANGE, [one.kept for one in figures]),
    ]
