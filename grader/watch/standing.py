"""How the interpreter stands before the first line of the student's code, and what has changed since.

Owns the comparison, by identity, of the functions and classes of every loaded library, of their classes' methods,
and of the shell's own parts. Data that libraries keep in their modules is nobody's concern: settings may be changed.
"""

from __future__ import annotations

import builtins
import operator
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from grader.watch.code import is_library, is_students_function

globals()["__builtins__"] = dict(vars(builtins))

_is = operator.is_
_namespace: Any = vars(types.ModuleType)["__dict__"].__get__
_attributes = type.__dict__["__dict__"].__get__
_subclasses = type.__subclasses__
PLAIN = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, staticmethod, classmethod, property)
SLOTS = (types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType)
CALLABLE = frozenset((*PLAIN, *SLOTS, types.GetSetDescriptorType, types.MemberDescriptorType, type))
HOOKS = ("excepthook", "displayhook", "unraisablehook", "breakpointhook", "settrace", "setprofile", "_getframe")
SETTLING = ("matplotlib", "mpl_toolkits", "seaborn", "torch", "warnings", "logging", "IPython.core.pylabtools")
PASSING = frozenset({"_", "__", "___", "_save_getpass", "_save_input"})  # IPython's own, other after every cell
NOT_OURS = ("__main__", "__mp_main__")

Looker = Callable[[], Iterator[str]]


def stand(parts: Iterable[tuple[str, Any]], lists: Iterable[tuple[str, Callable[[], Iterable[Any]]]]) -> Looker:
    """Remember how things are now; the result tells what is different by then.

    `parts` are objects of the shell whose attributes are to stay, `lists` give what is in places that the student may
    not put functions of their own into.
    """
    modules = [(name, module) for name, module in sys.modules.items() if _worth(name, module)]
    spaces = [(name, _kept(_namespace(module))) for name, module in modules]
    where = [_namespace(module) for _, module in modules]
    classes = [(cls, f"{cls.__module__}.{cls.__qualname__}") for cls in known_classes()]
    methods = [(label, cls, _kept_attributes(cls), len(_attributes(cls))) for cls, label in classes]
    held = [(label, part, vars(part), _kept_of_object(vars(part))) for label, part in parts]
    listed = [(label, members, set(map(id, members()))) for label, members in lists]
    hooks = [(name, getattr(sys, name, None)) for name in HOOKS]
    loaded = sys.modules

    def look() -> Iterator[str]:
        for name, module in modules:
            if name in loaded and loaded[name] is not module:
                yield f"module {name}"
        for (name, (keys, values)), space in zip(spaces, where, strict=True):
            for label in _differing(name, keys, values, space):
                if not name.startswith(SETTLING) or _students_own(space.get(label.rpartition(".")[2])):
                    yield label
        for label, cls, (keys, values), count in methods:
            now = _attributes(cls)
            yield from _differing(label, keys, values, now)
            if len(now) != count:
                known = set(keys)
                yield from (
                    f"{label}.{key}" for key, value in now.items() if key not in known and is_students_function(value)
                )
        for label, part, space, (keys, values) in held:
            yield from _differing(label, keys, values, space)
            known = set(keys)
            for key, value in list(space.items()):
                if key not in known and key not in PASSING and (_students_own(value) or _overrides(type(part), key)):
                    yield f"{label}.{key}"
        for label, members, known_ids in listed:
            if any(id(member) not in known_ids and _students_own(member) for member in members()):
                yield label
        for name, value in hooks:
            if getattr(sys, name, None) is not value and _students_own(getattr(sys, name, None)):
                yield f"sys.{name}"

    return look


def known_classes() -> list[type]:
    """All classes there are."""
    found = {id(object), id(type)}
    cls: type
    waiting: list[type] = [object]
    ordered: list[type] = [object]
    while waiting:
        for cls in _subclasses(waiting.pop()):
            if id(cls) not in found:
                found.add(id(cls))
                waiting.append(cls)
                ordered.append(cls)
    return ordered


def _worth(name: str, module: Any) -> bool:
    if type(module) is not types.ModuleType or name in NOT_OURS:
        return False
    file = _namespace(module).get("__file__")
    return file is None or (type(file) is str and is_library(file))


def _kept(space: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    pairs = [(key, value) for key, value in space.items() if callable(value)]
    return tuple(key for key, _ in pairs), tuple(value for _, value in pairs)


def _kept_attributes(cls: type) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    pairs = [(key, value) for key, value in _attributes(cls).items() if type(value) in CALLABLE]
    return tuple(key for key, _ in pairs), tuple(value for _, value in pairs)


def _kept_of_object(space: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    return _kept({key: value for key, value in space.items() if key not in PASSING})


def _overrides(cls: type, key: str) -> bool:
    """Whether an object's own attribute stands before a method of its class."""
    return any(type(_attributes(base).get(key)) is types.FunctionType for base in cls.__mro__)


def _differing(label: str, keys: tuple[str, ...], values: tuple[Any, ...], space: Mapping[str, Any]) -> Iterator[str]:
    if all(map(_is, map(space.get, keys), values)):
        return
    for key, value in zip(keys, values, strict=True):
        if space.get(key) is not value:
            yield f"{label}.{key}"


def _students_own(member: Any) -> bool:
    """Whether a function, a bound method, or an object of a class is the student's."""
    if type(member) is types.MethodType:
        member = member.__func__
    if is_students_function(member):
        return True
    kind = type(member)
    return any(is_students_function(value) for value in _attributes(kind).values())
