"""What stays where it is: the objects one side shows the other as handles, and the surrogates it got in return.

h <number> <class>    a handle                         B <number>   the receiver's own object back
k <number> <what>     a class, described               K <number>   a class, known
Q <number>            the receiver's own class back    G <place>    a class, function or module of a library
C <name>              a twin class                     O ...        an instance of a class both sides have
t <name> <parts>      an instance of a twin of tuple   e <name> <member>   a member of a twin enumeration
E <parts>             an exception
"""

from __future__ import annotations

import enum
import weakref
from typing import Any

from grader.judge.describe import Description, describe
from grader.judge.exceptions import join_exception, split_exception
from grader.judge.faults import ProtocolFault
from grader.judge.kinds import Registry
from grader.judge.reader import Reader
from grader.judge.shared import STATE, Shared
from grader.judge.surrogates import (
    Asker,
    Method,
    Profile,
    SurrogateMeta,
    build_class,
    is_surrogate,
    isinstance_of_root,
)
from grader.judge.writer import Writer

MOST = 200_000


class Handles:
    """One side's two tables: what it shows, and what it was shown."""

    def __init__(self, asker: Asker, registry: Registry, shared: Shared) -> None:
        self._asker, self._registry, self._shared = asker, registry, shared
        self._shown: dict[int, Any] = {}
        self._counts: dict[int, int] = {}
        self._numbers: dict[int, int] = {}
        self._classes: list[type] = []
        self._class_numbers: dict[int, int] = {}
        self._surrogates: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._received: dict[int, int] = {}
        self._surrogate_classes: dict[int, type] = {}
        self._next = 1
        self.released: list[tuple[int, int]] = []

    def shown(self, number: int) -> Any:
        """The own object that the other side calls `number`."""
        try:
            return self._shown[number]
        except (KeyError, TypeError):
            raise ProtocolFault("A handle was named that was never given.") from None

    def shown_class(self, number: int) -> type:
        if not 0 <= number < len(self._classes):
            raise ProtocolFault("A class was named that was never shown.")
        return self._classes[number]

    def release(self, released: tuple[tuple[int, int], ...]) -> None:
        """The other side let go of these."""
        for number, count in released:
            left = self._counts.get(number, 0) - count
            if left > 0:
                self._counts[number] = left
            elif number in self._shown:
                del self._numbers[id(self._shown.pop(number))], self._counts[number]

    def forget_classes(self, kinds: list[type]) -> None:
        """These were described in a message that was not sent."""
        for kind in kinds:
            del self._class_numbers[id(kind)]

    def let_go(self, number: int) -> None:
        """A surrogate of ours has gone."""
        count = self._received.pop(number, 0)
        if count:
            self.released.append((number, count))

    # -- showing

    def export(self, writer: Writer, obj: Any) -> None:
        """Write an object that is no value."""
        kind = type(obj)
        if kind is SurrogateMeta or issubclass(kind, type):
            self._export_class(writer, obj)
        elif is_surrogate(obj):
            writer.out += b"B"
            writer.number(object.__getattribute__(obj, "_number"))
        elif kind is Method:
            self.export(
                writer,
                obj.__self__ if obj.__name__ == "" else self._asker.plain(obj.__self__, f"method:{obj.__name__}"),
            )
        elif self._export_shared(writer, obj, kind):
            return
        elif issubclass(kind, BaseException):
            writer.out += b"E"
            writer.value(split_exception(obj, discreet=not self._shared.trusting))
        else:
            self._export_handle(writer, obj)

    def _export_handle(self, writer: Writer, obj: Any) -> None:
        number = self._numbers.get(id(obj))
        if number is None:
            number, self._next = self._next, self._next + 1
            self._numbers[id(obj)] = number
            self._shown[number] = obj
        self._counts[number] = self._counts.get(number, 0) + 1
        writer.out += b"h"
        writer.number(number)
        self._export_class(writer, type(obj), as_handle=True)

    def _export_class(self, writer: Writer, kind: type, as_handle: bool = False) -> None:
        if type(kind) is SurrogateMeta:
            genuine = kind._profile.genuine
            if genuine is None or as_handle:
                writer.out += b"Q"
                writer.number(kind._profile.number)
                return
            kind = genuine
        if not as_handle:
            name = self._shared.name_of_twin(kind)
            if name is not None:
                writer.out += b"C"
                writer.value(name)
                return
            place = (kind.__module__, kind.__qualname__) if self._shared.is_genuine(kind) else None
            place = place or self._shared.place_named(kind)
            if place is not None:
                writer.out += b"G"
                writer.value(place)
                return
        number = self._class_numbers.get(id(kind))
        if number is not None:
            writer.out += b"K"
            writer.number(number)
            return
        self._class_numbers[id(kind)] = number = len(self._classes)
        self._classes.append(kind)
        writer.classes.append(kind)
        self._describe(writer, kind, number)

    def _describe(self, writer: Writer, kind: type, number: int) -> None:
        found = describe(kind, self._registry)
        writer.out += b"k"
        writer.number(number)
        doc = None if self._shared.trusting is False and found.module == "__main__" else found.doc
        writer.value(
            (
                found.module,
                found.qualname,
                doc,
                found.library,
                found.specials,
                found.native,
                found.content,
                found.unhashable,
            )
        )
        bases = [base for base in type.__dict__["__bases__"].__get__(kind) if base is not object]
        writer.count(len(bases))
        for base in bases:
            self._export_class(writer, base)

    def _export_shared(self, writer: Writer, obj: Any, kind: type) -> bool:
        """Write what the other side has too, or can rebuild."""
        name = self._shared.name_of_twin(kind)
        if name is not None and issubclass(kind, tuple):
            writer.out += b"t"
            writer.value((name, tuple(tuple.__iter__(obj))))
            return True
        if name is not None and issubclass(kind, enum.Enum) and type(obj._name_) is str:
            writer.out += b"e"
            writer.value((name, obj._name_))
            return True
        if self._shared.may_send_state(kind):
            if not writer.known(obj):
                mirror = writer.first(b"O", obj, STATE)
                self._export_class(writer, kind)
                writer.parts(mirror.seen)
            return True
        place = self._shared.place_named(obj)
        if place is not None:
            writer.out += b"G"
            writer.value(place)
        return place is not None

    # -- being shown

    def bring_in(self, reader: Reader, tag: int) -> Any:
        """Read what `export` of the other side wrote."""
        reading = _TAGS.get(tag)
        if reading is None:
            raise ProtocolFault(f"An unknown tag, {tag}, where a value was expected.")
        return reading(self, reader)

    def _read_handle(self, reader: Reader) -> Any:
        number = reader.number()
        kind = self._read_class(reader)
        known = self._surrogates.get(number)
        if known is None:
            if len(self._received) >= MOST:
                raise ProtocolFault(f"More than {MOST} handles are held.")
            known = object.__new__(kind)
            object.__setattr__(known, "_number", number)
            self._surrogates[number] = known
        self._received[number] = self._received.get(number, 0) + 1
        return known

    def _read_class(self, reader: Reader) -> Any:
        kind = reader.value()
        if type(kind) is not SurrogateMeta or not isinstance_of_root(kind):
            raise ProtocolFault("A handle came without a class.")
        return kind

    def _read_new_class(self, reader: Reader) -> Any:
        number = reader.number()
        parts = reader.value()
        try:
            described = Description(*parts)
            fine = (
                type(described.module) is str
                and type(described.qualname) is str
                and number not in self._surrogate_classes
            )
            specials = described.specials + described.native
            fine = fine and all(type(name) is str and name.isidentifier() for name in specials)
            genuine = self._shared.library_class(described.module, described.qualname) if described.library else None
        except (TypeError, AttributeError):
            raise ProtocolFault("A class was badly described.") from None
        if not fine or len(self._surrogate_classes) > MOST:
            raise ProtocolFault("A class was badly described.")
        if genuine is not None and issubclass(genuine, BaseException):
            self._surrogate_classes[number] = genuine
        bases = [reader.value() for _ in range(reader.count())]
        if not all(isinstance(base, type) for base in bases):
            raise ProtocolFault("A class derives from something that is no class.")
        made = self._surrogate_classes.get(number)
        if made is None:
            made = reader.checked(self._build, Profile(self._asker, number, described, genuine), bases)
            self._surrogate_classes[number] = made
        return made

    def _build(self, profile: Profile, bases: list[type]) -> type:
        ours = tuple(b for b in bases if type(b) is SurrogateMeta and isinstance_of_root(b))
        wrong = tuple(b for b in bases if issubclass(b, BaseException))
        if profile.face is None and not wrong:
            faces = [b._profile.face if type(b) is SurrogateMeta else b for b in bases]
            faces = [face for face in faces if face is not None]
            profile.face = _face(profile.description, tuple(faces)) if faces else None
        made: type = build_class(profile, wrong or ours)
        return made

    def _read_known_class(self, reader: Reader) -> Any:
        try:
            return self._surrogate_classes[reader.number()]
        except KeyError:
            raise ProtocolFault("A class was named that was never shown.") from None

    def _read_place(self, reader: Reader) -> Any:
        place = reader.value()
        try:
            module, qualname = place
            found = self._shared.resolve(module, qualname)
        except (TypeError, ValueError, LookupError, ImportError, AttributeError):
            raise ProtocolFault(f"Something was named that this side does not have: {place!r}"[:200]) from None
        return found

    def _read_twin(self, reader: Reader) -> type:
        twin = self._shared.twins.get(reader.text())
        if twin is None:
            raise ProtocolFault("A class was taken for one that both sides have.")
        return twin

    def _read_state(self, reader: Reader) -> Any:
        number = reader.number()
        kind = reader.value()
        fine = isinstance(kind, type) and self._shared.is_plain(kind)
        if not fine or (not self._shared.trusting and kind not in self._shared.twins.values()):
            raise ProtocolFault("An instance came of a class that is not rebuilt.")
        mirror = reader.mirrors.adopt(number, object.__new__(kind), STATE)
        reader.fill(mirror, reader.parts())
        return mirror.object

    def _read_tuple(self, reader: Reader) -> Any:
        name, parts = reader.checked(lambda pair: (str(pair[0]), tuple(pair[1])), reader.value())
        twin = self._shared.twins.get(name)
        if twin is None or not issubclass(twin, tuple):
            raise ProtocolFault("A class was taken for one that both sides have.")
        return tuple.__new__(twin, parts)

    def _read_member(self, reader: Reader) -> Any:
        name, member = reader.checked(lambda pair: (str(pair[0]), str(pair[1])), reader.value())
        members = getattr(self._shared.twins.get(name), "__members__", {})
        if member not in members:
            raise ProtocolFault("A member was named that an enumeration does not have.")
        return members[member]

    def _read_exception(self, reader: Reader) -> Any:
        return join_exception(reader.value())

    def _read_back(self, reader: Reader) -> Any:
        return self.shown(reader.number())

    def _read_class_back(self, reader: Reader) -> Any:
        return self.shown_class(reader.number())


def _face(described: Description, bases: tuple[type, ...]) -> type:
    """A class that is a subclass of all `bases`, never instantiated: what `isinstance` looks at."""
    try:
        return type(described.name, bases, {"__module__": described.module, "__doc__": described.doc})
    except Exception:
        return bases[0]


_TAGS = {
    ord("h"): Handles._read_handle,
    ord("k"): Handles._read_new_class,
    ord("K"): Handles._read_known_class,
    ord("G"): Handles._read_place,
    ord("C"): Handles._read_twin,
    ord("O"): Handles._read_state,
    ord("t"): Handles._read_tuple,
    ord("e"): Handles._read_member,
    ord("E"): Handles._read_exception,
    ord("B"): Handles._read_back,
    ord("Q"): Handles._read_class_back,
}
