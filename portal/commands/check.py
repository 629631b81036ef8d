"""`bitgoeul check`: the release check for authors and for continuous integration."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from grader.release_report import Problem, ReleaseReport
    from grader.sandbox.base import Sandbox

SIGNS = {"refused": "✗", "unsteady": "◐", "note": "·"}
VERDICTS = {
    "passed": "배포할 수 있습니다 · Ready to release",
    "unsteady": "채점할 때마다 점수가 다릅니다 · Marks are not the same every time",
    "refused": "이대로는 배포할 수 없습니다 · Can't be released like this",
}


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--time-limit",
    type=click.FloatRange(min=1),
    default=120.0,
    show_default=True,
    help="Seconds for all cells of a notebook together.",
)
@click.option(
    "--image", default=None, help="Run the notebooks in containers of this image, as an assignment that names it is."
)
@click.option("--device", default=None, help="Id of a GPU for these containers, as nvidia-smi -L lists it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@click.option("--unsafe", is_flag=True, help="Run without isolation where this machine offers none.")
def check(source: Path, time_limit: float, image: str | None, device: str | None, as_json: bool, unsafe: bool) -> None:
    """Check an assignment as a release would, before it is released.

    SOURCE is an assignment's folder with the instructor's notebooks, or one such notebook.

    \b
    Example:
      bitgoeul check courses/content/job-conversion/python-data/source/first-steps

    Nothing is stored. The exit status is 0 when it may be released, 1 when the check stands in the way, and 2 when it
    could not be checked, with one sentence on stderr.
    """
    import logging

    from grader.slow_imports import leave_out_slow_imports

    leave_out_slow_imports()
    from cohorts.errors import CampusError
    from grader.release_folder import check_folder
    from grader.sandbox.base import Limits, SandboxUnavailable
    from grader.sandbox.detect import best_sandbox

    logging.getLogger("traitlets").setLevel(logging.ERROR)
    try:
        with closing(best_sandbox(insist=not unsafe)) as sandbox, _containers(image, device) as place:
            report = check_folder(source, sandbox, Limits.within(time_limit), place)
    except CampusError as error:
        click.echo(f"{error.korean} {error.message}", err=True)
        sys.exit(2)
    except SandboxUnavailable as error:
        hint = "" if image else " --unsafe"
        click.echo(f"{error.korean} {error.message}{hint}", err=True)
        sys.exit(2)
    if as_json:
        click.echo(json.dumps(report.to_dict(), ensure_ascii=False, indent=2))
    else:
        print_report(report)
    sys.exit(0 if report.verdict.value == "passed" else 1)


@contextmanager
def _containers(image: str | None, device: str | None) -> Iterator[Sandbox | None]:
    """Containers of that image, with that device; None where no image is named."""
    if image is None:
        if device is not None:
            raise click.UsageError("--device is for containers: name their --image too.")
        yield None
        return
    from grader.sandbox.container import ContainerKind, ContainerSandbox
    from grader.worker import name_of_this_process

    kind = ContainerKind(image, (device,) if device else ())
    with closing(ContainerSandbox(kind, worker=name_of_this_process())) as sandbox:
        yield sandbox


def print_report(report: ReleaseReport) -> None:
    """The report for people."""
    width = max((len(cell.cell) for cell in report.cells), default=0)
    for cell in report.cells:
        good = cell.reference_outcome == "passed" and not cell.empty and cell.steady
        earned = "?" if cell.reference is None else f"{cell.reference:g}"
        free = "?" if cell.empty is None else f"{cell.empty:g}"
        click.echo(
            f"{'✓' if good else '✗'} {cell.cell:<{width}}  {earned:>5} / {cell.points:g}"
            f"  빈 노트북 empty {free}  {cell.strength or '-'}" + ("" if cell.steady else "  ◐")
        )
    for problem in (*report.reasons, *report.notes):
        print_problem(problem)
    click.echo(f"\n{VERDICTS[report.verdict.value]}  ({report.points:g}, {report.seconds:.1f} s)")


def print_problem(problem: Problem) -> None:
    """One problem, with what the cell said."""
    click.echo(f"{SIGNS[problem.level.value]} [{problem.where}] {problem.text.ko} · {problem.text.en}")
    for line in problem.detail.splitlines()[-12:] if problem.level.value != "note" else ():
        click.echo(f"    {line}")
