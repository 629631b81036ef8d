"""Where an exception came from, on the other side: frames as data, and as a traceback that this side can show.

A traceback needs frames, and a frame needs code that ran: one line of our own, `raise`, at the place's name and line.
What a cell's source says there is put where `linecache` finds it, as text, and never run.
"""

from __future__ import annotations

import linecache
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.judge.faults import LinkFault, ProtocolFault

MOST = 40
SOURCE = 200_000
OURS = str(Path(__file__).parent)


@dataclass(frozen=True)
class Frame:
    """One place: file, function, line, and the number of the cell it is in, if it is in one."""

    filename: str
    name: str
    line: int
    cell: int | None


@dataclass(frozen=True)
class Frames:
    """Places from the outermost to the innermost, and the sources of the cells among them."""

    frames: tuple[Frame, ...]
    sources: tuple[tuple[str, str], ...]

    @staticmethod
    def checked(parts: Any) -> Frames:
        """From parts that came over the link."""
        try:
            frames = tuple(Frame(*frame) for frame in parts[0])
            sources = tuple((str(name), str(text)) for name, text in parts[1])
        except (TypeError, ValueError, IndexError):
            raise ProtocolFault("An exception came without a proper traceback.") from None
        for frame in frames:
            if not (type(frame.filename) is str and type(frame.name) is str and type(frame.line) is int):
                raise ProtocolFault("An exception came without a proper traceback.")
        return Frames(frames[-MOST:], sources)


def _cell_number(filename: str) -> int | None:
    """The number that IPython knows a cell's file by."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    number = getattr(getattr(shell, "compile", None), "_filename_map", {}).get(filename)
    return number if type(number) is int else None


def frames_of(error: BaseException) -> tuple[Any, ...]:
    """The parts of an exception's traceback, without our own frames."""
    frames: list[tuple[str, str, int, int | None]] = []
    sources: dict[str, str] = {}
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith(OURS):
            cell = _cell_number(code.co_filename)
            frames.append((code.co_filename, code.co_name, trace.tb_lineno or 0, cell))
            if cell is not None and code.co_filename not in sources:
                sources[code.co_filename] = "".join(linecache.getlines(code.co_filename))[:SOURCE]
        trace = trace.tb_next
    return (tuple(frames[-MOST:]), tuple(sources.items()))


def with_frames(error: BaseException, frames: Frames) -> BaseException:
    """`error` with a traceback of these places. Where that can't be made it stays without."""
    sources = dict(frames.sources)
    names: dict[str, str] = {}
    trace: types.TracebackType | None = None
    for frame in reversed(frames.frames):
        if frame.filename not in names:
            names[frame.filename] = _register(frame, sources.get(frame.filename))
        made = _frame_at(names[frame.filename], frame)
        if made is None:
            return error
        trace = types.TracebackType(trace, made, 0, max(frame.line, 1))
    return error.with_traceback(trace)


def _register(frame: Frame, source: str | None) -> str:
    """The name under which this side finds a file's lines."""
    if source is None:
        return frame.filename
    filename = f"<work side: {frame.filename}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    known = getattr(getattr(shell, "compile", None), "_filename_map", None)
    if isinstance(known, dict) and type(frame.cell) is int:
        known[filename] = frame.cell
    return filename


def _frame_at(filename: str, frame: Frame) -> types.FrameType | None:
    name = frame.name if len(frame.name) < 200 else frame.name[:200]
    if not 0 < frame.line < 1_000_000:
        return None
    code = compile("raise StopIteration", filename, "exec").replace(
        co_name=name, co_qualname=name, co_firstlineno=frame.line
    )
    try:
        exec(code, {"__name__": "__main__"})
    except StopIteration as raised:
        trace = raised.__traceback__
        return trace.tb_next.tb_frame if trace is not None and trace.tb_next is not None else None
    return None


def without_ours(error: BaseException) -> types.TracebackType | None:
    """The traceback of `error` without the frames of this package: as it would be in one interpreter."""
    kept = []
    trace = error.__traceback__
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(OURS):
            kept.append(trace)
        trace = trace.tb_next
    made: types.TracebackType | None = None
    for part in reversed(kept):
        made = types.TracebackType(made, part.tb_frame, part.tb_lasti, part.tb_lineno)
    return made


def hide_our_frames() -> None:
    """Show tracebacks as one interpreter would: without the frames of the link."""
    module = sys.modules.get("IPython")
    shell: Any = module.get_ipython() if module is not None else None
    original = getattr(shell, "_get_exc_info", None)
    if original is None:
        return

    def get_exc_info(exc_tuple: Any = None) -> Any:
        kind, error, trace = original(exc_tuple)
        students = isinstance(error, BaseException) and not isinstance(error, LinkFault)
        if students and error.__traceback__ is trace:
            error.__traceback__ = trace = without_ours(error) or trace
        return kind, error, trace

    shell._get_exc_info = get_exc_info
