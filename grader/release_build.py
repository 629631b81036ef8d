"""The student version of an assignment, made by nbgrader where the course's own code can reach nothing.

Owns what goes into that sandbox and what may come out. In go a copy of the assignment's source and the few files of the
course folder that nbgrader reads (its configuration, headers); no gradebook, no submission, no secret. Out come files
and the cells nbgrader would save, all of it checked here. Refuses a source that nbgrader refuses, in nbgrader's words.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import shutil
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cohorts.errors import Invalid, TooLarge
from grader.course_folder import plain_files
from grader.exchange.archive_rules import LIMITS, ArchiveError, check_amount, check_name, check_place
from grader.sandbox.base import MIB, Limits, Sandbox, SandboxJob, SandboxResult
from grader.source import SourceCell, SourceNotebook, build_notebook
from grader.source_reading import read_any_notebook

INSIDE = Path(__file__).with_name("release_inside.py")
BUILD_SECONDS = 300.0
PIECE = 3 * MIB  # of what one cell may print (4 MiB)
MOST_PIECES = 8
MOST_UNPACKED = 256 * MIB
COURSE_FILES = (".py", ".ipynb", ".yml", ".yaml")  # nbgrader's configuration, header, footer and test templates
LONGEST_NAME = 128  # of nbgrader's own tables
CELL_TYPES = ("code", "markdown")
LOG_ENTRY = re.compile(r"^\[\w+ \| (?=[A-Z]+\])", re.MULTILINE)
CLOSING_REMARKS = ("There was an error processing", "Please see the")


@dataclass(frozen=True)
class Built:
    """A student version: the folder with its files, and what nbgrader would save of its cells."""

    assignment: str
    folder: Path
    notebooks: tuple[SourceNotebook, ...]


def build_student_version(
    course_dir: Path, source: Path, offering_id: str, assignment: str, sandbox: Sandbox, target: Path
) -> Built:
    """Make the student version of the folder `source` in the empty folder `target`; nothing else is written."""
    with tempfile.TemporaryDirectory(prefix="bitgoeul-build-") as folder:
        work = Path(folder)
        work.chmod(0o755)
        _stage(course_dir, source, assignment, work)
        limits = Limits(wall=BUILD_SECONDS, cell=None, scratch=1024 * MIB, output=MOST_PIECES * 4 * MIB)
        job = SandboxJob(_notebook(assignment, offering_id, source), work, limits)
        answer = _read_answer(sandbox.run(job), assignment)
    if answer.get("code") != 0:
        raise _refused(assignment, str(answer.get("log", "")))
    try:
        _write_files(answer["files"], source, target)
        notebooks = tuple(
            _read_notebook(name, answer["notebooks"][name], target) for name in sorted(answer["notebooks"])
        )
    except ArchiveError as problem:
        raise Invalid(problem.message, problem.korean) from problem
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as problem:
        raise _malformed(assignment, f"{type(problem).__name__}: {problem}"[:200]) from problem
    return Built(assignment, target, notebooks)


def _stage(course_dir: Path, source: Path, assignment: str, work: Path) -> None:
    """Copy what nbgrader may read: this assignment, and the course's configuration and headers."""
    for folder, inner in ((course_dir, work), (course_dir / "source", work / "source")):
        inner.mkdir(exist_ok=True)
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            plain = path.is_file() and not path.is_symlink() and not path.name.startswith(".")
            if plain and path.suffix in COURSE_FILES and path.stat().st_size <= 4 * MIB:
                shutil.copyfile(path, inner / path.name)
    for path in plain_files(source):
        copy = work / "source" / assignment / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def _notebook(assignment: str, offering_id: str, source: Path) -> dict[str, Any]:
    """One cell that builds, and cells that print the answer piece by piece."""
    known = {
        path.relative_to(source).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in plain_files(source)
    }
    call = f"_pieces = build({assignment!r}, {offering_id!r}, {known!r}, {PIECE})\nprint(len(_pieces))"
    sources = [INSIDE.read_text(encoding="utf-8") + "\n\n" + call]
    sources += [f"print(_pieces[{i}] if {i} < len(_pieces) else '', end='')" for i in range(MOST_PIECES)]
    empty: dict[str, Any] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [empty | {"source": source} for source in sources]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _read_answer(run: SandboxResult, assignment: str) -> dict[str, Any]:
    if run.reason is not None:
        raise Invalid(
            f"nbgrader did not finish '{assignment}': {run.reason.en} Look for a cell or a setting that hangs.",
            f"nbgrader가 '{assignment}'을(를) 끝내지 못했습니다: {run.reason.ko} 멈추는 셀이나 설정을 찾아보세요.",
        )
    printed = [_printed(run, index) for index in range(MOST_PIECES + 1)]
    try:
        if int(printed[0]) > MOST_PIECES:
            raise TooLarge(
                f"The notebooks of '{assignment}' are larger than {MOST_PIECES * PIECE * 3 // 4 // MIB} MiB packed. "
                "Take pictures and outputs out of them.",
                f"'{assignment}'의 노트북이 압축해도 {MOST_PIECES * PIECE * 3 // 4 // MIB} MiB를 넘습니다. 노트북에서 "
                "그림과 출력을 덜어 내세요.",
            )
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b64decode("".join(printed[1:]), validate=True), MOST_UNPACKED)
        answer = json.loads(data)
    except (ValueError, zlib.error, RecursionError) as problem:
        error = next((o for o in run.cells[0].outputs if o["output_type"] == "error"), None) if run.cells else None
        why = f"{error['ename']}: {error['evalue']}" if error else str(problem)
        raise _malformed(assignment, why[:200]) from problem
    if not isinstance(answer, dict):
        raise _malformed(assignment, "no object")
    return answer


