"""Objects that both sides have: genuine classes by name, and twins, the classes that a locked cell defined on both.

An instance of a twin (or, from the judge side to the work side, of a library's plain class) crosses by its state and is
rebuilt without calling a constructor. The judge side takes from the work side only built-in classes, by-value types and
its own twins.
"""

from __future__ import annotations

import builtins
import enum
import importlib
import sys
import types
from collections import ChainMap, UserDict, UserList, UserString
from typing import Any

from grader.judge.checks import pairs_of
from grader.judge.describe import base_with_content, mro_of, place_of
from grader.judge.kinds import Mutable, Parts, Registry

NOTEBOOK = "__main__"
WRAPPERS = (UserDict, UserList, UserString, ChainMap)  # by-value types whose state is all there is to them
NAMED = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType)


def _slots_of(kind: type) -> list[str]:
    found: list[str] = []
    for base in mro_of(kind):
        slots = type.__dict__["__dict__"].__get__(base).get("__slots__", ())
        found += [slots] if type(slots) is str else [name for name in slots if type(name) is str]
    return [name for name in found if name not in ("__dict__", "__weakref__")]


def split_state(obj: Any) -> Parts:
    """What an instance holds, as a flat row of names and values."""
    flat: list[Any] = []
    for name, value in getattr(obj, "__dict__", {}).items():
        flat += [name, value]
    for name in _slots_of(type(obj)):
        try:
            flat += [name, object.__getattribute__(obj, name)]
        except AttributeError:
            continue
    return tuple(flat)


def fill_state(obj: Any, parts: Parts) -> None:
    """Give an instance another state; attributes that are missing there go."""
    state = dict(pairs_of(parts))
    if not all(type(name) is str for name in state):
        raise TypeError("an attribute whose name is no text")
    slots = set(_slots_of(type(obj)))
    for name in slots & set(state):
        object.__setattr__(obj, name, state.pop(name))
    inner = getattr(obj, "__dict__", None)
    if inner is None:
        if state:
            raise TypeError("attributes that the class has no place for")
        return
    inner.clear()
    inner.update(state)


STATE = Mutable("@", split_state, fill_state)


class Shared:
    """One side's knowledge of what both have. `trusting`: the other side may name any library's object."""

    def __init__(self, registry: Registry, namespace: dict[str, Any], trusting: bool) -> None:
        self.registry = registry
        self.namespace = namespace
        self.trusting = trusting
        self.twins: dict[str, type] = {}

    def set_twins(self, names: tuple[str, ...]) -> None:
        """These names of classes are bound by locked cells."""
        found = {name: dict.get(self.namespace, name) for name in names}
        self.twins = {
            name: kind for name, kind in found.items() if isinstance(kind, type) and place_of(kind)[0] == NOTEBOOK
        }

    def name_of_twin(self, kind: type) -> str | None:
        """The name under which both sides know `kind`."""
        for name, twin in self.twins.items():
            if twin is kind:
                return name
        return None

    def is_plain(self, kind: type) -> bool:
        """Whether an instance is its state and nothing else."""
        new = next(b for b in mro_of(kind) if "__new__" in type.__dict__["__dict__"].__get__(b))
        return (
            new is object
            and not issubclass(kind, (BaseException, enum.Enum))
            and base_with_content(kind, self.registry) in (None, *WRAPPERS)
            and all(base is object or "__module__" in type.__dict__["__dict__"].__get__(base) for base in mro_of(kind))
        )

    def may_send_state(self, kind: type) -> bool:
        """Whether instances of `kind` cross by their state."""
        if self.name_of_twin(kind) is not None:
            return self.is_plain(kind)
        module = place_of(kind)[0]
        if self.trusting or module in (NOTEBOOK, "builtins") or not self.is_plain(kind):
            return False
        root = module.partition(".")[0]
        return root not in sys.stdlib_module_names and hasattr(kind, "get_params") and hasattr(kind, "set_params")

    def is_genuine(self, kind: type) -> bool:
        """Whether the class itself is a value on both sides."""
        if kind in self.registry.by_type or self.registry.of_type(kind) is not None:
            return True
        module, qualname = place_of(kind)
        return module == "builtins" and builtins.__dict__.get(qualname) is kind

    def place_named(self, obj: Any) -> tuple[str, str] | None:
        """Where the other side finds a library's function, class or module (sent to the work side only)."""
        if self.trusting:
            return None
        if isinstance(obj, types.ModuleType):
            return (obj.__name__, "") if sys.modules.get(obj.__name__) is obj and obj.__name__ != NOTEBOOK else None
        module = getattr(obj, "__module__", None)
        name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
        if isinstance(module, str) and isinstance(name, str) and module != NOTEBOOK:
            return (module, name) if _find(module, name) is obj else None
        if type(obj).__name__ == "ufunc" and isinstance(name, str):
            return ("numpy", name) if _find("numpy", name) is obj else None
        return None

    def resolve(self, module: str, qualname: str) -> Any:
        """The object at a place the other side named; LookupError if this side does not let it in."""
        if self.trusting:
            if module not in sys.modules:
                importlib.import_module(module)
            return sys.modules[module] if not qualname else _find(module, qualname)
        found = _find(module, qualname)
        if isinstance(found, type) and self.is_genuine(found):
            return found
        raise LookupError(f"{module}.{qualname}")

    def library_class(self, module: str, qualname: str) -> type | None:
        """The genuine class of a library, if this side has loaded it."""
        if module == NOTEBOOK or module.partition(".")[0] == "grader":
            return None
        if module == "builtins" and qualname in BUILT_IN:
            return BUILT_IN[qualname]
        found = _find(module, qualname)
        return found if isinstance(found, type) else None


BUILT_IN: dict[str, type] = {
    str(kind.__name__): kind
    for kind in (
        types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.GeneratorType, types.ModuleType,
        types.MethodWrapperType, types.WrapperDescriptorType, types.MethodDescriptorType, types.MappingProxyType,
        type(iter([])), type(iter(())), type(iter({})), type(iter(set())), type(iter(range(1))), type(iter("")),
    )
}  # fmt: skip


def _find(module: str, qualname: str) -> Any:
    found: Any = sys.modules.get(module)
    for name in qualname.split("."):
        if found is None:
            return None
        found = vars(found).get(name) if isinstance(found, (type, types.ModuleType)) else None
    return found
