"""`python -m bench.attack_pages`: the attack table, from its results into docs/explanation/attacks*.md.

Owns the part of the two pages between the marks, and the last column of the lists of attacks. Takes every figure from
bench/results/attacks.json.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.report import RESULTS
from bench.seen import KINDS

DOCS = Path(__file__).resolve().parents[1] / "docs" / "explanation"
BEGIN, END = "<!-- attack table: begin -->", "<!-- attack table: end -->"
WIDTH = 120
LARGEST = 6  # attacks named for the points they won


@dataclass(frozen=True)
class Tried:
    """One attack of the table: what was seen on each side by kind; `stock` is None where it does not apply there."""

    name: str
    ours: Mapping[str, float]
    stock: Mapping[str, float] | None
    why: str

    @property
    def family(self) -> str:
        return self.name.split("/")[0]


@dataclass(frozen=True)
class Words:
    """The summary's words in one language: `kinds` are headings, `lists` begin the lists of names."""

    page: str
    measured: str
    heads: tuple[str, ...]
    kinds: Mapping[str, str]
    total: str
    lists: Mapping[str, str]
    missing: str
    honest: str
    column: str
    won: Mapping[str, str]
    nothing: str
    apart: str
    ours: str


ENGLISH = Words(
    page="attacks.md",
    measured="Successful on nbgrader {version}: {theirs} of {tried}. On ours: {ours} of {all}.",
    heads=("family", "attacks", "on stock"),
    kinds={
        "points": "points",
        "hidden": "carried out",
        "read": "reached",
        "page": "script",
        "changed": "changed",
        "others": "others",
        "stopped": "stopped",
    },
    total="all",
    lists={
        "points": "Most points, of {everything:g}",
        "hidden": "Hidden tests carried out",
        "read": "Reached what they must not",
        "page": "Script in the student's page",
        "changed": "Gradebook or course folders changed",
        "others": "Harm to an honest student",
        "stopped": "Marker hung or killed",
    },
    missing="Not measured on stock: {names}.",
    honest="Honest work: right answers earn {right:g} points on stock and {ours_right:g} on ours, wrong ones\n"
    "{wrong:g} and {ours_wrong:g}. Without any attack, stock's feedback shows {shown:g} of {words} words\n"
    "of the hidden tests, ours {ours_shown:g}.",
    column="won from stock nbgrader",
    won={
        "points": "{:g} points",
        "hidden": "hidden tests",
        "read": "what it must not reach",
        "page": "a script in the page",
        "changed": "others' files or marks changed",
        "others": "an honest student harmed",
        "stopped": "marker hung or killed",
    },
    nothing="nothing",
    apart="not measured",
    ours="ours",
)
KOREAN = Words(
    page="attacks.ko.md",
    measured="성공한 공격: nbgrader {version}에서 {tried}가지 중 {theirs}가지, 여기에서 {all}가지 중 {ours}가지.",
    heads=("갈래", "공격", "nbgrader에 시도"),
    kinds={
        "points": "점수",
        "hidden": "유출",
        "read": "접근",
        "page": "스크립트",
        "changed": "변경",
        "others": "다른 학생",
        "stopped": "중단",
    },
    total="모두",
    lists={
        "points": "{everything:g}점 가운데 많이 얻은 것",
        "hidden": "숨은 검사 유출",
        "read": "손대면 안 되는 것에 접근",
        "page": "학생 페이지의 스크립트",
        "changed": "성적부나 강좌 폴더 변경",
        "others": "정직한 학생의 피해",
        "stopped": "채점기가 멈추거나 죽음",
    },
    missing="nbgrader에서 재지 않은 것: {names}.",
    honest="정직한 제출물: 정답은 nbgrader에서 {right:g}점, 여기에서 {ours_right:g}점이고 오답은 {wrong:g}점과\n"
    "{ours_wrong:g}점입니다. 공격이 없어도 nbgrader의 피드백에는 숨은 검사의 낱말 {words}개 중 {shown:g}개가 보이고,\n"
    "여기에는 {ours_shown:g}개가 보입니다.",
    column="nbgrader에서 얻은 것",
    won={
        "points": "{:g}점",
        "hidden": "숨은 검사",
        "read": "손대면 안 되는 것",
        "page": "페이지에 스크립트",
        "changed": "남의 파일이나 점수 변경",
        "others": "정직한 학생의 피해",
        "stopped": "채점기 멈춤",
    },
    nothing="없음",
    apart="재지 않음",
    ours="여기",
)


def main() -> None:
    """Write the summary and the column into both pages; refuses results of chosen attacks only."""
    rows = json.loads((RESULTS / "attacks.json").read_text(encoding="utf-8"))
    for words in (ENGLISH, KOREAN):
        page = DOCS / words.page
        text = replaced(page.read_text(encoding="utf-8"), summary(rows, words))
        page.write_text(with_outcomes(text, tried_of(rows), words), encoding="utf-8")
        print(f"written to {page}")


def replaced(page: str, text: str) -> str:
    """The page with the text between the marks."""
    if BEGIN not in page or END not in page:
        raise SystemExit(f"The page has no part between {BEGIN} and {END}; put both marks where the summary belongs.")
    head, tail = page.split(BEGIN)[0], page.split(END)[1]
    return f"{head}{BEGIN}\n{text}\n{END}{tail}"


