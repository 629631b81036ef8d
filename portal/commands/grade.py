"""`bitgoeul grade`: mark one notebook on its own."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from grader.results import MarkingResult

SIGNS = {"passed": "✓", "partial": "◐", "failed": "✗", "manual": "…", "unanswered": "–", "missing": "✗", "not-run": "✗"}


@click.command()
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    required=True,
    help="The instructor's notebook, with tests and solutions.",
)
@click.option("--submission", type=click.Path(path_type=Path), required=True, help="The student's notebook.")
@click.option(
    "--files", type=click.Path(path_type=Path), help="Folder with data the notebook reads [default: beside the source]."
)
@click.option(
    "--time-limit",
    type=click.FloatRange(min=1),
    default=120.0,
    show_default=True,
    help="Seconds for all cells together.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@click.option("--unsafe", is_flag=True, help="Run without isolation where this machine offers none.")
def grade(source: Path, submission: Path, files: Path | None, time_limit: float, as_json: bool, unsafe: bool) -> None:
    """Mark one notebook on its own, in the sandbox, with nbgrader's rules.

    \b
    Example:
      bitgoeul grade --source source/ps1/problem1.ipynb --submission problem1.ipynb --json

    Nothing is stored. The exit status is 0 when the notebook was marked, whatever its score, and 2 when it could not
    be, with one sentence on stderr.
    """
    import logging

    from grader.slow_imports import leave_out_slow_imports

    leave_out_slow_imports()
    from cohorts.errors import CampusError
    from grader.one_notebook import mark_one, summary_of
    from grader.sandbox.base import Limits, SandboxUnavailable
    from grader.sandbox.detect import best_sandbox

    logging.getLogger("traitlets").setLevel(logging.ERROR)
    try:
        sandbox = best_sandbox(insist=not unsafe)
        limits = Limits.within(time_limit)
        with closing(sandbox):
            result = mark_one(source, submission, sandbox, limits, files)
    except CampusError as error:
        click.echo(f"{error.korean} {error.message}", err=True)
        sys.exit(2)
    except SandboxUnavailable as error:
        click.echo(f"{error.korean} {error.message} --unsafe", err=True)
        sys.exit(2)
    if as_json:
        click.echo(json.dumps(summary_of(result), ensure_ascii=False, indent=2))
    else:
        print_table(result)


def print_table(result: MarkingResult) -> None:
    """The result for people."""
    width = max((len(test.name) for test in result.tests), default=0)
    for test in result.tests:
        points = "?" if test.points is None else f"{test.points:g}"
        line = (
            f"{SIGNS[test.outcome.value]} {test.name:<{width}}  {points:>5} / {test.max_points:g}  {test.outcome.value}"
        )
        if test.message:
            line += f"  {test.message.ko}" + ("" if test.message.ko == test.message.en else f" · {test.message.en}")
        click.echo(line)
    manual = "  (사람의 채점 필요 · needs manual grading)" if result.needs_manual else ""
    click.echo(f"\n점수 Score  {result.score:g} / {result.max_score:g}{manual}")
    click.echo(f"무결성 Integrity  {result.integrity}")
    for finding in result.findings:
        click.echo(f"- [{finding.severity.value}] {finding.text.ko} · {finding.text.en}")
    for notebook in result.notebooks:
        if notebook.problem:
            click.echo(f"! {notebook.problem.ko} · {notebook.problem.en}")
