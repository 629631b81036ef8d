"""Values of built-in types: list, dict, set and their like (see `kinds`). Numbers and text are the wire's own."""

from __future__ import annotations

from itertools import chain
from typing import Any

from grader.judge.checks import exactly, pairs_of
from grader.judge.kinds import Entries, Frozen, Mutable, Parts


def _flat(value: dict[Any, Any]) -> Parts:
    return tuple(chain.from_iterable(dict.items(value)))


def _fill_list(target: list[Any], parts: Parts) -> None:
    target[:] = parts


def _fill_dict(target: dict[Any, Any], parts: Parts) -> None:
    fresh = dict(pairs_of(parts))
    target.clear()
    target.update(fresh)


def _fill_set(target: set[Any], parts: Parts) -> None:
    fresh = set(parts)
    target.clear()
    target.update(fresh)


def _fill_bytearray(target: bytearray, parts: Parts) -> None:
    (data,) = parts
    target[:] = exactly(bytes, data)


def _join_range(parts: Parts) -> range:
    start, stop, step = (exactly(int, part) for part in parts)
    return range(start, stop, step)


def _join_slice(parts: Parts) -> slice:
    start, stop, step = parts
    return slice(start, stop, step)


def entries() -> Entries:
    """Every type with its kind."""
    yield list, Mutable("l", tuple, _fill_list, blank=list)
    yield dict, Mutable("d", _flat, _fill_dict, blank=dict)
    yield set, Mutable("s", tuple, _fill_set, blank=set)
    yield bytearray, Mutable("b", lambda value: (bytes(value),), _fill_bytearray, blank=bytearray)
    yield frozenset, Frozen("f", tuple, frozenset)
    yield range, Frozen("r", lambda value: (value.start, value.stop, value.step), _join_range)
    yield slice, Frozen(":", lambda value: (value.start, value.stop, value.step), _join_slice)
    yield type({}.keys()), Frozen("K", tuple, lambda parts: dict.fromkeys(parts).keys())
    yield type({}.values()), Frozen("V", tuple, lambda parts: dict(enumerate(parts)).values())
    yield type({}.items()), Frozen("I", lambda value: tuple(chain.from_iterable(value)), _join_items)


def _join_items(parts: Parts) -> Any:
    return dict(pairs_of(parts)).items()
