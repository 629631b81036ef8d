"""Which objects cross the link as values: their kinds, and the registry that finds a kind by type or by code.

A kind takes an object apart into a tuple of simpler values and puts one together from it. Types are matched exactly: an
instance of a subclass is never a value. Frozen kinds are rebuilt each time; mutable ones keep their identity (see
`mirrors`). A kind checks everything it is given, raises ValueError or TypeError for what it does not like, and executes
nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

Parts = tuple[Any, ...]


@dataclass(frozen=True)
class Frozen:
    """An immutable value: `split` it into parts, `join` parts into one."""

    code: str
    split: Callable[[Any], Parts]
    join: Callable[[Parts], Any]


@dataclass(frozen=True)
class Mutable:
    """A mutable value. `blank` makes an empty one, to be filled once its parts are there (they may contain it).

    Without `blank`, `join` makes it of its parts. `fill` gives an existing one new parts, in place. Where taking apart
    is slow, `look` is a quicker way to see that nothing has changed: a row of values that is alike only if the parts
    are, None if there is no such row for this one.
    """

    code: str
    split: Callable[[Any], Parts]
    fill: Callable[[Any, Parts], None]
    blank: Callable[[], Any] | None = None
    join: Callable[[Parts], Any] | None = None
    look: Callable[[Any], Parts | None] | None = None


Kind = Frozen | Mutable
Entries = Iterator[tuple[type, Kind]]

LIBRARIES = {
    "builtins": "grader.judge.kinds_builtin",
    "collections": "grader.judge.kinds_standard",
    "_collections": "grader.judge.kinds_standard",
    "datetime": "grader.judge.kinds_standard",
    "decimal": "grader.judge.kinds_standard",
    "fractions": "grader.judge.kinds_standard",
    "pathlib": "grader.judge.kinds_standard",
    "random": "grader.judge.kinds_standard",
    "zoneinfo": "grader.judge.kinds_standard",
    "uuid": "grader.judge.kinds_standard",
    "numpy": "grader.judge.kinds_numpy",
    "pandas": "grader.judge.kinds_pandas",
    "torch": "grader.judge.kinds_torch",
}
PREFIXES = {"n": "numpy", "p": "pandas", "T": "torch"}  # first letter of a code tells the library


class Registry:
    """Kinds by exact type and by code; a library's are added the first time one is met. It only grows."""

    def __init__(self) -> None:
        self.by_type: dict[type, Kind] = {}
        self.by_code: dict[str, Kind] = {}
        self._loaded: set[str] = set()
        self._load("builtins")
        self._load("collections")

    def of_type(self, kind: type) -> Kind | None:
        """The kind of instances of `kind`, None if they are no values."""
        found = self.by_type.get(kind)
        if found is None:
            module = type.__getattribute__(kind, "__module__")
            root = module.partition(".")[0] if type(module) is str else ""
            if root in LIBRARIES and root not in self._loaded:
                self._load(root)
                found = self.by_type.get(kind)
        return found

    def of_code(self, code: str) -> Kind | None:
        """The kind that is called `code` on the link."""
        found = self.by_code.get(code)
        if found is None and (root := PREFIXES.get(code[:1])) is not None and root not in self._loaded:
            self._load(root)
            found = self.by_code.get(code)
        return found

    def meet(self, libraries: Container[str]) -> None:
        """Add now what these of LIBRARIES bring."""
        for root in LIBRARIES:
            if root in libraries and root not in self._loaded:
                self._load(root)

    def _load(self, root: str) -> None:
        self._loaded.add(root)
        module = LIBRARIES[root]
        if module not in self._loaded:
            self._loaded.add(module)
            for kind_type, kind in importlib.import_module(module).entries():
                self.by_type[kind_type] = kind
                self.by_code[kind.code] = kind


@cache
def known_kinds() -> Registry:
    """The registry of this process. A warm parent makes it, so that no job has to."""
    return Registry()
