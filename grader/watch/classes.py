"""Classes of the student's that decide for themselves what they are equal to, or what arithmetic makes of them.

Owns the list of such methods. A data class whose comparison is the one that `dataclass` writes is like any other.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from grader.watch.code import is_students_function
from grader.watch.standing import known_classes

globals()["__builtins__"] = dict(vars(builtins))

COMPARING = ("eq", "ne", "lt", "le", "gt", "ge", "contains", "bool", "instancecheck", "subclasscheck")
NUMBERS = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "matmul", "divmod")
OTHERS = ("getattribute", "getattr", "round", "abs", "float", "int", "index", "complex", "neg", "format")
ARRAYS = ("array", "array_ufunc", "array_function", "array_interface", "array_struct", "array_wrap")
MAGIC = frozenset(
    f"__{name}__"
    for name in (*COMPARING, *NUMBERS, *(f"r{name}" for name in NUMBERS), *(f"i{name}" for name in NUMBERS))
) | frozenset(f"__{name}__" for name in (*OTHERS, *ARRAYS))
OF_VALUES = frozenset({"__len__", "__iter__", "__getitem__", "__hash__", "__class__", "__reversed__", "__call__"})
RENDERING = frozenset({"_render_traceback_", "_repr_pretty_", "_ipython_display_"})
DATACLASS = frozenset({"__eq__", "__lt__", "__le__", "__gt__", "__ge__", "__class__", "NotImplemented"})

_attributes = type.__dict__["__dict__"].__get__
_mro = type.__dict__["__mro__"].__get__
_name = type.__dict__["__qualname__"].__get__
_code_of = FunctionType.__dict__["__code__"].__get__
_names_of = CodeType.__dict__["co_names"].__get__
_consts_of = CodeType.__dict__["co_consts"].__get__


def watch_classes() -> Callable[[], Iterator[str]]:
    """Remember the classes there are; the result tells the telling methods of new ones, as "Name.__eq__"."""
    known = set(map(id, known_classes()))

    def look() -> Iterator[str]:
        for cls in known_classes():
            if id(cls) not in known:
                yield from _telling(cls)

    return look


def _telling(cls: type) -> Iterator[str]:
    attributes = _attributes(cls)
    written = [key for key, value in attributes.items() if is_students_function(value)]
    value_like = any(base in VALUES for base in _mro(cls)[1:]) or _named_value(cls)
    for key in written:
        if (
            key in RENDERING
            or key == "__class__"
            or (value_like and key in OF_VALUES)
            or (key in MAGIC and not _of_dataclass(cls, attributes[key]))
        ):
            yield f"{_name(cls)}.{key}"
    if value_like and any(key not in DATACLASS and not key.startswith("_") for key in written):
        shadowing = [key for key in written if any(key in _attributes(base) for base in _mro(cls)[1:-1])]
        yield from (f"{_name(cls)}.{key}" for key in shadowing if not key.startswith("_"))


def _of_dataclass(cls: type, method: Any) -> bool:
    if type(method) is not FunctionType:
        return False
    fields = _attributes(cls).get("__dataclass_fields__")
    if type(fields) is not dict:
        return False
    code = _code_of(method)
    return set(_names_of(code)) <= {*DATACLASS, *fields} and set(_consts_of(code)) <= {None}


VALUES = frozenset({int, float, complex, str, bytes, list, tuple, dict, set, frozenset, bytearray})
LIBRARY_VALUES = frozenset({"ndarray", "NDFrame", "Index", "Tensor", "generic", "UserDict", "UserList", "UserString"})


def _named_value(cls: type) -> bool:
    return any(_name(base) in LIBRARY_VALUES for base in _mro(cls)[1:])
