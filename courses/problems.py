"""What can be wrong with a catalogue: one problem a fault, all of them at once, in Korean and English.

* CatalogueError: every problem of a catalogue; `problems` lists them
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from courses.model import Text

LONGEST_SHOWN = 60


@dataclass(frozen=True)
class Problem:
    """One fault. `file` is relative to the catalogue's folder, `key` a path such as `assignments[1].due_time`.

    `value` is what stands there, as text; None where nothing does. `key` is empty when the file as a whole is meant.
    """

    file: str
    key: str
    value: str | None
    rule: Text
    fix: Text

    def sentence(self, locale: str) -> str:
        """`file: key: rule (got value). fix`, in `locale`."""
        got = ""
        if self.value is not None:
            got = f" (지금: {self.value})" if _korean(locale) else f" (got {self.value})"
        place = f"{self.file}: {self.key}" if self.key else self.file
        return f"{place}: {self.rule.in_(locale)}{got}. {self.fix.in_(locale)}."

    def __str__(self) -> str:
        return self.sentence("en")


class CatalogueError(Exception):
    """A catalogue that can't be used, with everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(self.text("en"))

    def text(self, locale: str) -> str:
        """All problems, one a line, in `locale` ("ko" or "en")."""
        count = len(self.problems)
        if _korean(locale):
            title = f"교육과정 목록에 문제가 {count}개 있습니다:"
        else:
            title = f"the catalogue has {count} problem{'' if count == 1 else 's'}:"
        return "\n".join([title, *(f"  {problem.sentence(locale)}" for problem in self.problems)])


class Refusal(Exception):
    """A value was refused: the rule it breaks and the fix. Whoever knows file and key makes a Problem of it."""

    def __init__(self, rule: Text, fix: Text) -> None:
        super().__init__(rule.en)
        self.rule = rule
        self.fix = fix


def shown(value: object) -> str:
    """`value` as a problem shows it: its repr, cut where it gets long."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def _korean(locale: str) -> bool:
    return Text("ko", "en").in_(locale) == "ko"
