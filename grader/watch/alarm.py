"""An audit hook that tells at once when the student's code reaches for what it has no business with.

Owns the list of what that is: frames, the garbage collector, tracing, raw memory, code objects. An audit hook can't be
removed, and it tells before the call it is about returns, so whatever is found that way comes too late to hide it.
"""

from __future__ import annotations

import builtins
import re
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType, FunctionType
from typing import Any

from grader.watch.code import TRUSTED, is_library, is_students

globals()["__builtins__"] = dict(vars(builtins))

FRAMES = {"sys._getframe": "_getframe", "sys._current_frames": "_current_frames"}
FRAMES |= {"sys._current_exceptions": "_current_exceptions"}
OF_OTHERS = frozenset({"tb_frame", "gi_frame", "cr_frame", "ag_frame"})
OF_CODE = frozenset({"__code__", "gi_code", "cr_code", "ag_code"})
WRITTEN = frozenset({"__code__", "__defaults__", "__kwdefaults__"})
NEVER = frozenset(
    {"sys.settrace", "sys.setprofile", "sys.addaudithook", "code.__new__", "function.__new__", "marshal.loads"}
)
MODULES = frozenset({"_testcapi", "_testinternalcapi", "_xxsubinterpreters"})
REVEALING = ("/inspect.py", "/asyncio/base_tasks.py", "/traceback.py", "/gc.py", "/pdb.py", "/bdb.py")
MEMORY = re.compile(r"/proc/(self|thread-self|\d+)/(task/\d+/)?(mem|maps|smaps|pagemap|fd|environ|map_files)\b")

_getframe = sys._getframe
_ident = threading.get_ident
_file_of = CodeType.__dict__["co_filename"].__get__
_names_of = CodeType.__dict__["co_names"].__get__
_code_of = FrameType.__dict__["f_code"].__get__
_function_code = FunctionType.__dict__["__code__"].__get__
_back = FrameType.__dict__["f_back"].__get__
_name_of = CodeType.__dict__["co_name"].__get__
_search = MEMORY.match


def set_alarm(tell: Callable[[str], None]) -> None:
    """From now on `tell` hears, once each, the names of what the student's code reaches for."""
    busy: set[int] = set()
    told: set[str] = set()
    deciders = _deciders()

    def hook(event: str, args: tuple[Any, ...]) -> None:
        decide = deciders.get(event) or (_by_ctypes if event.startswith("ctypes.") else None)
        if decide is None:
            return
        thread = _ident()
        if thread in busy:
            return
        busy.add(thread)
        try:
            what = decide(event, args, _getframe(1))
            if what is not None and what not in told:
                told.add(what)
                tell(what)
        finally:
            busy.discard(thread)

    sys.addaudithook(hook)


Decide = Callable[[str, tuple[Any, ...], FrameType], str | None]


def _deciders() -> dict[str, Decide]:
    found: dict[str, Decide] = dict.fromkeys(FRAMES, _frame_taken)
    found |= dict.fromkeys(NEVER, _by_student)
    found |= dict.fromkeys(("gc.get_objects", "gc.get_referrers", "gc.get_referents"), _through_any)
    found |= {"object.__getattr__": _read, "object.__setattr__": _written, "compile": _pretended}
    found |= dict.fromkeys(("open", "os.listdir", "os.scandir"), _memory_opened)
    found["import"] = lambda event, args, frame: f"import {args[0]}" if args[0] in MODULES else None
    return found


def _students(frame: FrameType | None) -> bool:
    return frame is not None and is_students(_file_of(_code_of(frame)))


def _through(frame: FrameType | None, places: tuple[str, ...]) -> FrameType | None:
    """The nearest frame that is not of a module which merely hands on what it finds."""
    while frame is not None and _file_of(_code_of(frame)).endswith(places) and not _students(frame):
        frame = _back(frame)
    return frame


def _by_student(event: str, args: tuple[Any, ...], frame: FrameType) -> str | None:
    return event if _students(frame) else None


def _through_any(event: str, args: tuple[Any, ...], frame: FrameType) -> str | None:
    """Libraries ask the collector too (for a count, at an exit); not when they are handed the function."""
    code = _code_of(frame)
    return event if _students(frame) or event.partition(".")[2] not in _names_of(code) else None


def _frame_taken(event: str, args: tuple[Any, ...], frame: FrameType) -> str | None:
    """Many a library looks who calls it; what matters is who gets to hold the frame."""
    code = _code_of(frame)
    if _students(frame):
        return event
    if _file_of(code) not in TRUSTED and FRAMES[event] not in _names_of(code):
        return event
    return event if _students(_through(frame, REVEALING)) else None


def _read(event: str, args: tuple[Any, ...], frame: FrameType) -> str | None:
    name = args[1]
    if name in OF_CODE:
        return f"{event} {name}" if _students(frame) and not _own(args[0]) else None
    if name not in OF_OTHERS:
        return None
    if _students(frame):
        return f"{event} {name}"
    direct = _name_of(_code_of(frame)) in ("walk_tb", "walk_stack")
    if _file_of(_code_of(frame)).endswith("/traceback.py"):  # printing one's own error is nobody's secret
        return f"{event} {name}" if direct and _students(_back(frame)) else None
    return f"{event} {name}" if _students(_through(frame, REVEALING)) else None


def _own(value: object) -> bool:
    return type(value) is FunctionType and is_students(_file_of(_function_code(value)))


def _written(event: str, args: tuple[Any, ...], frame: FrameType) -> str | None:
    return f"{event} {args[1]}" if args[1] in WRITTEN and not _own(args[0]) and _students(frame) else None


def _pretended(event: str, args: tuple[Any, ...], frame: FrameType) -> str | None:
    """Code that is compiled under somebody else's file name would pass for theirs."""
    name = args[1]
    if type(name) is bytes:
        name = name.decode("utf-8", "replace")
    if type(name) is not str or (name not in TRUSTED and not is_library(name)):
        return None
    if _name_of(_code_of(frame)) == "source_to_code":
        frame = _back(frame)
    return "compile under another's name" if _students(frame) else None


def _memory_opened(event: str, args: tuple[Any, ...], frame: FrameType) -> str | None:
    path = args[0]
    if type(path) is bytes:
        path = path.decode("utf-8", "replace")
    return f"{event} {path}" if type(path) is str and _search(path) else None


def _by_ctypes(event: str, args: tuple[Any, ...], frame: FrameType) -> str | None:
    caller = frame
    while caller is not None and "/ctypes/" in _file_of(_code_of(caller)):
        caller = _back(caller)
    return "ctypes" if _students(caller) else None
