"""What a student may see of a marked notebook: everything but the hidden tests.

Owns the reduction of sources and outputs. A cell with hidden tests shows its visible lines, and of its outcome only
where it failed: a visible line's error, or that a hidden check failed with the message written out in its source. From
all other outputs, lines that carry a hidden line are taken out.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from courses.model import Text
from grader.hidden import Hidden
from grader.sandbox.base import Ending

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
TAG = re.compile(r"<[^>]*>")
FRAME = re.compile(r"Cell In\s*\[(\d+)\], line (\d+)")
REMOVED = Text(ko="[숨은 검사 부분이라 지움]", en="[removed: part of a hidden check]")
HIDDEN_FAILED = Text(ko="숨은 검사를 통과하지 못했습니다", en="a hidden check failed")
MARKUP = ("text/", "application/", "image/svg")
CHECK_FAILED = Text(ko="검사를 통과하지 못했습니다", en="the check failed")
TOO_SLOW = Text(ko="셀의 제한 시간 안에 끝나지 않았습니다", en="it did not finish within the time for a cell")
LONGEST = 400
NOT_RUN = "NotRun"
TIMEOUT_ERROR = "CellTimeoutError"


def show(nb: Any, hidden: Mapping[str, Hidden], released: Mapping[str, str]) -> Any:
    """A copy of `nb` that may be shown to its student.

    `hidden` maps grade ids to their hidden regions, `released` to the sources that students got.
    """
    import nbformat

    shown = nbformat.from_dict(nb)  # a copy all the way down, in half the time of deepcopy
    telling = telling_lines(hidden.values(), released.values())
    for cell in shown.cells:
        key = cell.metadata.get("nbgrader", {}).get("grade_id")
        regions = hidden.get(key)
        if regions:
            if cell.cell_type == "code":
                cell["outputs"] = _reduced_outputs(cell, regions, telling)
            cell["source"] = regions.shown()
        elif key in released and cell.metadata["nbgrader"].get("task"):
            cell["source"] = released[key]  # without the mark scheme
        elif cell.cell_type == "code":
            cell["outputs"] = [_without(output, telling) for output in cell.outputs]
    return shown


def telling_lines(hidden: Iterable[Hidden], released: Iterable[str]) -> frozenset[str]:
    """Hidden lines, squashed, that no student was given anyway."""
    return _telling(tuple(hidden), tuple(released))


@lru_cache(maxsize=256)
def _telling(hidden: tuple[Hidden, ...], released: tuple[str, ...]) -> frozenset[str]:
    given = {_squash(line) for source in released for line in source.split("\n")}
    return frozenset(_squash(line) for regions in hidden for line in regions.lines) - given


def failure(cell: Any, hidden: Hidden | None, telling: frozenset[str]) -> Text | None:
    """Why the test cell `cell` did not pass, safe to show; None where no output tells of a failure."""
    if _timed_out(cell):
        return TOO_SLOW
    for output in cell.outputs:
        if output.output_type == "error":
            return _error_text(cell, output, hidden, telling)
        if output.output_type == "stream" and output.name == "stderr":
            text = Text(ko="오류 스트림(stderr)에 출력이 있습니다", en="something was written to stderr")
            if hidden:
                return text
            first = _redact_lines(_plain(output.text).strip(), telling).split("\n")[0][:LONGEST]
            return Text(ko=f"{text.ko}: {first}", en=f"{text.en}: {first}")
    return None


def _error_text(cell: Any, output: Any, hidden: Hidden | None, telling: frozenset[str]) -> Text:
    if _was_not_run(cell, output):
        return Text(ko=output.traceback[0], en=output.evalue)
    if hidden:
        line = _failing_line(cell, output)
        if line is None or line in hidden.numbers or line not in hidden.visible:
            message = hidden.literal_message(line) if line is not None else None
            if not message:
                return HIDDEN_FAILED
            return Text(ko=f"{HIDDEN_FAILED.ko}: {message}", en=f"{HIDDEN_FAILED.en}: {message}")
    words = f"{output.ename}: {output.evalue}" if output.evalue else output.ename
    words = _redact_lines(_plain(words), telling)[:LONGEST]
    return Text(ko=words, en=words)


def hidden_failure(cell: Any, hidden: Hidden | None) -> Text:
    """That a check failed, with no word of the student's code: only a message written out in the hidden test."""
    if hidden is None:
        return CHECK_FAILED
    line = _failing_line(cell, None)
    if line is None or line in hidden.numbers:
        message = hidden.literal_message(line) if line is not None else None
        if message:
            return Text(ko=f"{HIDDEN_FAILED.ko}: {message}", en=f"{HIDDEN_FAILED.en}: {message}")
        return HIDDEN_FAILED
    return CHECK_FAILED


