"""What a side tells about a class whose instances it shows as handles: name, bases, special methods, by-value base.

Pure: looks classes up without running their code (no `getattr`, no `isinstance`), since on the work side they are a
student's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grader.judge.kinds import Registry

_BINARY = [
    "add",
    "sub",
    "mul",
    "matmul",
    "truediv",
    "floordiv",
    "mod",
    "divmod",
    "pow",
    "lshift",
    "rshift",
    "and",
    "xor",
    "or",
]
COMPARISONS = frozenset(f"__{name}__" for name in ["lt", "le", "eq", "ne", "gt", "ge", "contains"])
ARITHMETIC = frozenset(f"__{side}{name}__" for name in _BINARY for side in ("", "r", "i"))
OTHERS = frozenset(
    f"__{name}__"
    for name in [
        "neg",
        "pos",
        "abs",
        "invert",
        "round",
        "trunc",
        "floor",
        "ceil",
        "int",
        "float",
        "complex",
        "index",
        "bool",
        "bytes",
        "len",
        "iter",
        "next",
        "reversed",
        "getitem",
        "setitem",
        "delitem",
        "call",
        "enter",
        "exit",
        "hash",
        "array",
        "fspath",
        "length_hint",
        "str",
        "repr",
        "format",
    ]
)
SPECIALS = COMPARISONS | ARITHMETIC | OTHERS
TEXTS = frozenset({"__str__", "__repr__", "__format__"})
NATIVE_NUMBERS = (int, float, complex, str, bytes, tuple)


@dataclass(frozen=True)
class Description:
    """A class as the other side gets to know it. `native` names the specials that are a by-value type's own.

    `content` is that type's place (module, qualname). `library` says that the class is not the notebook's own.
    """

    module: str
    qualname: str
    doc: str | None
    library: bool
    specials: tuple[str, ...]
    native: tuple[str, ...]
    content: tuple[str, str] | None
    unhashable: bool

    @property
    def name(self) -> str:
        return self.qualname.rpartition(".")[2]


def own(kind: type, name: str) -> Any:
    """An attribute that every class has, past any metaclass."""
    return type.__getattribute__(kind, name)


def mro_of(kind: type) -> tuple[type, ...]:
    """The classes `kind` inherits from, itself first."""
    mro: tuple[type, ...] = type.__dict__["__mro__"].__get__(kind)
    return mro


def place_of(kind: type) -> tuple[str, str]:
    """Module and qualified name, as texts whatever the class says."""
    namespace = type.__dict__["__dict__"].__get__(kind)
    module = namespace.get("__module__")
    if type(module) is not str:
        module = "builtins" if not own(kind, "__flags__") & (1 << 9) else "__main__"  # no heap type: built in
    return module, str(type.__dict__["__qualname__"].__get__(kind))


def base_with_content(kind: type, registry: Registry) -> type | None:
    """The by-value type that `kind` derives from, if it does."""
    for base in mro_of(kind)[1:]:
        if base in NATIVE_NUMBERS or (base is not object and registry.of_type(base) is not None):
            return base
    return None


def describe(kind: type, registry: Registry) -> Description:
    """The description of `kind`."""
    module, qualname = place_of(kind)
    content = base_with_content(kind, registry)
    specials, native, unhashable = [], [], False
    for name in SPECIALS:
        for base in mro_of(kind):
            namespace = type.__dict__["__dict__"].__get__(base)
            if name not in namespace:
                continue
            if name == "__hash__" and namespace[name] is None:
                unhashable = True
            elif base is not object and namespace[name] is not None:
                specials.append(name)
                if content is not None and base in mro_of(content):
                    native.append(name)
            break
    doc = type.__dict__["__dict__"].__get__(kind).get("__doc__")
    return Description(
        module,
        qualname,
        doc if type(doc) is str else None,
        module != "__main__",
        tuple(sorted(specials)),
        tuple(sorted(native)),
        None if content is None else place_of(content),
        unhashable,
    )


def content_of(obj: Any, registry: Registry) -> Any:
    """What an instance of a by-value type's subclass holds, as exactly that type."""
    base: Any = base_with_content(type(obj), registry)
    if base is None:
        raise TypeError(f"{type(obj).__name__} derives from no by-value type")
    if base is tuple:
        return tuple(tuple.__iter__(obj))
    if base is str:
        return str.__str__(obj)
    if base is bytes:
        return b"".join([obj])
    if base in (int, float, complex):
        return base.__pos__(obj)
    if base.__module__ == "numpy" and base.__name__ == "ndarray":
        return base.view(obj, base)
    if base.__module__.startswith("pandas"):
        return base(obj)
    kind: Any = registry.of_type(base)
    if kind.code in ("l", "s", "f"):
        return base(base.__iter__(obj))
    if kind.code in ("d", "O", "C"):
        return base(dict.items(obj))
    parts = kind.split(obj)
    join = kind.join
    if join is not None:
        return join(parts)
    made = kind.blank()
    kind.fill(made, parts)
    return made
