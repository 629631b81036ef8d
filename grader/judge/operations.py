"""What one side does with its own objects when the other asks: calls, attributes, special methods.

Owns no permission: the judge side checks before (see `judge`), the work side lets its code be used as the tests use it.
"""

from __future__ import annotations

import copy
import inspect
import operator
from typing import Any

from grader.judge.describe import SPECIALS
from grader.judge.faults import ProtocolFault
from grader.judge.surrogates import Method

METHOD = "method"
VALUE = "value"
SIGNATURE = "signature"
_KINDS = tuple(inspect._ParameterKind)
_FUNCTIONS: dict[str, Any] = {
    "__len__": len,
    "__iter__": iter,
    "__next__": next,
    "__bool__": bool,
    "__contains__": operator.contains,
    "__getitem__": operator.getitem,
    "__setitem__": operator.setitem,
    "__delitem__": operator.delitem,
    "__hash__": hash,
    "__repr__": repr,
    "__str__": str,
    "__format__": format,
    "__int__": int,
    "__float__": float,
    "__complex__": complex,
    "__reversed__": reversed,
    "__abs__": abs,
}


def perform(operation: str, operands: tuple[Any, ...]) -> Any:
    """Do one operation; raises what the objects raise, ProtocolFault if it is none."""
    act = _OPERATIONS.get(operation)
    if act is None:
        raise ProtocolFault(f"An unknown operation, {operation[:40]!r}.")
    return act(*operands)


def _call(target: Any, name: str | None, args: tuple[Any, ...], kwargs: tuple[tuple[str, Any], ...]) -> Any:
    function = target if name is None else getattr(target, name)
    return function(*args, **dict(kwargs))


def _special(target: Any, name: str, operands: tuple[Any, ...]) -> Any:
    if name not in SPECIALS:
        raise ProtocolFault(f"An unknown special method, {name[:40]!r}.")
    function = _FUNCTIONS.get(name)
    if function is not None:
        return function(target, *operands)
    return getattr(type(target), name)(target, *operands)


def _attribute(target: Any, name: str) -> tuple[Any, ...]:
    if name == "__signature__":
        return (SIGNATURE, _split_signature(inspect.signature(target)))
    found = getattr(target, name)
    if name == "__dict__":
        return (VALUE, dict(found))
    if name != "__self__" and not isinstance(target, type) and getattr(found, "__self__", None) is target:
        return (METHOD,)
    return (VALUE, found)


def _split_signature(signature: inspect.Signature) -> tuple[Any, ...]:
    return tuple(
        (
            parameter.name,
            int(parameter.kind),
            () if parameter.default is parameter.empty else (parameter.default,),
            () if parameter.annotation is parameter.empty else (parameter.annotation,),
        )
        for parameter in signature.parameters.values()
    )


def join_attribute(target: Any, name: str, found: Any) -> Any:
    """What `_attribute` of the other side said, as the attribute."""
    match found:
        case (kind,) if kind == METHOD:
            return Method(target, name)
        case (kind, value) if kind == VALUE:
            return value
        case (kind, parts) if kind == SIGNATURE:
            try:
                return inspect.Signature(
                    [
                        inspect.Parameter(
                            name,
                            _KINDS[kind],
                            default=default[0] if default else inspect.Parameter.empty,
                            annotation=annotation[0] if annotation else inspect.Parameter.empty,
                        )
                        for name, kind, default, annotation in parts
                    ]
                )
            except (TypeError, ValueError, IndexError):
                raise ProtocolFault("A malformed signature.") from None
    raise ProtocolFault("A malformed attribute.")


def _plain(target: Any, wish: str) -> Any:
    if wish == "dir":
        return [str(name) for name in dir(target)]
    if wish == "copy":
        return copy.copy(target)
    if wish == "deepcopy":
        return copy.deepcopy(target)
    if wish.startswith("method:"):
        return Shown(getattr(target, wish.removeprefix("method:")))
    raise ProtocolFault(f"An unknown wish, {wish[:40]!r}.")


class Shown:
    """A bound method as an object of its own: what a surrogate of a method holds on to."""

    def __init__(self, method: Any) -> None:
        self.method = method

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.method(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.method, name)


_OPERATIONS: dict[str, Any] = {
    "call": _call,
    "op": _special,
    "attr": _attribute,
    "setattr": setattr,
    "delattr": delattr,
    "plain": _plain,
}