def _printed(run: SandboxResult, index: int) -> str:
    cell = run.cells.get(index)
    outputs = cell.outputs if cell else []
    return "".join(o["text"] for o in outputs if o["output_type"] == "stream" and o["name"] == "stdout")


def _write_files(files: Mapping[str, Any], source: Path, target: Path) -> None:
    """Write the student version; a file that is as in the source is taken from there."""
    seen: dict[str, bool] = {}
    total = 0
    for count, (name, told) in enumerate(sorted(files.items()), 1):
        check_name(name, LIMITS)
        check_place(name, False, seen)
        original = source / name
        if told["data"] is not None:
            data = base64.b64decode(told["data"], validate=True)
        elif original.is_symlink() or not original.resolve().is_relative_to(source.resolve()):
            raise ValueError(f"{name} is a link")
        else:
            data = original.read_bytes()
        if hashlib.sha256(data).hexdigest() != told["sha256"]:
            raise ValueError(f"{name} changed meanwhile")
        total += len(data)
        check_amount(name, count, len(data), total, LIMITS)
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _read_notebook(name: str, told: Mapping[str, Any], target: Path) -> SourceNotebook:
    """The cells of one notebook as values, in the order of the student's notebook."""
    if not (target / f"{name}.ipynb").is_file():
        raise ValueError(f"{name}.ipynb is not among the files")
    kernelspec = json.loads(told["kernelspec"] or "{}")
    if not isinstance(kernelspec, dict) or len(str(told["kernelspec"])) > 1024:
        raise ValueError("kernelspec")
    grade, task, solution = _scores(told["grade"]), _scores(told["task"]), set(told["solution"])
    cells: dict[str, SourceCell] = {}
    for key, cell_type, locked, text, checksum in told["source"]:
        texts = isinstance(text, str) and isinstance(checksum, (str, type(None))) and isinstance(key, str)
        if not texts or cell_type not in CELL_TYPES or not 0 < len(key) <= LONGEST_NAME or key in cells:
            raise ValueError(f"cell {str(key)[:60]!r}")
        points = grade.get(key, task.get(key))
        flags = {"locked": bool(locked), "grade": key in grade, "solution": key in solution, "task": key in task}
        cells[key] = SourceCell(key, cell_type, text, checksum, max_score=points, **flags)
    if not cells.keys() >= {*grade, *task, *solution}:
        raise ValueError("a graded cell without its source")
    order = _order(read_any_notebook(target / f"{name}.ipynb"))
    placed = [cells[key] for key in order if key in cells]
    return build_notebook(name, kernelspec, [*placed, *(cell for key, cell in cells.items() if key not in order)])


def _scores(told: Mapping[str, Any]) -> dict[str, float]:
    scores = {str(name): float(points) for name, points in told.items()}
    if any(not math.isfinite(points) or points < 0 for points in scores.values()):
        raise ValueError("points must be numbers from 0 up")
    return scores


def _order(nb: Any) -> list[str]:
    keys = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in nb.cells]
    return [key for key in keys if isinstance(key, str)]


def _refused(assignment: str, log: str) -> Invalid:
    reason = _reason(log)
    return Invalid(
        f"nbgrader could not make the student version of '{assignment}': {reason} Mend the source and release again.",
        f"nbgrader가 '{assignment}'의 학생용 파일을 만들지 못했습니다: {reason} 원본을 고치고 다시 배포하세요.",
    )


def _malformed(assignment: str, why: str) -> Invalid:
    return Invalid(
        f"The student version of '{assignment}' is not what nbgrader makes ({why}). Look at the course's "
        "nbgrader_config.py.",
        f"'{assignment}'의 학생용 파일이 nbgrader가 만드는 것과 다릅니다({why}). 과목의 nbgrader_config.py를 "
        "확인하세요.",
    )


def _reason(log: str) -> str:
    """What nbgrader's log gives as the reason: its errors, of each traceback the last line, without closing remarks."""
    told: list[str] = []
    notebook = ""
    for entry in LOG_ENTRY.split(log)[1:]:
        level, _, text = entry.partition("] ")
        if level == "INFO" and text.startswith("Converting notebook "):
            notebook = Path(text.strip()).name + ": "
        if level not in ("ERROR", "CRITICAL") or text.startswith(CLOSING_REMARKS):
            continue
        message = _message(text)
        if message and message.rstrip(".").lower() not in " ".join(told).lower():
            told.append(message if message.endswith((".", "!", "?")) else message + ".")
    if not told:
        told = [line.strip() for line in log.splitlines() if line.strip()][-1:] or ["it gave no reason."]
    return notebook + " ".join(told)


def _message(text: str) -> str:
    lines: Sequence[str] = [line.strip() for line in text.splitlines() if line.strip()]
    if "Traceback (most recent call last):" in lines:
        lines = [re.sub(r"^[\w.]+: ", "", lines[-1])]
    return " ".join(lines)[:300]
