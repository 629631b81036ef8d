"""Rows of like values, written and read together: most of what tests pass on is tables.

A row of values is a count and the values. Where a row has many values of one kind, one of these follows the count:

    # <width> <data>        integers of 1, 2, 4 or 8 bytes each (width b, h, i, q)
    % <data>                floats
    $ <texts> <data>        texts of which there are few different ones: those, and a byte each that says which
    & <numbers>             mutable values that both sides have
    = <number> <keys> ..    dicts with the same keys, sent for the first time: their numbers go up in steps of two
                            from that one; one row for each key holds their values, which are simple
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import chain, repeat
from typing import TYPE_CHECKING

from grader.judge.faults import ProtocolFault
from grader.judge.kinds import Mutable, Parts
from grader.judge.mirrors import MOST

if TYPE_CHECKING:
    from grader.judge.reader import Reader
    from grader.judge.writer import Writer

MANY = 8
MOST_DIFFERENT = 255
TAGS = frozenset(b"#%&=$")
WIDTHS = {"b": 1, "h": 2, "i": 4, "q": 8}
SIMPLE = frozenset({int, float, str, bytes, bool, type(None)})


def write_row(writer: Writer, parts: Parts) -> bool:
    """Write what follows the count of a row, if its values are alike; else nothing, and False."""
    kind = type(parts[0])
    if kind is int:
        return _write_integers(writer, parts)
    if kind is float:
        return _write_floats(writer, parts)
    if kind is str:
        return _write_texts(writer, parts)
    if kind is dict or kind is list:
        numbers = writer.mirrors.numbers_of(parts)
        if numbers is not None:
            writer.out += b"&" + struct.pack(f"<{len(numbers)}q", *numbers)
            return True
        return kind is dict and _write_records(writer, parts)
    return False


def read_row(reader: Reader, tag: int, count: int) -> Parts:
    """Read what follows `tag`, one of TAGS, in a row of `count` values."""
    if tag == 35:  # #
        width = chr(reader.byte())
        if width not in WIDTHS:
            raise ProtocolFault("Integers of an unknown width.")
        return struct.unpack(f"<{count}{width}", reader.take(count * WIDTHS[width]))
    if tag == 37:  # %
        return struct.unpack(f"<{count}d", reader.take(count * 8))
    if tag == 38:  # &
        at = reader.mirrors.at
        return tuple(at(number).object for number in struct.unpack(f"<{count}q", reader.take(count * 8)))
    if tag == 36:  # $
        return _read_texts(reader, count)
    return _read_records(reader, count)


def _write_texts(writer: Writer, parts: Parts) -> bool:
    if set(map(type, parts)) != {str}:
        return False
    different = tuple(dict.fromkeys(parts))
    if len(different) > min(MOST_DIFFERENT, len(parts) // 2):
        return False
    places = {text: place for place, text in enumerate(different)}
    writer.out += b"$"
    writer.value(different)
    writer.out += bytes(map(places.__getitem__, parts))
    return True


def _read_texts(reader: Reader, count: int) -> Parts:
    different = reader.value()
    if type(different) is not tuple or set(map(type, different)) != {str}:
        raise ProtocolFault("Texts that are none.")
    try:
        return tuple(map(different.__getitem__, reader.take(count)))
    except IndexError:
        raise ProtocolFault("A text was named that was not sent.") from None


def _write_integers(writer: Writer, parts: Parts) -> bool:
    if set(map(type, parts)) != {int}:
        return False
    least, most = min(parts), max(parts)
    for width, size in WIDTHS.items():
        half = 1 << (8 * size - 1)
        if -half <= least and most < half:
            writer.out += b"#" + width.encode() + struct.pack(f"<{len(parts)}{width}", *parts)
            return True
    return False


def _write_floats(writer: Writer, parts: Parts) -> bool:
    if set(map(type, parts)) != {float}:
        return False
    writer.out += b"%" + struct.pack(f"<{len(parts)}d", *parts)
    return True


def _write_records(writer: Writer, parts: Parts) -> bool:
    """Dicts that the other side has none of, each of them once, with the same keys and simple values."""
    if set(map(type, parts)) != {dict} or set(map(type, chain.from_iterable(parts))) != {str}:
        return False
    keys = tuple(parts[0])
    if any(tuple(part) != keys for part in parts) or not writer.mirrors.knows_none_of(parts):
        return False
    columns = tuple(zip(*map(dict.values, parts), strict=True))
    if not SIMPLE.issuperset(map(type, chain.from_iterable(columns))):
        return False
    kind = writer.registry.by_type[dict]
    assert isinstance(kind, Mutable)
    fresh = writer.mirrors.add_all(parts, kind, _flat(keys, columns))
    writer.fresh += fresh
    writer.out += b"="
    writer.number(fresh[0].number)
    writer.parts(keys)
    for column in columns:
        writer.parts(column)
    return True


def _read_records(reader: Reader, count: int) -> Parts:
    first = reader.number()
    keys = reader.parts()
    if not keys or set(map(type, keys)) != {str} or len(set(keys)) != len(keys):
        raise ProtocolFault("Records without proper keys.")
    if count > MOST:
        raise ProtocolFault(f"More than {MOST} mutable values are on the link.")
    columns = [reader.parts() for _ in keys]
    if any(len(column) != count for column in columns):
        raise ProtocolFault("Records with values missing.")
    kind = reader.registry.by_type[dict]
    assert isinstance(kind, Mutable)
    records = [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]
    reader.mirrors.adopt_all(first, records, kind, _flat(keys, columns))
    return tuple(records)


def _flat(keys: Parts, columns: Iterable[Parts]) -> Iterable[Parts]:
    """The parts of each dict, as its kind takes it apart: key, value, key, value ..."""
    pairs = zip(keys, columns, strict=True)
    return zip(*chain.from_iterable((repeat(key), column) for key, column in pairs), strict=False)
