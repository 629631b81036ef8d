"""Small checks that kinds make of parts that came over the link."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")


def exactly(kind: type[T], value: Any) -> T:
    """`value`, if it is exactly a `kind`; TypeError otherwise."""
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} expected, {type(value).__name__} received")
    return value


def optional(kind: type[T], value: Any) -> T | None:
    """`value`, if it is None or exactly a `kind`."""
    return None if value is None else exactly(kind, value)


def pairs_of(parts: tuple[Any, ...]) -> zip[tuple[Any, Any]]:
    """A flat row of keys and values as pairs; ValueError if one is left over."""
    if len(parts) % 2:
        raise ValueError("a key without a value")
    return zip(parts[::2], parts[1::2], strict=True)
