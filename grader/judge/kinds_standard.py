"""Values of the standard library: dates, exact numbers, collections, paths, generators of random numbers."""

from __future__ import annotations

import datetime
import decimal
import fractions
import pathlib
import random
import types
import uuid
import zoneinfo
from array import array
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, UserString, defaultdict, deque
from collections.abc import Callable
from itertools import chain
from typing import Any

from grader.judge.checks import exactly, optional, pairs_of
from grader.judge.kinds import Entries, Frozen, Mutable, Parts

STATE_WORDS = 625
ARRAYS = "bBhHiIlLqQfd"


def _flat(value: dict[Any, Any]) -> Parts:
    return tuple(chain.from_iterable(value.items()))


def _fill_mapping(target: Any, parts: Parts) -> None:
    pairs = list(pairs_of(parts))
    target.clear()
    for key, value in pairs:
        target[key] = value


def _split_defaultdict(value: defaultdict[Any, Any]) -> Parts:
    return (value.default_factory, *_flat(value))


def _fill_defaultdict(target: defaultdict[Any, Any], parts: Parts) -> None:
    factory = parts[0]
    if factory is not None and not callable(factory):
        raise TypeError("a default factory that can't be called")
    target.default_factory = factory
    _fill_mapping(target, parts[1:])


def _join_deque(parts: Parts) -> deque[Any]:
    made: deque[Any] = deque(maxlen=optional(int, parts[0]))
    made.extend(parts[1:])
    return made


def _fill_deque(target: deque[Any], parts: Parts) -> None:
    target.clear()
    target.extend(parts[1:])


def _time_parts(value: datetime.time | datetime.datetime) -> Parts:
    return value.hour, value.minute, value.second, value.microsecond, value.fold


def _join_date(parts: Parts) -> datetime.date:
    year, month, day = (exactly(int, part) for part in parts)
    return datetime.date(year, month, day)


def _join_time(parts: Parts) -> datetime.time:
    hour, minute, second, micro, fold, zone = parts
    return datetime.time(hour, minute, second, micro, zone, fold=fold)


def _join_datetime(parts: Parts) -> datetime.datetime:
    year, month, day, hour, minute, second, micro, fold, zone = parts
    return datetime.datetime(year, month, day, hour, minute, second, micro, zone, fold=fold)


def _join_timedelta(parts: Parts) -> datetime.timedelta:
    days, seconds, micro = (exactly(int, part) for part in parts)
    return datetime.timedelta(days, seconds, micro)


def _split_timezone(value: datetime.timezone) -> Parts:
    return (value.utcoffset(None), value.tzname(None))


def _join_timezone(parts: Parts) -> datetime.timezone:
    offset, name = exactly(datetime.timedelta, parts[0]), exactly(str, parts[1])
    plain = datetime.timezone(offset)
    if not offset:
        return datetime.UTC
    return plain if plain.tzname(None) == name else datetime.timezone(offset, name)


def _of_text(make: Callable[[str], Any]) -> Callable[[Parts], Any]:
    def join(parts: Parts) -> Any:
        (text,) = parts
        if len(exactly(str, text)) > 10_000:
            raise ValueError("a text that is too long for what it stands for")
        return make(text)

    return join


def _join_fraction(parts: Parts) -> fractions.Fraction:
    numerator, denominator = (exactly(int, part) for part in parts)
    return fractions.Fraction(numerator, denominator)


def _text(value: Any) -> Parts:
    return (str(value),)


def _split_random(value: random.Random) -> Parts:
    return value.getstate()


def _fill_random(target: random.Random, parts: Parts) -> None:
    version, words, gauss = parts
    if len(exactly(tuple, words)) != STATE_WORDS or not 0 <= exactly(int, words[-1]) < STATE_WORDS:
        raise ValueError("no state of a generator")
    target.setstate((version, words, optional(float, gauss)))