def with_outcomes(page: str, found: list[Tried], words: Words) -> str:
    """The page with what each attack won as the fourth column of its row."""
    outcomes = {one.name: outcome(one, words) for one in found}
    lines = page.split("\n")
    for number, line in enumerate(lines):
        cells = line.strip("|").split("|")
        named = re.fullmatch(r" `(\w+/\w+)` ", cells[0])
        if named:
            last = outcomes.get(named[1])
            if last is None:
                raise SystemExit(f"The results have no {named[1]}; run `python -m bench attacks` with all attacks.")
            lines[number] = _row([*cells[:3], f" {last} "])
            if lines[number - 1].startswith("|---"):
                lines[number - 1] = _row(["---"] * 4)
                lines[number - 2] = _row([*lines[number - 2].strip("|").split("|")[:3], f" {words.column} "])
    return "\n".join(lines)


def outcome(one: Tried, words: Words) -> str:
    """What the attack won from stock nbgrader, and from ours if anything, in a few words."""
    theirs = words.apart if one.stock is None else _won(one.stock, words) or words.nothing
    ours = _won(one.ours, words)
    return f"{theirs} ({words.ours}: {ours})" if ours else theirs


def _won(seen: Mapping[str, float], words: Words) -> str:
    return ", ".join(words.won[kind].format(value) for kind, value in seen.items() if value)


def _row(cells: list[str]) -> str:
    return f"|{'|'.join(cells)}|"


def summary(rows: list[dict[str, Any]], words: Words) -> str:
    """Counts by family, names by kind, and honest work, in one language."""
    found = tried_of(rows)
    on_stock = [one for one in found if one.stock is not None]
    measured = words.measured.format(
        version=version("nbgrader"),
        theirs=sum(any((one.stock or {}).values()) for one in on_stock),
        tried=len(on_stock),
        ours=sum(any(one.ours.values()) for one in found),
        all=len(found),
    )
    right, wrong, shown = (honest(rows, name) for name in ("right answers", "wrong answers", "in the page"))
    lists = [
        f"- {title.format(everything=right['value'])}: {names}."
        for kind, title in words.lists.items()
        if (names := named(on_stock, kind))
    ]
    not_tried = [f"`{one.name}` ({one.why})" for one in found if one.stock is None]
    if not_tried:
        lists.append("- " + words.missing.format(names=", ".join(not_tried)))
    told = words.honest.format(
        right=right["peer_value"],
        ours_right=right["value"],
        wrong=wrong["peer_value"],
        ours_wrong=wrong["value"],
        shown=shown["peer_value"],
        ours_shown=shown["value"],
        words=re.sub(r"\D", "", shown["unit"]),
    )
    return "\n\n".join([measured, table(found, words), "\n".join(filled(line) for line in lists), told])


def table(found: list[Tried], words: Words) -> str:
    """A line for each family, and one for all."""
    head = [*words.heads, *words.kinds.values()]
    families = dict.fromkeys(one.family for one in found)
    rows = [counts(f"`{name}`", [one for one in found if one.family == name]) for name in families]
    lines = [head, *rows, counts(words.total, found)]
    first, *rest = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([first, "|" + "---|" * len(head), *rest])


def filled(item: str) -> str:
    """An item of a list, broken into lines."""
    return textwrap.fill(item, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def tried_of(rows: list[dict[str, Any]]) -> list[Tried]:
    """The attacks in the results, in their order."""
    kinds = {unit: kind for kind, unit in KINDS.items()}
    names = dict.fromkeys(row["name"] for row in rows if "/" in row["name"])
    found = []
    for name in names:
        own = [row for row in rows if row["name"] == name]
        why = re.search(r"\((\w+)\)", str(own[0]["peer"]))
        stock = None if why else {kinds[row["unit"]]: float(row["peer_value"]) for row in own}
        ours = {kinds[row["unit"]]: float(row["value"]) for row in own}
        found.append(Tried(name, ours, stock, why[1] if why else ""))
    return found


def counts(name: str, found: list[Tried]) -> list[str]:
    """A line of the table: how many attacks, how many on stock, and how many of those did what."""
    stock = [one.stock for one in found if one.stock is not None]
    done = [sum(bool(seen.get(kind)) for seen in stock) for kind in KINDS]
    return [name, str(len(found)), str(len(stock)), *(str(count) if count else "" for count in done)]


def named(found: list[Tried], kind: str) -> str:
    """The attacks that did this to stock; for points the LARGEST, with what they won."""
    did = [(one.stock[kind], one.name) for one in found if one.stock and one.stock.get(kind)]
    if kind == "points":
        most = sorted(did, key=lambda row: -row[0])[:LARGEST]
        return ", ".join(f"`{name}` {points:g}" for points, name in most)
    return ", ".join(f"`{name}`" for _, name in did)


def honest(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The row of honest work of this name."""
    (row,) = (row for row in rows if row["name"] == f"honest: {name}")
    return row


if __name__ == "__main__":
    main()
