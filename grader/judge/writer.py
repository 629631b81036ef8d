"""Values as bytes, the writing half (see `wire` for the format)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from grader.judge.faults import TooMuch
from grader.judge.kinds import Frozen, Kind, Mutable, Parts, Registry
from grader.judge.mirrors import Mirror, Mirrors
from grader.judge.rows import MANY, write_row
from grader.judge.wire import BYTES, DEPTH, INT_BYTES, MOST_TEXTS, SHORT, Foreign

_Q, _D, _U, _C = struct.Struct("<q"), struct.Struct("<d"), struct.Struct("<I"), struct.Struct("<dd")
_SMALL = {number: bytes((106, number & 255)) for number in range(-128, 128)}  # j


class Writer:
    """Writes one message. If it fails half-way, `undo` takes back the numbers it gave."""

    def __init__(self, registry: Registry, mirrors: Mirrors, foreign: Foreign) -> None:
        self.registry, self.mirrors, self.foreign = registry, mirrors, foreign
        self.out = bytearray()
        self.fresh: list[Mirror] = []
        self.classes: list[type] = []
        self._depth = 0
        self._texts: dict[str, bytes] = {}
        self._kind_of = registry.by_type.get

    def value(self, obj: Any) -> None:
        """Write one value, whatever it is."""
        kind: type = type(obj)
        plain = _PLAIN.get(kind)
        if plain is not None:
            plain(self, obj)
            return
        found = self._kind_of(kind) or self.registry.of_type(kind)
        self._deeper()
        if found is None:
            self.foreign.export(self, obj)
        else:
            mark = len(self.out), len(self.fresh), len(self.classes)
            try:
                self.of_kind(obj, found)
            except (ValueError, TypeError, AttributeError):  # e.g. a dtype that the kind does not know
                self._back_to(mark)
                self.foreign.export(self, obj)
        self._depth -= 1

    def of_kind(self, obj: Any, kind: Kind) -> None:
        """Write `obj` as a value of `kind`."""
        if isinstance(kind, Frozen):
            parts = kind.split(obj)
            self.out += b"x" + kind.code.ljust(2).encode()
            self.parts(parts)
        elif not self.known(obj):
            mirror = self.first(b"M", obj, kind)
            self.out += kind.code.ljust(2).encode()
            self.parts(mirror.seen)

    def known(self, obj: Any) -> bool:
        """Write a reference if both sides have `obj` already."""
        mirror = self.mirrors.of(obj)
        if mirror is None:
            return False
        self.out += b"m"
        self.number(mirror.number)
        return True

    def first(self, tag: bytes, obj: Any, kind: Mutable) -> Mirror:
        """Number a mutable value that the other side does not have."""
        parts = kind.split(obj)
        mirror = self.mirrors.add(obj, kind)
        mirror.agree_on(parts)
        self.fresh.append(mirror)
        self.out += tag
        self.number(mirror.number)
        return mirror

    def parts(self, parts: Parts) -> None:
        """Write a row of values with its length."""
        self.count(len(parts))
        if len(parts) >= MANY and write_row(self, parts):
            return
        out, texts = self.out, self._texts
        for part in parts:
            kind = type(part)
            if kind is str:  # the keys of records come again and again
                out += texts.get(part) or self._short_text(part)
            elif kind is int and -128 <= part < 128:
                out += _SMALL[part]
            else:
                self.value(part)

    def _short_text(self, text: str) -> bytes:
        """A text as it is written, remembered for the rest of the message unless it is long."""
        written = _text(text)
        if len(written) <= SHORT and len(self._texts) < MOST_TEXTS:
            self._texts[text] = written
        return written

    def count(self, count: int) -> None:
        if count < 255:
            self.out.append(count)
        else:
            self.out += b"\xff" + _U.pack(count)

    def number(self, number: int) -> None:
        self.out += _Q.pack(number)

    def undo(self) -> None:
        """Forget the numbers that this message gave: it will not be sent."""
        self._back_to((0, 0, 0))

    def _back_to(self, mark: tuple[int, int, int]) -> None:
        del self.out[mark[0] :]
        self.mirrors.drop([mirror.number for mirror in self.fresh[mark[1] :]])
        del self.fresh[mark[1] :]
        self.foreign.forget_classes(self.classes[mark[2] :])
        del self.classes[mark[2] :]

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEPTH:
            raise TooMuch(f"A value is nested more than {DEPTH} levels deep.")
        if len(self.out) > BYTES:
            raise TooMuch(f"A value takes more than {BYTES} bytes.")

    def _tuple(self, obj: tuple[Any, ...]) -> None:
        self._deeper()
        self.out += b"("
        self.parts(obj)
        self._depth -= 1


def _write_int(writer: Writer, obj: int) -> None:
    if -128 <= obj < 128:
        writer.out += _SMALL[obj]
    elif -(1 << 63) <= obj < 1 << 63:
        writer.out += b"i" + _Q.pack(obj)
    else:
        size = obj.bit_length() // 8 + 1
        if size > INT_BYTES:
            raise TooMuch(f"An integer takes more than {INT_BYTES} bytes.")
        writer.out += b"I"
        writer.count(size)
        writer.out += obj.to_bytes(size, "little", signed=True)


def _text(obj: str) -> bytes:
    data = obj.encode("utf-8", "surrogatepass")
    size = len(data)
    return b"s" + (bytes((size,)) if size < 255 else b"\xff" + _U.pack(size)) + data


def _write_text(writer: Writer, obj: str) -> None:
    writer.out += _text(obj)


def _write_bytes(writer: Writer, obj: bytes) -> None:
    writer.out += b"b"
    writer.count(len(obj))
    writer.out += obj


def _constant(tag: bytes) -> Callable[[Writer, Any], None]:
    def write(writer: Writer, obj: Any) -> None:
        writer.out += tag

    return write


def _write_bool(writer: Writer, obj: bool) -> None:
    writer.out += b"T" if obj else b"F"


def _write_float(writer: Writer, obj: float) -> None:
    writer.out += b"f" + _D.pack(obj)


def _write_complex(writer: Writer, obj: complex) -> None:
    writer.out += b"c" + _C.pack(obj.real, obj.imag)


_PLAIN: dict[type, Callable[[Writer, Any], None]] = {
    type(None): _constant(b"N"),
    type(...): _constant(b"."),
    type(NotImplemented): _constant(b"!"),
    bool: _write_bool,
    int: _write_int,
    float: _write_float,
    complex: _write_complex,
    str: _write_text,
    bytes: _write_bytes,
    tuple: Writer._tuple,
}
