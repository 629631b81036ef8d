"""The judge side's end of the conversation: what test cells ask of the student's code, and what it may ask in return.

Everything that comes from the other side is a claim: it is read as values and handles, and never run. Which questions
go through is `gate`'s to say, what their ends mean to a test `endings`', which files a test finds `given`'s.
"""

from __future__ import annotations

import signal
import types
from collections.abc import Mapping
from typing import Any, Protocol

from grader.judge.chance import Chance
from grader.judge.describe import ARITHMETIC, COMPARISONS, SPECIALS
from grader.judge.endings import Endings
from grader.judge.faults import LinkFault, ProtocolFault
from grader.judge.gate import Gate, is_plain
from grader.judge.given import REWRITTEN, GivenFiles
from grader.judge.kinds import Parts, known_kinds
from grader.judge.link import Link
from grader.judge.mirrors import Mirror
from grader.judge.names import JudgeNames
from grader.judge.operations import VALUE
from grader.judge.peer import Peer
from grader.judge.shared import Shared
from grader.judge.surrogates import SurrogateMeta, is_surrogate

PATIENCE = 3.0  # seconds for the last word of a cell, when no timer runs
CARRIES_VALUES = COMPARISONS | ARITHMETIC | {"__getitem__", "__setitem__", "__delitem__"}
READS = CARRIES_VALUES - {"__setitem__", "__delitem__"} - {f"__i{name[2:]}" for name in ARITHMETIC}
RUNS_CODE = frozenset({"call", "op", "attr", "setattr", "delattr", "plain", "content"})
CLOSED = (types.FunctionType, types.MethodType, types.CodeType, types.FrameType, types.TracebackType, types.ModuleType)


class JudgeShell(Protocol):
    """What the judge side's end uses of the shell (see `grader.sandbox.shell`)."""

    namespace: dict[str, Any]

    def write(self, name: str, text: str) -> None: ...


