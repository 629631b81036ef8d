"""Mappings and lists of a catalogue's files, read against a table of keys; the tables are in `courses.keys`.

Everything that is wrong is reported, and reading goes on: missing and unknown keys, refused values, at any depth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from courses.kinds import LINE, Kind
from courses.model import Text
from courses.problems import Problem, Refusal, shown


class Required:
    """The default of a key that has none."""

    def __repr__(self) -> str:
        return "required"


REQUIRED: Final = Required()


@dataclass(frozen=True)
class Key:
    """One key. `kind` is a Kind, a Section (a mapping) or a Listing; `default` is written as YAML would give it."""

    name: str
    kind: Kind | Section | Listing
    default: Any = REQUIRED


@dataclass(frozen=True)
class Section:
    """A mapping with keys of its own. `name` is what the documentation calls it."""

    name: str
    keys: tuple[Key, ...]


@dataclass(frozen=True)
class Listing:
    """A list of `items`, not empty."""

    name: str
    items: Kind | Section


TEXT = Section("text in both languages", (Key("ko", LINE), Key("en", LINE)))

Report = Callable[[Problem], None]


def read_section(section: Section, document: Any, file: str, report: Report, prefix: str = "") -> dict[str, Any] | None:
    """The values of `document` by key, defaults filled in; a key whose value was refused is left out.

    None if it is no mapping at all. `prefix` is the path of keys that leads to it, for the problems.
    """
    if not isinstance(document, dict):
        rule = Text("'키: 값'의 목록이어야 합니다", "must be a mapping of keys to values")
        listed = ", ".join(key.name for key in section.keys)
        report(Problem(file, prefix, shown(document), rule, Text(f"키를 쓰세요: {listed}", f"write the keys {listed}")))
        return None
    names = [key.name for key in section.keys]
    for name, value in document.items():
        if name not in names:
            report(_unknown(file, _join(prefix, str(name)), name, value, names))
    values: dict[str, Any] = {}
    for key in section.keys:
        where = _join(prefix, key.name)
        if key.name not in document and key.default is REQUIRED:
            rule = Text("꼭 있어야 하는 키입니다", "is required and is missing")
            report(Problem(file, where, None, rule, Text(f"{key.name}: 을(를) 쓰세요", f"add {key.name}:")))
            continue
        value = _read(key.kind, document.get(key.name, key.default), file, report, where)
        if not isinstance(value, Required):
            values[key.name] = value
    return values


def _read(kind: Kind | Section | Listing, value: Any, file: str, report: Report, where: str) -> Any:
    """The value, or REQUIRED where it was refused."""
    if isinstance(kind, Listing):
        return _read_list(kind, value, file, report, where)
    if isinstance(kind, Section):
        values = read_section(kind, value, file, report, where)
        if kind is TEXT:
            return Text(**values) if values is not None and len(values) == len(TEXT.keys) else REQUIRED
        return REQUIRED if values is None else values
    try:
        return kind.read(value)
    except Refusal as refusal:
        report(Problem(file, where, shown(value), refusal.rule, refusal.fix))
        return REQUIRED


def _read_list(kind: Listing, value: Any, file: str, report: Report, where: str) -> Any:
    if not isinstance(value, list) or not value:
        rule = Text("비어 있지 않은 목록이어야 합니다", "must be a list that is not empty")
        report(
            Problem(
                file, where, shown(value), rule, Text("'- '로 시작하는 줄을 쓰세요", "write lines that start with '- '")
            )
        )
        return REQUIRED
    items = [_read(kind.items, item, file, report, f"{where}[{number}]") for number, item in enumerate(value)]
    return [(number, item) for number, item in enumerate(items) if not isinstance(item, Required)]


def _unknown(file: str, where: str, name: Any, value: Any, names: list[str]) -> Problem:
    close = get_close_matches(str(name), names, n=1)
    listed = ", ".join(names)
    fix = Text(f"지우거나 다음 가운데 하나로 바꾸세요: {listed}", f"remove it, or use one of {listed}")
    if close:
        fix = Text(f"{close[0]}(으)로 바꾸세요", f"did you mean {close[0]}? Rename it, or remove it")
    return Problem(file, where, shown(value), Text("모르는 키입니다", "is not a key we know"), fix)


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
