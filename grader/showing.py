"""The notebook as its student may see it: outputs from a run that never held a hidden test.

Owns the merging. Where a hidden test was run, whatever the student's code printed or raised afterwards could carry what
it saw; so those outputs come from the run without hidden tests, and of the other only the verdict is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grader import exposure
from grader.probes import failed
from grader.results import Outcome, TestResult
from grader.running import Ran
from grader.sanitize import released_source
from grader.source import SourceNotebook


def build_shown(nb: Any, source: SourceNotebook, ran: Ran, tests: Mapping[str, TestResult]) -> Any:
    """A copy of the executed notebook `nb` for its student; `tests` are its test results by grade id."""
    released = {key: released_source(cell) for key, cell in source.cells.items()}
    shown = exposure.show(nb, source.hidden, released)
    if ran.shown is None:
        return shown
    for index, cell in enumerate(shown.cells):
        if cell.cell_type != "code" or exposure.not_run(nb.cells[index]):
            continue
        key = cell.metadata.get("nbgrader", {}).get("grade_id")
        test = tests.get(key)
        run = ran.shown.get(index)
        outputs = list(run.outputs) if run is not None else []
        if test is not None and test.outcome in (Outcome.FAILED, Outcome.PARTIAL) and test.message is not None:
            if not failed(outputs):
                outputs = [*outputs, exposure.failed_output(test.message)]
        elif test is not None and failed(outputs):
            outputs = []  # it passed where it counts
        cell["outputs"] = [_node(cell, output) for output in outputs]
        cell["execution_count"] = run.execution_count if run is not None else None
    return shown


def _node(cell: Any, output: Mapping[str, Any]) -> Any:
    from nbformat import from_dict

    return from_dict(dict(output))
