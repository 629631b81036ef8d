"""The tables of docs/explanation/a-week.md and its Korean twin. The prose is in the documents; each table is between

    <!-- table: NAME -->
    <!-- end -->

and is written anew by `python -m bench week`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.week_demand import Demand, Trace
from bench.week_figures import Figures

Both = Mapping[str, Figures]
PAGES = {"en": "a-week.md", "ko": "a-week.ko.md"}
LENDERS = {"en": ("Bitgoeul", "first come, first served"), "ko": ("빛고을", "선착순")}
TRACKS = {
    "everybody": {"en": "everybody", "ko": "모두"},
    "job-conversion": {"en": "job-conversion", "ko": "직무 전환"},
    "convergence-college": {"en": "convergence-college", "ko": "융합 대학"},
    "advanced-talent": {"en": "advanced-talent", "ko": "고급 인재"},
}
#: rows of the summary: (English, Korean, value as text)
ROWS: Sequence[tuple[str, str, Callable[[Figures], str]]] = (
    (
        "classes with somebody without a GPU 5 minutes after the bell",
        "시작 5분 뒤에도 GPU가 없는 학생이 있던 수업",
        lambda f: f"{f.late_classes} / {f.classes}",
    ),
    ("students without one then", "그때 GPU가 없던 학생", lambda f: f"{f.late_seats} / {f.seats}"),
    (
        "minutes of class missed for it, all students",
        "그 때문에 놓친 수업 시간(분, 전체 합)",
        lambda f: f"{f.lost_minutes:,.0f}",
    ),
    ("own work: asked for a GPU", "자율 학습: GPU 요청", lambda f: f"{f.waits['everybody'].asked}"),
    (
        "own work: had one within a minute",
        "자율 학습: 1분 안에 받음",
        lambda f: f"{100 * f.waits['everybody'].at_once:.0f} %",
    ),
    (
        "own work: wait, median / 95th percentile",
        "자율 학습: 대기 시간 중앙값 / 95백분위",
        lambda f: f"{f.waits['everybody'].median:.1f} / {f.waits['everybody'].p95:.0f} min",
    ),
    ("own work: gave up", "자율 학습: 포기", lambda f: f"{f.waits['everybody'].gave_up}"),
    (
        "lent, of all slice hours",
        "대여된 시간(전체 대비)",
        lambda f: f"{f.leased:,.0f} h ({100 * f.leased / f.capacity:.0f} %)",
    ),
    ("computing", "계산한 시간", lambda f: f"{f.computing:,.0f} h ({100 * f.computing / f.capacity:.0f} %)"),
    ("idle while lent", "대여됐지만 쉬던 시간", lambda f: f"{f.idle:,.0f} h"),
    ("of these, nobody there", "그중 사람이 없던 시간", lambda f: f"{f.nobody:,.0f} h"),
    ("kept free for a class", "수업을 위해 비워 둔 시간", lambda f: f"{f.kept:,.0f} h"),
    ("held for a person who did not come", "오지 않은 사람을 위해 잡아 둔 시간", lambda f: f"{f.unanswered:,.1f} h"),
    ("labs stopped as idle", "쉬고 있어 끈 실습실", lambda f: f"{f.idle_stops}"),
    ("of these, while they computed", "그중 계산 중이던 것", lambda f: f"{f.idle_computing}"),
    (
        "of these, while their person was at work (thinking)",
        "그중 사람이 생각하며 작업 중이던 것",
        lambda f: f"{f.idle_there}",
    ),
    ("labs stopped because their time was over", "시간이 다 되어 끈 실습실", lambda f: f"{f.over_stops}"),
    ("of these, while they computed", "그중 계산 중이던 것", lambda f: f"{f.over_computing}"),
    ("class labs returned unused", "쓰지 않아 돌려받은 수업 실습실", lambda f: f"{f.unused_stops}"),
)


def write_pages(
    folder: Path,
    trace: Trace,
    figures: Both,
    others: Mapping[tuple[float, int], Both],
    sooner: Mapping[int, Figures],
    seed: int,
) -> None:
    """Put the tables into both pages. Each page must have a place for each table."""
    for language, name in PAGES.items():
        path = folder / name
        text = path.read_text(encoding="utf-8")
        for block, lines in _tables(language, trace, figures, others, sooner, seed).items():
            pattern = rf"(<!-- table: {block} -->\n).*?(<!-- end -->)"
            text, places = re.subn(pattern, lambda found, lines=lines: found[1] + lines + found[2], text, flags=re.S)
            assert places == 1, f"{path.name} needs one place for the table {block!r}, and has {places}"
        path.write_text(text, encoding="utf-8")


def _tables(
    language: str,
    trace: Trace,
    figures: Both,
    others: Mapping[tuple[float, int], Both],
    sooner: Mapping[int, Figures],
    seed: int,
) -> dict[str, str]:
    return {
        "summary": _summary(language, figures),
        "tracks": _tracks(language, figures),
        "others": _others(language, trace.demand, figures, others, seed),
        "sooner": _sooner(language, figures, sooner),
        "people": _people(language, trace),
    }


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _summary(language: str, figures: Both) -> str:
    rows = [
        [korean if language == "ko" else english, *(value(one) for one in figures.values())]
        for english, korean, value in ROWS
    ]
    return _table(["", *LENDERS[language]], rows)


def _tracks(language: str, figures: Both) -> str:
    head = {
        "en": ("track", "lender", "asked", "gave up", "within a minute", "median", "95th percentile", "fairness"),
        "ko": ("과정", "방식", "요청", "포기", "1분 안", "중앙값", "95백분위", "공정성"),
    }[language]
    rows = []
    for track in list(figures["ours"].fairness):
        for lender, one in zip(LENDERS[language], figures.values(), strict=True):
            wait = one.waits[track]
            rows.append(
                [
                    TRACKS.get(track, {}).get(language, track),
                    lender,
                    f"{wait.asked}",
                    f"{wait.gave_up}",
                    f"{100 * wait.at_once:.0f} %",
                    f"{wait.median:.1f} min",
                    f"{wait.p95:.0f} min",
                    f"{one.fairness[track]:.3f}",
                ]
            )
    return _table(head, rows)


def _others(language: str, demand: Demand, figures: Both, others: Mapping[tuple[float, int], Both], seed: int) -> str:
    head = {
        "en": (
            "own work",
            "seed",
            "students late",
            "wait, p95",
            "gave up",
            "idle, nobody there",
            "stopped as idle computing",
        ),
        "ko": ("자율 학습", "시드", "늦은 학생", "대기 p95", "포기", "사람 없이 쉼", "계산 중 끔"),
    }[language]
    weeks = {**others, (demand.load, seed): figures}
    rows = []
    for (load, number), both in sorted(weeks.items()):
        ours, stock = both["ours"], both["stock"]
        pairs = [
            (f"{ours.late_seats}", f"{stock.late_seats}"),
            (f"{ours.waits['everybody'].p95:.0f}", f"{stock.waits['everybody'].p95:.0f} min"),
            (f"{ours.waits['everybody'].gave_up}", f"{stock.waits['everybody'].gave_up}"),
            (f"{ours.nobody:,.0f}", f"{stock.nobody:,.0f} h"),
            (f"{ours.idle_computing}", f"{stock.idle_computing}"),
        ]
        rows.append([f"× {load:g}", f"{number}", *(f"{mine} : {theirs}" for mine, theirs in pairs)])
    return _table(head, rows)


def _sooner(language: str, figures: Both, sooner: Mapping[int, Figures]) -> str:
    head = {
        "en": ("", "students late", "wait, p95", "gave up", "idle, nobody there", "stopped computing"),
        "ko": ("", "늦은 학생", "대기 p95", "포기", "사람 없이 쉼", "계산 중 끔"),
    }[language]
    ours, stock = LENDERS[language]
    after = {"en": "culled after {} min", "ko": "{}분 뒤 정리"}[language]
    named = {f"{stock}, {after.format(minutes)}": one for minutes, one in ((60, figures["stock"]), *sooner.items())}
    rows = [
        [
            name,
            f"{one.late_seats}",
            f"{one.waits['everybody'].p95:.0f} min",
            f"{one.waits['everybody'].gave_up}",
            f"{one.nobody:,.0f} h",
            f"{one.idle_computing + one.over_computing}",
        ]
        for name, one in {**named, ours: figures["ours"]}.items()
    ]
    return _table(head, rows)


def _people(language: str, trace: Trace) -> str:
    head = {
        "en": ("track", "people", "GPU class a week", "own work a week", "a time, median", "ends with a long run"),
        "ko": ("과정", "인원", "주당 GPU 수업", "주당 자율 학습", "한 번에, 중앙값", "긴 학습으로 끝남"),
    }[language]
    rows = [
        [
            TRACKS.get(track.name, {}).get(language, track.name),
            f"{track.cohorts} × {track.size}",
            f"{trace.demand.class_hours:g} h",
            f"{track.wishes:g}",
            f"{track.work:g} min",
            f"{100 * track.run:.0f} %",
        ]
        for track in trace.demand.tracks
    ]
    return _table(head, rows)