class JudgePeer(Peer):
    """The judge side's end."""

    def __init__(self, link: Link, shell: JudgeShell, files: GivenFiles | None) -> None:
        registry = known_kinds()
        self.names = JudgeNames(shell.namespace, self._fetch)
        super().__init__(link, Shared(registry, self.names, trusting=False), registry, first=0)
        self._shell = shell
        self._files = files
        self._chance = Chance()
        self._context: Mapping[str, Any] = {}
        self._twins: tuple[str, ...] | None = None
        self._told_names: tuple[str, ...] = ()
        self._news: list[tuple[str, bool, Any]] = []
        self._named: set[int] = set()
        self._in_alive = False
        self._pushes: frozenset[str] | None = None
        self.gate = Gate(self.names, None)
        self._endings = Endings(self.gate, self.names)

    def begin(self, context: Mapping[str, Any]) -> None:
        self._context = context
        self.gate = Gate(self.names, context)
        self._endings = Endings(self.gate, self.names)
        evidence = context.get("evidence")
        self._pushes = None if evidence is None else frozenset(evidence.get("operations", ()))
        self.names.begin(context)
        twins = tuple(context.get("twins", ()))
        self.shared.set_twins(twins)
        self._twins = twins
        self._chance.keep(tuple(context.get("random", ())), as_is=True)
        if self._chance.names:
            self._ask_patiently("step")  # what the student's cells drew since
        if self._files is not None:
            self._files.begin(context.get("rewritten", ()))

    def end(self) -> dict[str, Any]:
        if self._files is not None:
            self.gate.operations.update(f"{REWRITTEN}{name}" for name in self._files.end())
            self.gate.faults += self._files.faults
        self._ask_patiently("end")
        self.mirrors.clear()
        self.names.end()
        if self.broken is not None and not self.gate.faults:
            self._note(self.broken)
        return self.gate.evidence()

    def _ask_patiently(self, operation: str) -> None:
        """Ask outside a cell, when no timer runs; a fault is noted."""
        if self.broken is not None:
            return
        try:
            self.link.be_patient(PATIENCE)
            self.ask(operation)
        except LinkFault as fault:
            self._note(fault)
        if self.broken is None:
            self.link.be_patient(None)

    def _break(self, fault: LinkFault) -> None:
        self._note(fault)
        super()._break(fault)

    def _note(self, fault: LinkFault) -> None:
        told = f"{type(fault).__name__}: {fault}"
        if told not in self.gate.faults:
            self.gate.faults.append(told)

    def ask(self, operation: str, *operands: Any) -> Any:
        if self.broken is None and not self._waiting and not self._abandoned and self.link.has_unread():
            self._break(ProtocolFault("The work side spoke without being asked."))
        if operation not in RUNS_CODE:
            return super().ask(operation, *operands)
        if self._files is not None:
            self._files.before_asking()
        key, before = self.mirrors.origin, self._endings.open()
        try:
            found = super().ask(operation, *operands)
        except (LinkFault, KeyboardInterrupt):
            self._endings.close(before)
            raise
        except BaseException as error:
            told = self._endings.surfaced(key, (operation, *operands), self._endings.close(before), error)
            if told is error:
                raise
            raise told from told.__cause__
        swallowed = self._endings.swallowed(key, self._endings.close(before))
        if swallowed is not None:
            raise swallowed
        return found

    def _fetch(self, name: str) -> Any:
        self.mirrors.origin = self.gate.key("name", name)
        found = self.ask("name", name)
        if found == ():
            self.gate.names.setdefault(name, "missing")
            raise KeyError(name)
        if type(found) is not tuple or len(found) != 1:
            raise ProtocolFault("A malformed answer to the question for a name.")
        value = found[0]
        self.gate.names[name] = "handle" if type(value) is SurrogateMeta or is_surrogate(value) else "value"
        if is_surrogate(value):
            if type(value)._profile.description.qualname == "module":
                self.gate.names[name] = "module"
            self._named.add(object.__getattribute__(value, "_number"))
        return value

    # -- what test cells ask

    def special(self, target: Any, name: str, operands: tuple[Any, ...]) -> Any:
        self.mirrors.origin = key = self.gate.key("op", name)
        if name not in CARRIES_VALUES:
            found = self.ask("op", target, name, _without_traceback(operands))
            return self._endings.leave(key, operands, found) if name == "__exit__" else found
        native = _has_content(target)
        if self.gate.reference and native and name in READS & set(type(target)._profile.description.native):
            return self._by_content(target, name, operands)
        if not any(map(is_plain, operands)):
            self.gate.operations.add(key)
        elif not self._lets(key, name):
            return self._by_content(target, name, operands) if native else self._refuse(target, name, operands)
        if name in COMPARISONS:
            self.gate.weak = True
        return self.ask("op", target, name, operands)

    def _lets(self, key: str, name: str) -> bool:
        compares = name in COMPARISONS or name in ARITHMETIC
        return self.gate.lets_compare(key) if compares else self.gate.lets_call(key)

    def _by_content(self, target: Any, name: str, operands: tuple[Any, ...]) -> Any:
        """The operation of the by-value type that the student's class derives from, done here."""
        content = self.content(target)
        operands = tuple(self.content(o) if _has_content(o) else o for o in operands)
        method = getattr(type(content), name, None)
        return NotImplemented if method is None else method(content, *operands)

    def content(self, target: Any) -> Any:
        """What an instance of a by-value type's subclass holds."""
        place = type(target)._profile.description.content
        content = self.ask("content", target)
        if (type(content).__module__, type(content).__qualname__) != place:
            raise ProtocolFault("A value came that is not of the type it was said to be.")
        return content

    def _refuse(self, target: Any, name: str, operands: tuple[Any, ...]) -> Any:
        if name == "__contains__" and hasattr(type(target), "__iter__"):
            return any(element is operands[0] or element == operands[0] for element in target)
        if name in COMPARISONS - {"__contains__"} or name in ARITHMETIC:
            return NotImplemented
        raise TypeError(_unexpected(target, name))

    def call(self, target: Any, name: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if name in SPECIALS and not kwargs and name != "__call__":
            return self.special(target, name, args)
        self.mirrors.origin = key = self.gate.key("call", name or "")
        self.gate.calls += 1
        named = name is None and (type(target) is SurrogateMeta or self._is_named(target))
        if not named and any(map(is_plain, (*args, *kwargs.values()))) and not self.gate.lets_call(key):
            if name is not None and _has_content(target):
                return getattr(self.content(target), name)(*args, **kwargs)
            raise TypeError(_unexpected(target, name or "__call__"))
        return super().call(target, name, args, kwargs)

    def _is_named(self, target: Any) -> bool:
        return object.__getattribute__(target, "_number") in self._named

    def attribute(self, target: Any, name: str) -> Any:
        self.mirrors.origin = self.gate.key("attr", name)
        return super().attribute(target, name)

    def change_attribute(self, target: Any, name: str, *value: Any) -> None:
        self.mirrors.origin = key = self.gate.key("set", name)
        if any(map(is_plain, value)) and not self.gate.lets_call(key):
            raise TypeError(_unexpected(target, name))
        super().change_attribute(target, name, *value)

    def let_go(self, number: int) -> None:
        self._named.discard(number)
        super().let_go(number)

    # -- what the work side asks

    def permit(self, operation: str, operands: tuple[Any, ...]) -> None:
        target, name = (*operands, None, None)[:2]
        if operation == "op" or (operation == "call" and name is None):
            return
        if operation == "attr" and name in ("__name__", "__signature__"):
            return
        public = (
            type(name) is str and not name.startswith("_") and not name.startswith(("gi_", "cr_", "ag_", "tb_", "f_"))
        )
        if operation in ("call", "attr") and public and not isinstance(target, CLOSED):
            return
        if operation == "setattr" and public and type(target).__module__ == "__main__":
            return
        raise AttributeError(f"a test's {type(target).__name__} shows no {name!r}")

    def answer(self, operation: str, operands: tuple[Any, ...]) -> Any:
        try:
            found = super().answer(operation, operands)
        except LinkFault:
            raise
        except BaseException as error:
            self._endings.call_back_failed(error)
            raise
        if operation == "attr" and operands[1] == "__signature__":
            parts = tuple((name, kind, (None,) if default else (), ()) for name, kind, default, _ in found[1])
            return (found[0], parts)
        if operation == "attr" and operands[1] == "__name__":
            return (VALUE, str(found[-1]))
        return found

    # -- in step

    def extras(self) -> Any:
        self._news = self.names.news()
        left, twins, names = signal.getitimer(signal.ITIMER_REAL)[0], self._twins, self._chance.names
        if not (self._news or names or self._told_names) and twins is None:
            return left
        return (left, tuple(self._news), twins, names, self._chance.news())

    def sent(self) -> None:
        self.names.told(self._news)
        self._twins, self._told_names = None, self._chance.names

    def take_extras(self, extras: Any) -> None:
        if extras is None:
            return
        try:
            printed, stale, news = extras
            for name, text in printed:
                if name in ("stdout", "stderr") and type(text) is str:
                    self._shell.write(name, text)
            self.names.outdated([name for name in stale if type(name) is str])
            if news:
                self._chance.take([pair for pair in news if pair[0] in self._chance.names])
        except (TypeError, ValueError) as error:
            raise ProtocolFault(f"A malformed message ({type(error).__name__}).") from None

    def drops(self) -> list[int]:
        return [] if self._in_alive else self.mirrors.sweep()

    def changes(self) -> list[tuple[Mirror, Parts]]:
        """What tests changed and the other side still uses, where the reference needed to see it, too."""
        if self._in_alive:
            return []
        changed = self.mirrors.changed()
        if not changed:
            return []
        if self._pushes is not None:
            return [(mirror, parts) for mirror, parts in changed if f"push {mirror.origin}" in self._pushes]
        self._in_alive = True
        try:
            alive = super().ask("alive", tuple(mirror.number for mirror, _ in changed))
        finally:
            self._in_alive = False
        kept = [(mirror, parts) for mirror, parts in changed if mirror.number in alive]
        self.gate.operations.update(f"push {mirror.origin}" for mirror, _ in kept)
        return kept


def _has_content(obj: Any) -> bool:
    return is_surrogate(obj) and type(obj)._profile.description.content is not None


def _without_traceback(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(None if isinstance(operand, types.TracebackType) else operand for operand in operands)


def _unexpected(target: Any, name: str) -> str:
    kind = target.__name__ if isinstance(target, type) else type(target).__name__
    return f"the test expected a value of another type here than {kind!r} (it uses {name!r})"
