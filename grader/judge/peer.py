"""One end of the conversation between the two interpreters: asks, answers, and keeps both sides in step.

    Q <number> <sync> (operation, operand, ...)       a question
    R <number> <sync> value                           its answer
    X <number> <sync> exception                       the answer of code that raised
    L <number> <sync> text                            the answer can't be carried

While a side waits for an answer it serves the other's questions (call-backs), to a bounded depth. The sync part carries
what has to be alike on both sides before anything runs: mutable values that changed, what was dropped, and the side's
extras (printed text, random state, names). Where nothing was dropped and little is to be said, the extras stand alone.
"""

from __future__ import annotations

import struct
from typing import Any

from grader.judge.exceptions import join_exception, split_exception
from grader.judge.faults import LinkClosed, LinkFault, ProtocolFault, TooMuch
from grader.judge.foreign import Handles
from grader.judge.kinds import Parts, Registry
from grader.judge.link import Link
from grader.judge.mirrors import Mirror, Mirrors
from grader.judge.operations import join_attribute, perform
from grader.judge.reader import Reader
from grader.judge.shared import Shared
from grader.judge.writer import Writer

DEPTH = 40
_HEAD = struct.Struct("<cq")


class Peer:
    """What both sides have in common. `first` is 0 on the judge side and 1 on the work side."""

    def __init__(self, link: Link, shared: Shared, registry: Registry, first: int) -> None:
        self.link, self.shared, self.registry = link, shared, registry
        self.mirrors = Mirrors(first, registry)
        self.handles = Handles(self, registry, shared)
        self.broken: LinkFault | None = None
        self._number = first
        self._waiting: list[int] = []
        self._serving = 0
        self._abandoned: set[int] = set()

    # -- what a side adds

    def extras(self) -> Any:
        """What the other side has to know before it goes on; a tuple, or one plain value where that says it all."""
        return None

    def take_extras(self, extras: Any) -> None:
        """What the other side said of `extras`."""

    def sent(self) -> None:
        """The message with the latest `extras` is on its way."""

    def changes(self) -> list[tuple[Mirror, Parts]]:
        """Mutable values of this side that the other one has to see changed."""
        return self.mirrors.changed()

    def drops(self) -> list[int]:
        """Mutable values that neither side needs paired any more."""
        return []

    def permit(self, operation: str, operands: tuple[Any, ...]) -> None:
        """Raise what the other side gets to see if it may not ask this."""

    def answer(self, operation: str, operands: tuple[Any, ...]) -> Any:
        """Do what the other side asks."""
        self.permit(operation, operands)
        return perform(operation, operands)

    # -- asking

    def ask(self, operation: str, *operands: Any) -> Any:
        """Ask the other side and wait; returns what it returns, raises what it raises."""
        if self.broken is not None:
            raise self.broken
        if len(self._waiting) >= DEPTH:
            raise RecursionError("the two sides called each other too deeply")
        self._number += 2
        number = self._number
        try:
            self._send(b"Q", number, (operation, *operands))
            return self._wait(number)
        except LinkFault as fault:
            self._break(fault)
            raise

    def _break(self, fault: LinkFault) -> None:
        if isinstance(fault, (ProtocolFault, LinkClosed)):
            self.broken = fault

    def _send(self, kind: bytes, number: int, value: Any) -> None:
        changes = self.changes()  # before the drops: what is dropped now may have changed before
        drops = self.drops()
        released, extras = self.handles.released[:], self.extras()
        writer = Writer(self.registry, self.mirrors, self.handles)
        writer.out += _HEAD.pack(kind, number)
        try:
            if drops or released or type(extras) is tuple:
                extras = (tuple(drops), tuple(released), extras)
            writer.value(extras)
            writer.count(len(changes))
            for mirror, parts in changes:
                writer.number(mirror.number)
                writer.parts(parts)
            writer.value(value)
            self.link.send(writer.out)
        except BaseException:
            writer.undo()
            raise
        for mirror, parts in changes:
            mirror.seen, mirror.look = parts, None
        self.mirrors.drop(drops)
        del self.handles.released[: len(released)]
        self.sent()

    def _wait(self, number: int) -> Any:
        self._waiting.append(number)
        try:
            while True:
                frame = self.link.receive()
                kind, got = self._head(frame)
                if kind == b"Q":
                    self._serve(frame, got)
                elif got == number or got in self._abandoned:
                    value = self._read(frame)
                    if got == number:
                        return self._result(kind, value)
                    self._abandoned.discard(got)
                else:
                    raise ProtocolFault("An answer came to a question that was not asked.")
        except KeyboardInterrupt:
            self._abandoned.add(number)
            raise
        finally:
            self._waiting.pop()

    def _result(self, kind: bytes, value: Any) -> Any:
        if kind == b"R":
            return value
        if kind == b"L":
            raise TooMuch(f"The other side could not send its answer ({value}).")
        raise join_exception(value)

    def _head(self, frame: bytes) -> tuple[bytes, int]:
        if len(frame) < _HEAD.size or frame[:1] not in (b"Q", b"R", b"X", b"L"):
            raise ProtocolFault("A message that is neither a question nor an answer.")
        kind, number = _HEAD.unpack_from(frame)
        return kind, number

    def _read(self, frame: bytes) -> Any:
        try:
            return self._read_parts(frame)
        except Exception as error:
            raise ProtocolFault(f"A message can't be read ({type(error).__name__}: {error})."[:300]) from error

    def _read_parts(self, frame: bytes) -> Any:
        reader = Reader(frame, self.registry, self.mirrors, self.handles)
        reader.place = _HEAD.size
        drops, extras = self._read_sync(reader.value())
        for _ in range(reader.count()):
            mirror = self.mirrors.at(reader.number())
            reader.fill(mirror, reader.parts())
        self.mirrors.drop(reader.checked(tuple, drops))
        self.take_extras(extras)
        value = reader.value()
        if reader.place != len(frame):
            raise ProtocolFault("A message is longer than what it says.")
        return value

    def _read_sync(self, sync: Any) -> tuple[Any, Any]:
        """What was dropped, and the extras."""
        if type(sync) is not tuple:
            return (), sync
        try:
            drops, released, extras = sync
            self.handles.release(released)
        except (TypeError, ValueError):
            raise ProtocolFault("A malformed message.") from None
        return drops, extras

    # -- answering

    def serve_frame(self, frame: bytes) -> None:
        """Answer a question that came while this side was idle."""
        kind, number = self._head(frame)
        if kind == b"Q":
            self._serve(frame, number)
        elif number in self._abandoned:
            self._abandoned.discard(number)
            self._read(frame)
        else:
            raise ProtocolFault("An answer came to a question that was not asked.")

    def _serve(self, frame: bytes, number: int) -> None:
        asked = self._read(frame)
        if type(asked) is not tuple or not asked or type(asked[0]) is not str:
            raise ProtocolFault("A malformed question.")
        self._serving += 1
        try:
            if len(self._waiting) >= DEPTH:
                raise RecursionError("the two sides called each other too deeply")
            value, kind = self.answer(asked[0], asked[1:]), b"R"
        except LinkFault:
            raise
        except BaseException as error:
            value, kind = split_exception(error, discreet=not self.shared.trusting), b"X"
        finally:
            self._serving -= 1
        try:
            self._send(kind, number, value)
        except LinkClosed:
            raise
        except (LinkFault, Exception) as problem:
            self._send(b"L", number, f"{type(problem).__name__}: {problem}"[:1000])

    # -- for surrogates (see `surrogates.Asker`)

    def special(self, target: Any, name: str, operands: tuple[Any, ...]) -> Any:
        return self.ask("op", target, name, operands)

    def attribute(self, target: Any, name: str) -> Any:
        return join_attribute(target, name, self.ask("attr", target, name))

    def change_attribute(self, target: Any, name: str, *value: Any) -> None:
        self.ask("setattr" if value else "delattr", target, name, *value)

    def call(self, target: Any, name: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self.ask("call", target, name, args, tuple(kwargs.items()))

    def plain(self, target: Any, wish: str) -> Any:
        return self.ask("plain", target, wish)

    def let_go(self, number: int) -> None:
        self.handles.let_go(number)
