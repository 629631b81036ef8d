"""What the runs of a release check tell: where the reference fails, the empty notebook earns, and runs differ.

Owns the judging of runs, and its sentences; it runs nothing. Details are for staff: they may quote hidden tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from courses.model import Text
from grader.release_report import Level, Problem
from grader.results import NotebookResult, Outcome, TestResult
from grader.sandbox.base import Limits
from grader.source import SourceCell, SourceNotebook

SLOW_SHARE = 0.25  # of the time all cells have together, or half of the time for one cell
LONGEST_DETAIL = 6000
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
ADDRESS = re.compile(r"0x[0-9a-f]{6,}")


def findings_of(
    notebook: SourceNotebook, reference: Sequence[NotebookResult], empty: NotebookResult, limits: Limits
) -> Iterator[Problem]:
    """All that the runs of one notebook tell."""
    yield from _of_reference(notebook, reference)
    yield from _of_empty(notebook, empty)
    yield from _of_runs(notebook, reference)
    yield from _of_time(notebook, reference, limits)


def automatic(notebook: SourceNotebook, run: NotebookResult) -> Iterator[tuple[SourceCell, TestResult]]:
    """The test cells of a run: what no person scores."""
    told = {test.name: test for test in run.tests}
    for cell in notebook.graded:
        if not cell.is_manual:
            yield cell, told[cell.name]


def test_of(run: NotebookResult, name: str) -> TestResult:
    """How the cell called `name` came out in a run."""
    return next(test for test in run.tests if test.name == name)


def came_out(test: TestResult) -> tuple[float | None, bool]:
    """What must be the same in every run."""
    return test.points, test.outcome is Outcome.PASSED


def by_key(nb: Any) -> dict[str, Any]:
    """The cells of a notebook by their grade ids."""
    found = ((cell.metadata.get("nbgrader", {}).get("grade_id"), cell) for cell in nb.cells)
    return {key: cell for key, cell in found if isinstance(key, str)}


def _of_reference(notebook: SourceNotebook, runs: Sequence[NotebookResult]) -> Iterator[Problem]:
    """Tests that the reference solution passes in no run; those it passes in some only are `_of_runs`' business."""
    failed = False
    for cell, test in automatic(notebook, runs[0]):
        if any(came_out(test_of(run, cell.name))[1] for run in runs):
            continue
        failed = True
        executed = executed_cell(runs[0], cell.name)
        if executed is not None and _wrote_to_stderr(executed):
            ko = "테스트 셀이 stderr에 출력해 nbgrader가 0점을 줍니다. 경고를 끄거나 그림을 닫으세요."
            en = "The test cell writes to stderr, for which nbgrader gives no points. Silence it where it comes from."
        else:
            ko = "모범 답안이 만점을 받지 못합니다"
            ko += f"({test.points or 0:g}/{test.max_points:g}점). 답안이나 테스트를 고치세요."
            en = f"The reference solution does not earn full marks ({test.points or 0:g} of {test.max_points:g}). "
            en += "Mend the solution or the test."
        detail = _detail(executed) or (test.message.en if test.message else "")
        yield Problem("reference-fails", Level.REFUSED, notebook.name, cell.name, Text(ko=ko, en=en), detail)
    stopped = next((run for run in runs if run.problem is not None), None)
    if stopped is not None and stopped.problem is not None:
        text = Text(ko=f"모범 답안 실행: {stopped.problem.ko}", en=f"The reference solution: {stopped.problem.en}")
        yield Problem("reference-stopped", Level.REFUSED, notebook.name, None, text, stopped.log[-LONGEST_DETAIL:])
    if not notebook.graded:
        text = Text(
            ko="채점할 셀이 없습니다. 의도한 것인지 확인하세요.", en="It has no graded cells. Make sure you mean it so."
        )
        yield Problem("nothing-graded", Level.NOTE, notebook.name, None, text)
    yield from _other_errors(notebook, runs[0], failed)


def _other_errors(notebook: SourceNotebook, run: NotebookResult, failed: bool) -> Iterator[Problem]:
    """Cells that are no tests, and end in an error all the same."""
    for number, cell in enumerate(run.executed.cells if run.executed else [], 1):
        key = cell.metadata.get("nbgrader", {}).get("grade_id")
        known = notebook.cells.get(key)
        error = next((o for o in cell.get("outputs", []) if o.output_type == "error"), None)
        if error is None or (known is not None and known.grade):
            continue
        ko = f"모범 답안에서 이 셀이 오류로 끝납니다({error.ename})."
        en = f"With the reference solution this cell ends in an error ({error.ename})."
        if failed:
            ko, en = f"{ko} 테스트가 통과하지 못한 까닭일 수 있습니다.", f"{en} It may be why a test does not pass."
        where = key or f"#{number}"
        yield Problem("reference-error", Level.NOTE, notebook.name, where, Text(ko=ko, en=en), _detail(cell))


