"""The release check: the reference solution earns all, the empty notebook nothing, nothing shows, nothing wavers.

Owns the runs, all of them in the sandbox; `release_findings` judges them. The reference is the student version with the
author's answers in it, handed in three times; the empty notebook is the student version as it is. Stores nothing.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from grader.course_folder import plain_files
from grader.marking import mark_notebook
from grader.release_build import Built
from grader.release_evidence import Evidence, as_json, gather, with_evidence, write_references
from grader.release_findings import automatic, came_out, executed_cell, findings_of, seconds_of
from grader.release_hints import find_hints
from grader.release_leaks import find_leaks
from grader.release_report import CellReport, ReleaseReport
from grader.results import NotebookResult
from grader.sandbox.base import Limits, Sandbox
from grader.source import SourceNotebook
from grader.source_reading import read_any_notebook

RUNS = 3

#: told how many runs are done, of how many
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Checked:
    """A report, and by notebook the evidence that marking needs."""

    report: ReleaseReport
    evidence: dict[str, Evidence]


def check(
    built: Built,
    source: Path,
    sandbox: Sandbox,
    limits: Limits,
    *,
    on_progress: OnProgress = lambda done, of: None,
) -> Checked:
    """Check the student version `built` of the folder `source`."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="bitgoeul-check-") as folder:
        work = Path(folder)
        solutions = write_references(built, source, work)
        files = work / "files"
        gather(built.folder, source, files)
        seen = frozenset(path.relative_to(files).as_posix() for path in plain_files(files))
        known = with_evidence(built, source, work, files, sandbox, limits)
        evidence = as_json(known)
        runs = _run_all(built, known, work, files, sandbox, limits, on_progress)
        problems = find_leaks(built.folder, built.notebooks, solutions)
        cells: list[CellReport] = []
        for notebook in built.notebooks:
            reference, empty = runs[notebook.name][:RUNS], runs[notebook.name][RUNS]
            cells += _cells(notebook, reference, empty, evidence.get(notebook.name, {}))
            problems += findings_of(notebook, reference, empty, limits)
            problems += find_hints(notebook, read_any_notebook(work / "reference" / f"{notebook.name}.ipynb"), seen)
    names = tuple(notebook.name for notebook in built.notebooks)
    seconds = round(time.monotonic() - began, 2)
    report = ReleaseReport(built.assignment, names, tuple(cells), tuple(problems), RUNS, seconds)
    return Checked(report, evidence)


def _run_all(
    built: Built,
    known: Sequence[SourceNotebook],
    work: Path,
    files: Path,
    sandbox: Sandbox,
    limits: Limits,
    on_progress: OnProgress,
) -> dict[str, list[NotebookResult]]:
    """Every run of every notebook: RUNS of the reference, then one of the empty notebook.

    Each of the RUNS has interpreters of its own: in another one, texts have other hashes, and sets another order.
    """
    runs: dict[str, list[NotebookResult]] = {notebook.name: [] for notebook in built.notebooks}
    with ExitStack() as stack:
        boxes = [sandbox, *(stack.enter_context(closing(sandbox.afresh())) for _ in range(RUNS - 1))]
        places = [(work / "reference", box) for box in boxes] + [(built.folder, sandbox)]
        wanted = [(notebook, folder, box) for notebook in known for folder, box in places]
        on_progress(0, len(wanted))
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=max(1, min(4, os.cpu_count() or 1))))
        jobs = [
            (notebook, pool.submit(_mark, notebook, folder, box, limits, files)) for notebook, folder, box in wanted
        ]
        for done, (notebook, job) in enumerate(jobs, 1):
            runs[notebook.name].append(job.result())
            on_progress(done, len(wanted))
    return runs


def _mark(notebook: SourceNotebook, folder: Path, sandbox: Sandbox, limits: Limits, files: Path) -> NotebookResult:
    return mark_notebook(notebook, folder / f"{notebook.name}.ipynb", sandbox, limits, files, given=files)


def _cells(
    notebook: SourceNotebook, reference: Sequence[NotebookResult], empty: NotebookResult, evidence: Evidence
) -> Iterator[CellReport]:
    all_runs = [{test.name: test for test in run.tests} for run in reference]
    of_empty = {test.name: test for test in empty.tests}
    for cell, first in automatic(notebook, reference[0]):
        times = [seconds for run in reference if (seconds := seconds_of(executed_cell(run, cell.name))) is not None]
        strength = evidence.get(cell.name, {}).get("strength")
        yield CellReport(
            notebook=notebook.name,
            cell=cell.name,
            points=cell.max_score or 0.0,
            reference=first.points,
            reference_outcome=first.outcome.value,
            empty=of_empty[cell.name].points,
            empty_outcome=of_empty[cell.name].outcome.value,
            steady=len({came_out(run[cell.name]) for run in all_runs}) == 1,
            hidden=notebook.hidden[cell.name].regions if cell.name in notebook.hidden else 0,
            strength=strength if isinstance(strength, str) else None,
            seconds=round(max(times), 2) if times else None,
        )
