"""Exceptions across the link: the class, its arguments and message, its notes, its cause as text, where it came from.

Builtin and library classes arrive as themselves, a student's as surrogate classes that derive from the same genuine
ones. They are rebuilt by `__new__`, or by the constructor of a built-in class; no code of the other side runs.
"""

from __future__ import annotations

import traceback
from typing import Any

from grader.judge.faults import LinkFault, ProtocolFault
from grader.judge.surrogates import SurrogateMeta
from grader.judge.traces import Frames, frames_of, with_frames

TEXT = 100_000
SKIPPED = ("__notes__", "_text", "_frames", "name", "obj")


def split_exception(error: BaseException, discreet: bool = False) -> tuple[Any, ...]:
    """Parts of an exception, to be written as values. `discreet` tells nothing of the code that raised it."""
    if discreet:
        args = () if isinstance(error, AssertionError) else tuple(error.args)
        return (type(error), args, None, (), "", (), ((), ()))
    attributes: list[Any] = []
    for name, value in getattr(error, "__dict__", {}).items():
        if type(name) is str and name not in SKIPPED and not isinstance(value, BaseException):
            attributes += [name, value]
    notes = tuple(note for note in getattr(error, "__notes__", None) or () if type(note) is str)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    told = "" if cause is None else "".join(traceback.format_exception_only(cause))[:TEXT]
    args = tuple(error.args)
    if isinstance(error, OSError) and len(args) == 2 and error.filename is not None:
        args = (*args, error.filename)  # the constructor takes it, `args` do not show it
    return (type(error), args, _text(error), notes, told, tuple(attributes), frames_of(error))


def _text(error: BaseException) -> str | None:
    """The message, where a class of the notebook makes its own."""
    try:
        if type(error).__str__ in (BaseException.__str__, KeyError.__str__, OSError.__str__, ImportError.__str__):
            return None
        return str(error)[:TEXT]
    except Exception as failed:
        return f"<exception str() failed: {type(failed).__name__}>"


def join_exception(parts: Any) -> BaseException:
    """The exception of `split_exception`, ready to be raised; a fault if it is none."""
    if type(parts) is not tuple or len(parts) != 7 or any(type(parts[place]) is not tuple for place in (1, 3, 5)):
        raise ProtocolFault("A malformed exception.")
    try:
        return _join(parts)
    except Exception as error:
        raise ProtocolFault(f"A malformed exception ({type(error).__name__}).") from None


def _join(parts: tuple[Any, ...]) -> BaseException:
    kind, args, text, notes, cause, attributes, frames = parts
    if not isinstance(kind, type) or not issubclass(kind, BaseException) or issubclass(kind, LinkFault):
        raise ProtocolFault("Something was raised that is no exception.")
    made = _make(kind, args)
    if not isinstance(made, OSError):
        made.args = args
    for name, value in zip(attributes[::2], attributes[1::2], strict=True):
        if type(name) is not str or name.startswith("__"):
            raise ProtocolFault("An exception has an attribute without a proper name.")
        made.__dict__[name] = value
    if type(kind) is SurrogateMeta and type(text) is str:
        made.__dict__["_text"] = text
    for note in notes:
        made.add_note(note)
    if type(cause) is str and cause:
        made.__cause__ = None
        made.add_note(f"Caused by: {cause.strip()}")
    return with_frames(made, Frames.checked(frames))


def _make(kind: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    if kind.__module__ == "builtins":
        try:
            return kind(*args)
        except Exception:
            return kind.__new__(kind, *args)
    for arguments in (args, ()):
        try:
            return kind.__new__(kind, *arguments)
        except Exception:
            continue
    raise ProtocolFault(f"A {kind.__name__} can't be made.")
