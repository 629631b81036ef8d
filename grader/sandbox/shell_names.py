"""The names that cells see when they don't live in a plain module: a dictionary that is asked for what it lacks.

Owns how Python's three ways to look a name up are led to `__missing__`. A cell's own code and the functions made in it
ask the dictionary itself: CPython takes its short cut only for `dict`, not for a subclass (LOAD_NAME in the locals,
LOAD_GLOBAL in the globals; `_PyEval_LoadName` and `_PyEval_LoadGlobal` of 3.13 do the same). The body of a class asks
the globals without `__missing__`, then the builtins, for which a subclass can answer too. Refuses to look at values.
"""

from __future__ import annotations

import builtins
import types
from typing import Any

from IPython.core.interactiveshell import make_main_module_type

NEEDED_AT_ONCE = ("__import__", "__build_class__")  # CPython looks these up without `__missing__`


class AskingBuiltins(dict[str, Any]):
    """The builtins as they are at the moment, then the namespace: only code that found nothing in both looks here."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        super().__init__({name: getattr(builtins, name) for name in NEEDED_AT_ONCE})
        self._namespace = namespace

    def __missing__(self, name: str) -> Any:
        try:
            return builtins.__dict__[name]
        except KeyError:
            return self._namespace[name]


def carry_over(old: dict[str, Any], namespace: dict[str, Any]) -> None:
    """Give `namespace` the names of `old` that it lacks; functions among them look their names up in it from now on."""
    for name, value in old.items():
        if name not in namespace and name != "__builtins__":
            namespace[name] = value
    asking = hasattr(type(namespace), "__missing__")
    namespace["__builtins__"] = AskingBuiltins(namespace) if asking else builtins
    rebind = Rebinding(old, namespace)
    for name, value in list(namespace.items()):
        namespace[name] = rebind(value)


def build_main(namespace: dict[str, Any]) -> types.ModuleType:
    """A module `__main__` whose names are those of `namespace`, for pickle and the like."""

    class Main(make_main_module_type(namespace)):  # type: ignore[misc]
        def __getattr__(self, name: str) -> Any:
            if name.startswith("__") and name not in namespace:
                raise AttributeError(f"module '__main__' has no attribute {name!r}")
            return super().__getattr__(name)

    module: types.ModuleType = Main()
    return module


class Rebinding:
    """Makes functions anew whose globals were `old`; also in classes of the same module and behind decorators."""

    def __init__(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        self._old, self._new = old, new
        self._made: dict[int, tuple[Any, Any]] = {}  # the original stays referenced, so its id stays its own

    def __call__(self, value: Any) -> Any:
        if id(value) in self._made:
            return self._made[id(value)][1]
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, (staticmethod, classmethod)):
            return type(value)(self(value.__func__))
        if isinstance(value, property):
            return property(self(value.fget), self(value.fset), self(value.fdel), value.__doc__)
        if isinstance(value, type) and value.__module__ == self._old.get("__name__"):
            self._class(value)
        return value

    def _function(self, function: types.FunctionType) -> types.FunctionType:
        made = function
        if function.__globals__ is self._old:
            made = types.FunctionType(
                function.__code__, self._new, function.__name__, function.__defaults__, function.__closure__
            )
            made.__kwdefaults__ = function.__kwdefaults__
            made.__qualname__, made.__module__, made.__doc__ = (
                function.__qualname__,
                function.__module__,
                function.__doc__,
            )
            made.__annotations__ = function.__annotations__
            made.__dict__.update(function.__dict__)
        self._made[id(function)] = (function, made)
        for cell in function.__closure__ or ():
            try:
                content = cell.cell_contents
            except ValueError:  # not filled yet
                continue
            cell.cell_contents = self(content)
        return made

    def _class(self, made: type) -> None:
        self._made[id(made)] = (made, made)
        for name, value in list(vars(made).items()):
            if isinstance(value, (types.FunctionType, staticmethod, classmethod, property)):
                fresh = self(value)
                if fresh is not value:
                    setattr(made, name, fresh)
