"""Values from bytes, the reading half (see `wire` for the format). Takes nothing on trust, and executes nothing."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from grader.judge.faults import ProtocolFault
from grader.judge.kinds import Frozen, Kind, Mutable, Parts, Registry
from grader.judge.mirrors import Mirror, Mirrors
from grader.judge.rows import TAGS, read_row
from grader.judge.wire import DEPTH, INT_BYTES, MOST_TEXTS, SHORT, Foreign

_Q, _D, _U, _C = struct.Struct("<q"), struct.Struct("<d"), struct.Struct("<I"), struct.Struct("<dd")


class Reader:
    """Reads one message."""

    def __init__(self, data: bytes, registry: Registry, mirrors: Mirrors, foreign: Foreign) -> None:
        self.data, self.place = data, 0
        self.registry, self.mirrors, self.foreign = registry, mirrors, foreign
        self._depth = 0
        self._texts: dict[bytes, str] = {}

    def value(self) -> Any:
        """The next value."""
        tag = self.byte()
        if tag == 106:  # j
            byte = self.byte()
            return byte - 256 if byte > 127 else byte
        read = _READ.get(tag)
        if read is not None:
            return read(self)
        self._depth += 1
        if self._depth > DEPTH:
            raise ProtocolFault(f"A value is nested more than {DEPTH} levels deep.")
        if tag == 40:  # (
            made: Any = self.parts()
        elif tag == 120:  # x
            made = self._frozen()
        elif tag == 77:  # M
            made = self._mutable()
        elif tag == 109:  # m
            made = self.mirrors.at(self.number()).object
        else:
            made = self.foreign.bring_in(self, tag)
        self._depth -= 1
        return made

    def parts(self) -> Parts:
        """A row of values. Short texts and small numbers are read here, most rows being nothing else."""
        left = self.count()
        data, texts = self.data, self._texts
        end = len(data) - 1
        if left and self.place < end and data[self.place] in TAGS:
            return self._alike(left)
        made: list[Any] = []
        while left:
            left -= 1
            place = self.place
            if place < end:
                tag, size = data[place], data[place + 1]
                if tag == 106:  # j
                    made.append(size - 256 if size > 127 else size)
                    self.place = place + 2
                    continue
                if tag == 115 and (text := texts.get(data[place : place + 2 + size])) is not None:  # s
                    made.append(text)
                    self.place = place + 2 + size
                    continue
            value = self.value()
            if type(value) is str and self.place - place <= SHORT and len(texts) < MOST_TEXTS:
                texts[data[place : self.place]] = value
            made.append(value)
        return tuple(made)

    def _alike(self, count: int) -> Parts:
        """A row of `count` values of one kind (see `rows`)."""
        self._depth += 1
        if self._depth > DEPTH:
            raise ProtocolFault(f"A value is nested more than {DEPTH} levels deep.")
        made = read_row(self, self.byte(), count)
        self._depth -= 1
        return made

    def fill(self, mirror: Mirror, parts: Parts) -> None:
        """Give a value new parts, in place."""
        self.checked(mirror.kind.fill, mirror.object, parts)
        self.checked(mirror.agree)

    def checked(self, act: Callable[..., Any], *args: Any) -> Any:
        """`act(*args)`; what it does not like is the sender's fault."""
        try:
            return act(*args)
        except Exception as error:
            raise ProtocolFault(f"A malformed value ({type(error).__name__}: {error})."[:300]) from None

    def byte(self) -> int:
        try:
            byte = self.data[self.place]
        except IndexError:
            raise ProtocolFault("A message ends in the middle of a value.") from None
        self.place += 1
        return byte

    def count(self) -> int:
        """How many items or bytes follow: never more than there are bytes left."""
        count = self.byte()
        if count == 255:
            (count,) = _U.unpack(self.take(4))
        if count > len(self.data) - self.place:
            raise ProtocolFault("A message announces more than it holds.")
        return count

    def number(self) -> int:
        number: int = _Q.unpack(self.take(8))[0]
        return number

    def take(self, count: int) -> bytes:
        data = self.data[self.place : self.place + count]
        if len(data) != count:
            raise ProtocolFault("A message ends in the middle of a value.")
        self.place += count
        return data

    def text(self) -> str:
        """A value that has to be a text."""
        found = self.value()
        if type(found) is not str:
            raise ProtocolFault("A text was expected.")
        return found

    def _code(self, expected: type[Kind]) -> Any:
        found = self.registry.of_code(self.take(2).decode("latin-1").strip())
        if not isinstance(found, expected):
            raise ProtocolFault("An unknown kind of value.")
        return found

    def _frozen(self) -> Any:
        kind: Frozen = self._code(Frozen)
        return self.checked(kind.join, self.parts())

    def _mutable(self) -> Any:
        number = self.number()
        kind: Mutable = self._code(Mutable)
        if kind.blank is not None:
            mirror = self.mirrors.adopt(number, kind.blank(), kind)
            self.fill(mirror, self.parts())
            return mirror.object
        assert kind.join is not None
        parts = self.parts()
        made = self.checked(kind.join, parts)
        mirror = self.mirrors.adopt(number, made, kind)
        if kind.look is None:
            self.checked(mirror.agree)
        else:  # its look tells whether it changes; to take it apart again would take longer than to build it
            self.checked(mirror.agree_on, parts)
        return made


def _read_big(reader: Reader) -> int:
    count = reader.count()
    if count > INT_BYTES:
        raise ProtocolFault(f"An integer takes more than {INT_BYTES} bytes.")
    return int.from_bytes(reader.take(count), "little", signed=True)


def _read_text(reader: Reader) -> str:
    data = reader.take(reader.count())
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise ProtocolFault("A text that is not UTF-8.") from None


_READ: dict[int, Callable[[Reader], Any]] = {
    ord("N"): lambda reader: None,
    ord("T"): lambda reader: True,
    ord("F"): lambda reader: False,
    ord("."): lambda reader: ...,
    ord("!"): lambda reader: NotImplemented,
    ord("i"): Reader.number,
    ord("I"): _read_big,
    ord("f"): lambda reader: _D.unpack(reader.take(8))[0],
    ord("c"): lambda reader: complex(*_C.unpack(reader.take(16))),
    ord("s"): _read_text,
    ord("b"): lambda reader: reader.take(reader.count()),
}
