"""Modules that are loaded when something is taken from them, not when they are imported.

`defer` names them, before anything else is imported. `import x` and `from package import x` then give a stand-in, whose
first use loads the module. `from x import name` loads at once, as ever, unless a stand-in for that name is given too.
Knows no module by itself; refuses to defer what is loaded already.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.abc
import importlib.machinery
import sys
import threading
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

Names = Mapping[str, Mapping[str, Any]]

A_MOMENT = 0.05
MODULE_NAMES = {"__name__", "__doc__", "__package__", "__loader__", "__spec__", "__path__", "__file__", "__cached__"}
_lock = threading.Lock()
_loaded: set[str] = set()


class Deferred(ModuleType):
    """Stands in for a module until one of its names is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r}, which is not loaded yet, has no attribute {name!r}")
        return getattr(load(self.__name__), name)


class Deferring(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the named modules where they are, and gives stand-ins for them."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self.names or fullname in _loaded:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path)
        if found is None:
            return None
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=found.origin)
        spec.submodule_search_locations = found.submodule_search_locations
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> Deferred:
        return Deferred(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(self.names[module.__name__])


def defer(names: Names) -> None:
    """Defer these modules: name of the module to the stand-ins of its names."""
    early = sorted(set(names) & set(sys.modules))
    if early:
        raise ImportError(
            f"{', '.join(early)} can't be deferred any more; call defer() before importing anything else."
        )
    sys.meta_path.insert(0, Deferring(names))


def load(name: str) -> ModuleType:
    """The module itself; whoever holds its stand-in reaches it through that."""
    with _lock:
        stand_in = sys.modules.get(name)
        if isinstance(stand_in, Deferred):
            _loaded.add(name)
            del sys.modules[name]
            given = dict(vars(stand_in))
            for stand_in_name in set(given) - MODULE_NAMES:
                delattr(stand_in, stand_in_name)  # from now on they are the module's own
    try:
        return importlib.import_module(name)  # which makes other threads wait for a module that is being imported
    except BaseException:
        if isinstance(stand_in, Deferred):
            _loaded.discard(name)
            vars(stand_in).update(given)
            sys.modules[name] = stand_in
        raise


class DeferredCall:
    """Stands in for a function or class of a deferred module: to call it is to load the module."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name

    def __call__(self, *args: Any, **options: Any) -> Any:
        return getattr(load(self.module), self.name)(*args, **options)


class DeferredCoroutine(DeferredCall):
    """The same for a coroutine function; the module is loaded in a thread, so that the event loop goes on meanwhile.

    Not at once, but when the event loop has run for a moment: a server that is starting runs it only step by step.
    """

    async def __call__(self, *args: Any, **options: Any) -> Any:
        await asyncio.sleep(A_MOMENT)
        module = await asyncio.to_thread(load, self.module)
        return await getattr(module, self.name)(*args, **options)