def _of_empty(notebook: SourceNotebook, run: NotebookResult) -> Iterator[Problem]:
    for cell, test in automatic(notebook, run):
        if test.points:
            yield Problem(
                "free-points",
                Level.REFUSED,
                notebook.name,
                cell.name,
                Text(
                    ko=f"아무것도 쓰지 않은 노트북이 이 셀에서 {test.points:g}점을 받습니다. 교육생이 쓴 것을 확인하게 "
                    "하거나 배점을 0으로 하세요.",
                    en=f"The empty notebook earns {test.points:g} of {test.max_points:g} points here. Make the test "
                    "look at what students write, or give it no points.",
                ),
            )


def _of_runs(notebook: SourceNotebook, runs: Sequence[NotebookResult]) -> Iterator[Problem]:
    for cell, _ in automatic(notebook, runs[0]):
        tests = [test_of(run, cell.name) for run in runs]
        if len({came_out(test) for test in tests}) > 1:
            points = ", ".join(f"{test.points or 0:g}" for test in tests)
            fix = Text(
                ko="난수의 시드를 고정하고 시각, 네트워크, 집합의 순서에 기대지 마세요.",
                en="Seed every generator; use no clock, no network, no order of a set.",
            )
            yield Problem(
                "not-deterministic",
                Level.UNSTEADY,
                notebook.name,
                cell.name,
                Text(
                    ko=f"모범 답안을 {len(runs)}번 채점할 때마다 결과가 다릅니다(점수 {points}). {fix.ko}",
                    en=f"Marked {len(runs)} times, the reference solution comes out differently (points {points}). "
                    f"{fix.en}",
                ),
                next((detail for run in runs if (detail := _detail(executed_cell(run, cell.name)))), ""),
            )
    for name in _different_outputs(runs):
        text = Text(
            ko="실행할 때마다 출력이 다릅니다. 점수에는 영향이 없습니다.",
            en="Its output differs from run to run. No points depend on it.",
        )
        yield Problem("outputs-differ", Level.NOTE, notebook.name, name, text)


def _different_outputs(runs: Sequence[NotebookResult]) -> Iterator[str]:
    notebooks = [run.executed.cells for run in runs if run.executed is not None]
    for number, cells in enumerate(zip(*notebooks, strict=True), 1):
        if len({_outputs_text(cell) for cell in cells}) > 1:
            yield cells[0].metadata.get("nbgrader", {}).get("grade_id") or f"#{number}"


def _outputs_text(cell: Any) -> str:
    """A code cell's outputs without addresses in memory and tracebacks' numbers of runs."""
    kept = [{key: value for key, value in output.items() if key != "traceback"} for output in cell.get("outputs", [])]
    return ADDRESS.sub("0x", repr(kept))


def _of_time(notebook: SourceNotebook, runs: Sequence[NotebookResult], limits: Limits) -> Iterator[Problem]:
    executed = runs[0].executed
    for number, cell in enumerate(executed.cells if executed is not None else [], 1):
        key = cell.metadata.get("nbgrader", {}).get("grade_id") or f"#{number}"
        seconds = seconds_of(cell)
        if seconds is None:
            continue
        share = max(seconds / limits.wall, seconds / limits.cell / 2 if limits.cell else 0.0)
        if share > SLOW_SHARE:
            yield Problem(
                "slow",
                Level.NOTE,
                notebook.name,
                key,
                Text(
                    ko=f"이 셀은 {seconds:.1f}초 걸립니다(한 셀 {limits.cell or limits.wall:.0f}초, 모두 "
                    f"{limits.wall:.0f}초까지). 느린 컴퓨터에서는 끝나지 않을 수 있습니다.",
                    en=f"This cell takes {seconds:.1f} s (a cell may take {limits.cell or limits.wall:.0f} s, all "
                    f"together {limits.wall:.0f} s). On a slower machine it may not finish.",
                ),
            )


def executed_cell(run: NotebookResult, key: str) -> Any | None:
    """The cell called `key` with its outputs."""
    return by_key(run.executed).get(key) if run.executed is not None else None


def seconds_of(cell: Any | None) -> float | None:
    """How long a cell ran, None where that was not recorded."""
    timing = cell.metadata.get("execution", {}) if cell is not None else {}
    try:
        start, end = timing["iopub.execute_input"], timing["shell.execute_reply"]
        return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None


def _wrote_to_stderr(cell: Any) -> bool:
    error = any(o.output_type == "error" for o in cell.outputs)
    return not error and any(o.output_type == "stream" and o.name == "stderr" for o in cell.outputs)


def _detail(cell: Any | None) -> str:
    """What a cell said of its failure, for staff."""
    said: list[str] = []
    for output in cell.get("outputs", []) if cell is not None else []:
        if output.output_type == "error":
            said.append("\n".join(output.traceback) or f"{output.ename}: {output.evalue}")
        elif output.output_type == "stream" and output.name == "stderr":
            said.append(output.text)
    return ANSI.sub("", "\n".join(said)).strip()[-LONGEST_DETAIL:]