def _wrapper(code: str, kind: type, name: str, inner: type) -> Mutable:
    """A class that holds one thing of a plain type under `name`."""

    def split(value: Any) -> Parts:
        if type(value) is kind and len(vars(value)) != 1:
            raise TypeError(f"a {kind.__name__} with attributes of its own")
        return (exactly(inner, getattr(value, name)),)

    def fill(target: Any, parts: Parts) -> None:
        (held,) = parts
        setattr(target, name, exactly(inner, held))

    return Mutable(code, split, fill, blank=lambda: kind(inner()))


def _flat_items(value: Any) -> Parts:
    return tuple(chain.from_iterable(value))


def _split_names(value: types.SimpleNamespace) -> Parts:
    return tuple(chain.from_iterable(vars(value).items()))


def _fill_names(target: types.SimpleNamespace, parts: Parts) -> None:
    state = {exactly(str, name): value for name, value in pairs_of(parts)}
    vars(target).clear()
    vars(target).update(state)


def _split_array(value: array[Any]) -> Parts:
    if value.typecode not in ARRAYS:
        raise TypeError("an array of characters")
    return value.typecode, value.tobytes()


def _join_array(parts: Parts) -> array[Any]:
    code, data = exactly(str, parts[0]), exactly(bytes, parts[1])
    if len(parts) != 2 or len(code) != 1 or code not in ARRAYS:
        raise ValueError("an array of an unknown type")
    return array(code, data)


def _fill_array(target: array[Any], parts: Parts) -> None:
    fresh = _join_array(parts)
    if fresh.typecode != target.typecode:
        raise ValueError("an array does not change its type")
    target[:] = fresh


def entries() -> Entries:
    """Every type with its kind."""
    yield Counter, Mutable("C", _flat, _fill_mapping, blank=Counter)
    yield OrderedDict, Mutable("O", _flat, _fill_mapping, blank=OrderedDict)
    yield defaultdict, Mutable("D", _split_defaultdict, _fill_defaultdict, blank=defaultdict)
    yield deque, Mutable("q", lambda value: (value.maxlen, *value), _fill_deque, join=_join_deque)
    yield UserList, _wrapper("ul", UserList, "data", list)
    yield UserDict, _wrapper("ud", UserDict, "data", dict)
    yield UserString, _wrapper("us", UserString, "data", str)
    yield ChainMap, _wrapper("uc", ChainMap, "maps", list)
    yield types.SimpleNamespace, Mutable("sn", _split_names, _fill_names, blank=types.SimpleNamespace)
    yield array, Mutable("ar", _split_array, _fill_array, join=_join_array)
    ordered: Any = OrderedDict()
    yield type(ordered.keys()), Frozen("oK", tuple, lambda parts: OrderedDict.fromkeys(parts).keys())
    yield type(ordered.values()), Frozen("oV", tuple, lambda parts: OrderedDict(enumerate(parts)).values())
    yield type(ordered.items()), Frozen("oI", _flat_items, lambda parts: OrderedDict(pairs_of(parts)).items())
    yield random.Random, Mutable("R", _split_random, _fill_random, blank=lambda: random.Random(0))
    yield datetime.date, Frozen("a", lambda v: (v.year, v.month, v.day), _join_date)
    yield datetime.time, Frozen("t", lambda v: (*_time_parts(v), v.tzinfo), _join_time)
    yield datetime.datetime, Frozen("e", lambda v: (v.year, v.month, v.day, *_time_parts(v), v.tzinfo), _join_datetime)
    yield datetime.timedelta, Frozen("u", lambda v: (v.days, v.seconds, v.microseconds), _join_timedelta)
    yield datetime.timezone, Frozen("z", _split_timezone, _join_timezone)
    yield zoneinfo.ZoneInfo, Frozen("Z", lambda v: (v.key,), _of_text(zoneinfo.ZoneInfo))
    yield decimal.Decimal, Frozen("m", _text, _of_text(decimal.Decimal))
    yield fractions.Fraction, Frozen("F", lambda v: (v.numerator, v.denominator), _join_fraction)
    yield uuid.UUID, Frozen("U", _text, _of_text(uuid.UUID))
    yield pathlib.PosixPath, Frozen("P", _text, _of_text(pathlib.PosixPath))
    yield pathlib.PurePosixPath, Frozen("Q", _text, _of_text(pathlib.PurePosixPath))
