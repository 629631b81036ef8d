"""Mutable values that live on both sides: who is whose twin, and what changed since both sides last agreed.

A mutable value that crosses the link gets a number, and its copy on the other side the same one, so that it keeps its
identity: sent again it is a reference, and what one side changes in place the other side learns (`changed`). The judge
side drops pairs that nothing but this table refers to any more (`sweep`) and tells the other side so.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import attrgetter, eq, is_
from typing import Any

from grader.judge.faults import ProtocolFault
from grader.judge.kinds import Frozen, Mutable, Parts, Registry

MOST = 1_000_000
MOST_NUMBER = 1 << 62
_SIMPLE = frozenset({int, str, bytes, bool, type(None), complex})


class Mirror:
    """One mutable value, and its parts when both sides last agreed. `origin` names the operation that brought it.

    `look` is how it looked then (see Mutable), None where it has to be taken apart to tell.
    """

    __slots__ = ("kind", "look", "number", "object", "origin", "seen")

    def __init__(self, number: int, obj: Any, kind: Mutable, origin: str) -> None:
        self.number = number
        self.object = obj
        self.kind = kind
        self.origin = origin
        self.seen: Parts = ()
        self.look: Parts | None = None

    def agree(self) -> None:
        """What the value holds now is what both sides know."""
        self.agree_on(self.kind.split(self.object))

    def agree_on(self, parts: Parts) -> None:
        """Both sides know the value by these parts, which are what it holds now."""
        self.seen = parts
        self.look = self.kind.look(self.object) if self.kind.look is not None else None


class Rows:
    """Mirrors of dictionaries that entered together, with their numbers: they are looked at and dropped in one go."""

    def __init__(self, numbers: range, mirrors: list[Mirror]) -> None:
        self.numbers, self.mirrors = numbers, mirrors
        self._sizes = [len(mirror.seen) // 2 for mirror in mirrors]

    def unchanged(self) -> bool:
        """Whether each holds the very same objects as when both sides last agreed. Holds no reference to any."""
        if not all(map(eq, map(len, map(_OBJECT, self.mirrors)), self._sizes)):
            return False
        pairs = chain.from_iterable(map(dict.items, map(_OBJECT, self.mirrors)))
        return all(map(is_, chain.from_iterable(pairs), chain.from_iterable(map(_SEEN, self.mirrors))))

    def references(self) -> list[int]:
        """How often each is referred to, as `getrefcount` says from here."""
        return list(map(sys.getrefcount, map(_OBJECT, self.mirrors)))


_OBJECT, _SEEN = attrgetter("object"), attrgetter("seen")


class Mirrors:
    """One side's table. The sides number in steps of two, so that numbers never meet."""

    def __init__(self, first: int, registry: Registry) -> None:
        self._next = first
        self._registry = registry
        self._parity = first % 2
        self.by_number: dict[int, Mirror] = {}
        self._by_object: dict[int, Mirror] = {}
        self._single: dict[int, Mirror] = {}  # those that are in no row
        self._rows: list[Rows] = []
        self._rows_of: dict[int, Rows] = {}  # by the numbers of their mirrors
        self.origin = ""
        self._lone, self._lone_in_rows = _counts_of_lone_mirror()

    def of(self, obj: Any) -> Mirror | None:
        """The mirror of this very object, if it has one."""
        return self._by_object.get(id(obj))

    def at(self, number: int) -> Mirror:
        """The mirror with this number; a fault if there is none."""
        try:
            return self.by_number[number]
        except KeyError:
            raise ProtocolFault("A mutable value was named that neither side has sent.") from None

    def add(self, obj: Any, kind: Mutable) -> Mirror:
        """A mirror for an object of this side, with a new number."""
        self._next += 2
        return self._enter(Mirror(self._next - 2, obj, kind, self.origin))

    def numbers_of(self, objects: Iterable[Any]) -> list[int] | None:
        """The numbers of these very objects; None if one of them has no mirror."""
        find = self._by_object.get
        numbers: list[int] = []
        for obj in objects:
            mirror = find(id(obj))
            if mirror is None:
                return None
            numbers.append(mirror.number)
        return numbers

    def knows_none_of(self, objects: Sequence[Any]) -> bool:
        """Whether these are different objects, and none of them has a mirror."""
        ids = set(map(id, objects))
        return len(ids) == len(objects) and self._by_object.keys().isdisjoint(ids)

    def add_all(self, objects: Sequence[Any], kind: Mutable, seen: Iterable[Parts]) -> list[Mirror]:
        """Mirrors for objects of this side that have none yet, with new numbers and their parts."""
        first, self._next = self._next, self._next + 2 * len(objects)
        return self._enter_all(range(first, self._next, 2), objects, kind, seen)

    def adopt_all(self, first: int, objects: Sequence[Any], kind: Mutable, seen: Iterable[Parts]) -> None:
        """Mirrors for new copies of objects that the other side numbered in steps of two."""
        numbers = range(first, first + 2 * len(objects), 2)
        if first < 0 or numbers.stop > MOST_NUMBER:
            raise ProtocolFault("A mutable value came with a number beyond all bounds.")
        if first % 2 == self._parity or not self.by_number.keys().isdisjoint(numbers):
            raise ProtocolFault("A mutable value came with a number that is not the sender's to give.")
        self._enter_all(numbers, objects, kind, seen)

    def _enter_all(self, numbers: range, objects: Sequence[Any], kind: Mutable, seen: Iterable[Parts]) -> list[Mirror]:
        if len(self.by_number) + len(objects) > MOST:
            raise ProtocolFault(f"More than {MOST} mutable values are on the link.")
        entered = [Mirror(number, obj, kind, self.origin) for number, obj in zip(numbers, objects, strict=True)]
        for mirror, parts in zip(entered, seen, strict=True):
            mirror.seen = parts
        self.by_number.update(zip(numbers, entered, strict=True))
        self._by_object.update(zip(map(id, objects), entered, strict=True))
        if kind is self._registry.by_type.get(dict):
            rows = Rows(numbers, entered)
            self._rows.append(rows)
            self._rows_of.update(dict.fromkeys(numbers, rows))
        else:
            self._single.update(zip(numbers, entered, strict=True))
        return entered

    def adopt(self, number: int, obj: Any, kind: Mutable) -> Mirror:
        """A mirror for the copy of an object that the other side numbered."""
        if number % 2 == self._parity or number in self.by_number:
            raise ProtocolFault("A mutable value came with a number that is not the sender's to give.")
        return self._enter(Mirror(number, obj, kind, self.origin))

    def _enter(self, mirror: Mirror) -> Mirror:
        if len(self.by_number) >= MOST:
            raise ProtocolFault(f"More than {MOST} mutable values are on the link.")
        self.by_number[mirror.number] = self._single[mirror.number] = mirror
        self._by_object[id(mirror.object)] = mirror
        return mirror

    def drop(self, numbers: Iterable[int]) -> None:
        """Forget these; unknown numbers are no fault."""
        left = set(numbers)
        for rows in self._rows[:] if left else ():
            if left.issuperset(rows.numbers):
                self._drop_rows(rows)
                left.difference_update(rows.numbers)
        for number in left:
            self._look_at_each(self._rows_of.get(number))
            mirror = self.by_number.pop(number, None)
            if mirror is not None:
                del self._single[number], self._by_object[id(mirror.object)]

    def _drop_rows(self, rows: Rows) -> None:
        self._rows.remove(rows)
        for table in (self.by_number, self._rows_of):
            deque(map(table.pop, rows.numbers), 0)
        deque(map(self._by_object.pop, map(id, map(_OBJECT, rows.mirrors))), 0)

    def changed(self) -> list[tuple[Mirror, Parts]]:
        """Those that are no longer as both sides know them, with what they hold now."""
        for rows in self._rows[:]:
            if not rows.unchanged():
                self._look_at_each(rows)
        found = []
        for mirror in list(self._single.values()):
            look = None
            if mirror.kind.look is not None:
                look = mirror.kind.look(mirror.object)
                if look is not None and mirror.look is not None and self.alike(look, mirror.look):
                    continue
            parts, seen = mirror.kind.split(mirror.object), mirror.seen
            if len(parts) == len(seen) and all(map(is_, parts, seen)):
                continue  # by far the most
            if self.alike(parts, seen):
                mirror.look = look
            else:
                found.append((mirror, parts))
        return found

    def _look_at_each(self, rows: Rows | None) -> None:
        """From now on look at each of these rows, where there are any."""
        if rows is not None:
            self._rows.remove(rows)
            for mirror in rows.mirrors:
                del self._rows_of[mirror.number]
                self._single[mirror.number] = mirror

    def alike(self, one: Any, two: Any) -> bool:
        """Whether two parts are the same, without calling anything that a student wrote."""
        if one is two:
            return True
        kind = type(one)
        if kind is not type(two):
            return False
        if kind is tuple:
            return len(one) == len(two) and (all(map(is_, one, two)) or all(map(self.alike, one, two)))
        if kind is float:
            return bool(one == two or (one != one and two != two))
        if kind in _SIMPLE:
            return bool(one == two)
        found = self._registry.by_type.get(kind)
        return isinstance(found, Frozen) and self.alike(found.split(one), found.split(two))

    def is_lone(self, mirror: Mirror) -> bool:
        """Whether nothing but this table refers to the value."""
        return sys.getrefcount(mirror.object) <= self._lone

    def clear(self) -> None:
        """Forget all pairs: a cell is over."""
        self.by_number.clear()
        self._by_object.clear()
        self._single.clear()
        self._rows.clear()
        self._rows_of.clear()

    def alive(self, numbers: Iterable[int]) -> tuple[int, ...]:
        """Those of `numbers` that this side's code still refers to, directly or within another one it refers to."""
        inner: dict[int, int] = {}
        below: dict[int, list[Mirror]] = {}
        for mirror in self.by_number.values():
            found = [self._by_object[id(part)] for part in mirror.seen if id(part) in self._by_object]
            below[mirror.number] = found
            for child in found:
                inner[child.number] = inner.get(child.number, 0) + 2  # in the value itself, and in `seen`
        reached: set[int] = set()
        todo = []
        for mirror in self.by_number.values():
            if sys.getrefcount(mirror.object) - inner.get(mirror.number, 0) > self._lone:
                todo.append(mirror)
        while todo:
            mirror = todo.pop()
            if mirror.number not in reached:
                reached.add(mirror.number)
                todo += below[mirror.number]
        return tuple(number for number in numbers if number in reached)

    def sweep(self) -> list[int]:
        """Drop what nothing else refers to; their numbers."""
        dropped: list[int] = []
        while True:
            lone = [number for number, mirror in self._single.items() if self.is_lone(mirror)]
            for rows in self._rows:
                counted = zip(rows.numbers, rows.references(), strict=True)
                lone += [number for number, count in counted if count <= self._lone_in_rows]
            if not lone:
                return dropped
            self.drop(lone)
            dropped += lone


def _counts_of_lone_mirror() -> tuple[int, int]:
    """What `getrefcount` says about a value that only a mirror holds: as `is_lone` asks, and as `Rows` does."""
    mirror = Mirror(0, [], Mutable("", tuple, lambda target, parts: None), "")
    return sys.getrefcount(mirror.object), Rows(range(1), [mirror]).references()[0]
