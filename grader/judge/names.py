"""The globals of test cells: what the judge side binds itself, and, when asked for something else, the student's.

Owns who is asked for a name: what the instructor's notebook only imports is imported here, genuine and anew; builtins
are this side's own unless that notebook binds the name; the rest is the student's. Owns also what test cells bind or
delete and the student's functions read: it is carried over before anything is called.
"""

from __future__ import annotations

import builtins
import importlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

MISSING: Any = object()


class JudgeNames(dict[str, Any]):
    """A namespace whose missing names are looked up in the plan, then on the other side (`fetch`)."""

    def __init__(self, content: Mapping[str, Any], fetch: Callable[[str], Any]) -> None:
        super().__init__(content)
        self._fetch = fetch
        self._context: Mapping[str, Any] = {}
        self._active = False
        self._builtins: set[str] = set()
        self._deleted: set[str] = set()
        self._carried: dict[str, Any] = {}
        self.fetched: dict[str, Any] = {}

    def begin(self, context: Mapping[str, Any]) -> None:
        """A cell begins: forget what belongs to the student by now, and note what both sides agree on."""
        self._context = context
        self.fetched.clear()
        self._deleted.clear()
        for name in context.get("student", ()):
            dict.pop(self, name, None)
        self._carried = {name: dict.get(self, name, MISSING) for name in context.get("carried", ())}
        self._builtins = vars(builtins).keys() - context.get("builtins", ()) - context.get("imports", {}).keys()
        self._active = True

    def end(self) -> None:
        """The cell is over; nobody is asked any more."""
        self._active = False
        self.fetched.clear()

    def __missing__(self, name: str) -> Any:
        if name in self._builtins:  # asked for in every loop
            raise KeyError(name)
        if name in self.fetched:
            return self.fetched[name]
        if not self._active or name in self._deleted or (name.startswith("__") and name.endswith("__")):
            raise KeyError(name)
        imports = self._context.get("imports", {})
        if name in imports:
            value = self[name] = import_one_of(imports[name], name)
            if name in self._carried:
                self._carried[name] = value
            return value
        if hasattr(builtins, name) and name not in self._context.get("builtins", ()):
            raise KeyError(name)
        for module in self._context.get("stars", ()):
            found = _exported(module).get(name, MISSING)
            if found is not MISSING:
                return found
        value = self._fetch(name)
        self.fetched[name] = value
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        self._deleted.discard(name)
        dict.__setitem__(self, name, value)

    def __delitem__(self, name: str) -> None:
        if name in self:
            dict.__delitem__(self, name)
        elif self._active:
            self.__missing__(name)  # KeyError, if the student has no such name either
            self.fetched.pop(name, None)
            if name not in self._carried:
                self._carried[name] = MISSING
        else:
            raise KeyError(name)
        self._deleted.add(name)

    def news(self) -> list[tuple[str, bool, Any]]:
        """Carried names that were bound or deleted since the last time: name, whether it is bound, value."""
        found = []
        for name, before in self._carried.items():
            now = dict.get(self, name, MISSING)
            if now is not before or (now is MISSING and name in self._deleted):
                found.append((name, now is not MISSING, None if now is MISSING else now))
        return found

    def told(self, news: list[tuple[str, bool, Any]]) -> None:
        """The other side knows these now."""
        for name, bound, value in news:
            self._carried[name] = value if bound else MISSING
            self._deleted.discard(name)

    def outdated(self, names: Any) -> None:
        """The student's code bound or deleted these itself."""
        for name in names:
            self.fetched.pop(name, None)
            if name in self._carried:
                dict.pop(self, name, None)
                self._carried[name] = MISSING


def import_one_of(candidates: Any, name: str) -> Any:
    """The first candidate that can be imported: a module, [module, attribute], and modules to load beside it."""
    problem: Exception = NameError(f"name {name!r} is not defined")
    for module, attribute, beside in candidates:
        try:
            for other in beside:
                _import(other)
            loaded = _import(module)
            return loaded if attribute is None else _attribute_of(loaded, module, attribute)
        except (ImportError, AttributeError) as error:
            problem = error
    raise problem


def _attribute_of(loaded: Any, module: str, attribute: str) -> Any:
    try:
        return getattr(loaded, attribute)
    except AttributeError:
        return _import(f"{module}.{attribute}")


def _import(module: str) -> Any:
    """A module from where libraries are: files that lie about in the working directory come last."""
    if module in sys.modules:
        return sys.modules[module]
    before = sys.path[:]
    here = os.getcwd()
    sys.path[:] = [path for path in before if path and os.path.abspath(path) != here]
    try:
        return importlib.import_module(module)
    except ImportError:
        sys.path[:] = before
        return importlib.import_module(module)
    finally:
        sys.path[:] = before


def _exported(module: str) -> dict[str, Any]:
    """What `from module import *` binds."""
    loaded = vars(_import(module))
    wanted = loaded.get("__all__")
    return {name: value for name, value in loaded.items() if (name in wanted if wanted else not name.startswith("_"))}