def not_run(cell: Any) -> bool:
    """Whether the cell's output is our own note that it was never run, or ran out of time."""
    return _timed_out(cell) or any(o.output_type == "error" and _was_not_run(cell, o) for o in cell.outputs)


def failed_output(text: Text) -> dict[str, Any]:
    """What stands under a test whose own words must not be shown."""
    both = text.ko if text.ko == text.en else f"{text.ko} · {text.en}"
    return {"output_type": "error", "ename": "Check", "evalue": both, "traceback": [both]}


def _timed_out(cell: Any) -> bool:
    """nbclient reports the interrupt first and its own error after it."""
    return any(o.output_type == "error" and o.ename == TIMEOUT_ERROR for o in cell.outputs)


def _was_not_run(cell: Any, output: Any) -> bool:
    """Whether the output is our own note; a cell that ran has a number, whatever it raised."""
    return bool(output.ename == NOT_RUN and cell.execution_count is None)


def _failing_line(cell: Any, output: Any | None) -> int | None:
    """The line of the test cell where it stopped, as the first frame of that cell in the traceback tells."""
    outputs = [output] if output is not None else [o for o in cell.outputs if o.output_type == "error"]
    for entry in (entry for o in outputs for entry in o.traceback):
        for number, line in FRAME.findall(_plain(entry)):
            if int(number) == cell.execution_count:
                return int(line)
    return None


def _reduced_outputs(cell: Any, hidden: Hidden, telling: frozenset[str]) -> list[Any]:
    for output in cell.outputs:
        if output.output_type != "error":
            continue
        reduced = copy.deepcopy(output)
        if _was_not_run(cell, output):
            return [reduced]
        too_slow = _timed_out(cell)
        text = TOO_SLOW if too_slow else _error_text(cell, output, hidden, telling)
        line = _failing_line(cell, output)
        if too_slow or line is None or line not in hidden.visible:
            return [type(reduced)(failed_output(text))]
        reduced["evalue"] = _redact_lines(_plain(output.evalue), telling)
        reduced["traceback"] = [_safe_entry(entry, cell, hidden, telling) for entry in output.traceback]
        return [reduced]
    return []


def _safe_entry(entry: str, cell: Any, hidden: Hidden, telling: frozenset[str]) -> str:
    """One frame of a traceback; the test cell's own frame is written anew from its visible lines."""
    plain = _plain(entry)
    found = FRAME.search(plain)
    if found is None or int(found.group(1)) != cell.execution_count:
        return _redact_lines(entry, telling)
    failing = int(found.group(2))
    rows = [plain.split("\n", 1)[0]]
    for number in range(failing - 2, failing + 3):
        if number in hidden.visible:
            arrow = "---->" if number == failing else "     "
            rows.append(f"{arrow} {number:>3} {hidden.visible[number]}")
    return "\n".join(rows) + "\n"


def _without(output: Any, telling: frozenset[str]) -> Any:
    """The output with every line taken out that carries a hidden one."""
    if not telling:
        return output
    if output.output_type == "stream":
        output["text"] = _redact_lines(output.text, telling)
    elif output.output_type == "error":
        output["ename"] = _redact_lines(output.ename, telling)
        output["evalue"] = _redact_lines(output.evalue, telling)
        output["traceback"] = [_redact_lines(entry, telling) for entry in output.traceback]
    else:
        for kind, value in list(output.data.items()):
            if not isinstance(value, str):
                if _tells(str(value), telling):
                    del output.data[kind]
            elif kind == "text/plain":
                output.data[kind] = _redact_lines(value, telling)
            elif kind.startswith(MARKUP) and (_tells(TAG.sub("", value), telling) or _tells(value, telling)):
                output.data[kind] = f"{REMOVED.ko} {REMOVED.en}"
    return output


def _redact_lines(text: str, telling: frozenset[str]) -> str:
    if not telling or not _tells(text, telling):
        return text
    rows = [f"{REMOVED.ko} {REMOVED.en}" if _tells(row, telling) else row for row in text.split("\n")]
    return "\n".join(rows)


def _tells(text: str, telling: frozenset[str]) -> bool:
    squashed = _squash(_plain(text)).replace("\\n", "").replace("\\'", "'").replace('\\"', '"')
    return any(line in squashed for line in telling)


def _plain(text: str) -> str:
    return ANSI.sub("", text)


def _squash(text: str) -> str:
    return "".join(text.split())


def not_run_output(ending: Ending, reason: Text) -> dict[str, Any]:
    """What stands under a cell that was never run."""
    return {
        "output_type": "error",
        "ename": NOT_RUN,
        "evalue": reason.en,
        "traceback": [reason.ko, f"{NOT_RUN} ({ending.value}): {reason.en}"],
    }
