"""How questions to the student's code end, where that could keep a test from failing.

Owns three quiet endings and what a test gets instead, unless the reference solution had the same at the same place. An
exception that callers take for an end, not for an error (StopIteration): a RuntimeError. An exception of the test's own
call-back that the student's code swallowed: that exception. A true result of `__exit__`, which hides what a `with`
block raised: nothing is hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from grader.judge.gate import Gate
from grader.judge.surrogates import is_surrogate

ENDS = (StopIteration, StopAsyncIteration, GeneratorExit)
SKIPS = frozenset({("unittest.case", "SkipTest"), ("unittest.case", "_ShouldStop"), ("_pytest.outcomes", "Skipped")})
GENERATORS = frozenset({"generator", "coroutine", "async_generator"})
Raised = list[BaseException]


class Endings:
    """One test cell's rules. `open` and `close` stand around a question; call-backs are served between them."""

    def __init__(self, gate: Gate, namespace: Mapping[str, Any]) -> None:
        self._gate = gate
        self._namespace = namespace
        self._raised: Raised = []

    def open(self) -> Raised:
        """A question is asked; returns what `close` needs to go back to the one around it."""
        before, self._raised = self._raised, []
        return before

    def close(self, before: Raised) -> Raised:
        """The question is answered; returns what call-backs raised meanwhile."""
        raised, self._raised = self._raised, before
        return raised

    def call_back_failed(self, error: BaseException) -> None:
        """The other side used something of the test's, and that raised."""
        if _must_be_heard(error) or self._is_of_test(error.__traceback__):
            self._raised.append(error)

    def swallowed(self, key: str, raised: Raised, came: BaseException | None = None) -> BaseException | None:
        """The first exception in `raised` that the test has to get instead of a result, or of the exception `came`."""
        for error in raised:
            if type(error) is type(came):
                continue
            noted = f"{key}:swallows:{type(error).__name__}"
            if not (self._gate.lets_compare(noted) if _must_be_heard(error) else self._gate.lets_call(noted)):
                return error
        return None

    def surfaced(self, key: str, question: tuple[Any, ...], raised: Raised, error: BaseException) -> BaseException:
        """What the test gets of `error`, in which `question` ended."""
        hidden = self._raised_instead(key, raised, error)
        if hidden is not None:
            return hidden
        own = any(type(known) is type(error) for known in raised)
        if own or not _ends_quietly(error) or _is_iteration(question):
            return error
        if self._gate.lets_compare(f"{key}:raises:{type(error).__name__}"):
            return error
        instead = RuntimeError(f"the student's code raised {type(error).__name__}")
        instead.__cause__ = error
        return instead

    def _raised_instead(self, key: str, raised: Raised, error: BaseException) -> BaseException | None:
        for known in raised:
            if type(known) is AssertionError is type(error):
                error.args = known.args  # the student's side was not told its words
        return self.swallowed(key, raised, error)

    def leave(self, key: str, operands: tuple[Any, ...], found: Any) -> Any:
        """What `__exit__` returned, of which Python asks only whether it is true."""
        kind = operands[0] if operands else None
        if kind is None or not found:
            return found if kind is None else False
        return self._gate.lets_compare(f"{key}:hides:{getattr(kind, '__name__', '')}")

    def _is_of_test(self, trace: TracebackType | None) -> bool:
        while trace is not None:
            if trace.tb_frame.f_globals is self._namespace:
                return True
            trace = trace.tb_next
        return False


def _must_be_heard(error: BaseException) -> bool:
    return isinstance(error, AssertionError) or not isinstance(error, Exception)


def _ends_quietly(error: BaseException) -> bool:
    return isinstance(error, ENDS) or any(
        (kind.__module__, kind.__qualname__) in SKIPS for kind in type.__dict__["__mro__"].__get__(type(error))
    )


def _is_iteration(question: tuple[Any, ...]) -> bool:
    """Whether to raise StopIteration is how the question is answered."""
    match question:
        case ("op", _, "__next__", _):
            return True
        case ("call", target, "send" | "throw" | "close", *_):
            return is_surrogate(target) and type(target)._profile.description.qualname in GENERATORS
    return False


__all__ = ["Endings"]
