"""What was seen of an attack on one grader: figures and words. Observations alone; nothing here knows any attack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench.attacked import BREACH, PWNED

KINDS = {
    "points": "undeserved points",
    "hidden": "hidden tests' words carried out",
    "read": "things read or reached that it must not",
    "page": "active parts in the page",
    "changed": "gradebook or course folders changed",
    "others": "honest students harmed",
    "stopped": "marker hung or killed",
}
GAINS = ("points", "hidden", "read", "page", "changed")  # what an attacker has of it; the rest is harm
RUNS = ("", "text/javascript", "application/javascript", "module")  # types of scripts that a browser runs
LOADS = ("src", "srcset", "srcdoc", "data", "action", "formaction", "background", "poster", "style", "content")


@dataclass(frozen=True)
class Seen:
    """What one attack did to one grader.

    `points` counts only what stands without a person's decision. `hidden` are words of hidden tests that came out,
    `read` what the attack showed of things it must not have, `page` what would run or load in the student's page,
    `changed` what it altered that was not its own, `others` what an honest student suffered, `stopped` how the marker
    ended ("" where it went on), `note` what the grader said of it.
    """

    points: float = 0.0
    hidden: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    page: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    stopped: str = ""
    note: str = ""

    @property
    def figures(self) -> dict[str, float]:
        """A number for each of KINDS; points are points, the others how many (`others` and `stopped` are 0 or 1)."""
        return {
            "points": self.points,
            "hidden": len(self.hidden),
            "read": len(self.read),
            "page": len(self.page),
            "changed": len(self.changed),
            "others": float(bool(self.others)),
            "stopped": float(bool(self.stopped)),
        }

    @property
    def held(self) -> bool:
        """Whether the attack neither gained nor harmed anything."""
        return not any(self.figures.values())

    def words(self, everything: float) -> str:
        """In a few words; `everything` is what a right submission earns."""
        said = [f"points stolen {self.points:g}/{everything:g}"] if self.points else []
        said += [f"hidden tests read ({len(self.hidden)})"] if self.hidden else []
        if self.read:
            told = "gradebook read" if any("gradebook.db" in row for row in self.read) else "reached what it must not"
            said.append(told)
        said += [f"script in the page ({len(self.page)})"] if self.page else []
        said += [f"changed: {', '.join(self.changed)}"] if self.changed else []
        said += [f"honest student: {', '.join(self.others)}"] if self.others else []
        said += [f"marker {self.stopped}"] if self.stopped else []
        return "; ".join(said or ["held"]) + (f" [{self.note}]" if self.note else "")


def together(one: Seen, other: Seen) -> Seen:
    """The worse of two markings of the same attack, in every respect."""
    return Seen(
        points=max(one.points, other.points),
        hidden=tuple(dict.fromkeys((*one.hidden, *other.hidden))),
        read=one.read or other.read,
        page=one.page or other.page,
        changed=tuple(dict.fromkeys((*one.changed, *other.changed))),
        others=one.others or other.others,
        stopped=one.stopped or other.stopped,
        note="; ".join(dict.fromkeys(note for note in (one.note, other.note) if note)),
    )


def printed_breaches(outputs: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Rows by which an attack says that it got hold of something: printed, not merely quoted by a traceback."""
    printed = "\n".join(_text(output.get("text")) for output in outputs if output.get("output_type") == "stream")
    return tuple(row for row in printed.splitlines() if BREACH in row)


def carried_out(cells: Iterable[dict[str, Any]]) -> str:
    """What a student's code can have put into the outputs of an executed notebook.

    That is all of the student's own cells, and of test cells everything but the traceback, which quotes the test.
    """
    said: list[str] = []
    for cell in cells:
        is_test = bool(cell.get("metadata", {}).get("nbgrader", {}).get("grade"))
        for output in cell.get("outputs", []):
            kept = {key: value for key, value in output.items() if key != "traceback" or not is_test}
            said.append(_plain(kept))
    return "\n".join(said)


def active_parts(page: str) -> tuple[str, ...]:
    """The elements by which a page would run or load what an attack wrote, read as a browser reads it."""
    if PWNED not in page:
        return ()
    from bleach._vendor import html5lib  # type: ignore[import-untyped]

    found: list[str] = []
    for element in html5lib.parse(page, namespaceHTMLElements=False).iter():
        if not isinstance(element.tag, str):
            continue
        name = element.tag.rsplit("}", 1)[-1].lower()
        texts = [value for key, value in element.attrib.items() if _acts(str(key), value)]
        if name == "style" or (name == "script" and element.attrib.get("type", "").lower() in RUNS):
            texts.append(element.text or "")
        found += [f"<{name}>"] if any(PWNED in text for text in texts) else []
    return tuple(found)


def _acts(key: str, value: str) -> bool:
    key = key.rsplit("}", 1)[-1].lower()
    leads = key == "href" and value.strip().lower().startswith("javascript:")
    return leads or key.startswith("on") or key in LOADS


def _plain(part: Any) -> str:
    """All texts in a part of an output, as they would be read: a list's lines belong together."""
    if isinstance(part, dict):
        return "\n".join(_plain(value) for value in part.values())
    return "".join(_plain(one) for one in part) if isinstance(part, list) else str(part)


def _text(text: Any) -> str:
    return text if isinstance(text, str) else "".join(text or ())
