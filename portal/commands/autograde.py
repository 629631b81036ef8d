"""`bitgoeul autograde`: a drop-in for `nbgrader autograde`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]})
@click.argument("assignment", required=False)
@click.option(
    "--course-dir", type=click.Path(path_type=Path), help="The nbgrader course folder [default: this folder]."
)
@click.option("--student", help="Only this student (a glob).")
@click.option("--force", "-f", is_flag=True, help="Mark again what has been marked already.")
@click.option("--unsafe", is_flag=True, help="Run without isolation where this machine offers none.")
@click.argument("nbgrader_options", nargs=-1, type=click.UNPROCESSED)
def autograde(
    assignment: str | None,
    course_dir: Path | None,
    student: str | None,
    force: bool,
    unsafe: bool,
    nbgrader_options: tuple[str, ...],
) -> None:
    """Drop-in for `nbgrader autograde`, in any nbgrader course folder.

    \b
    Example:
      bitgoeul autograde ps1 --course-dir ~/courses/python

    Reads nbgrader_config.py, submitted/ and gradebook.db there, writes autograded/ and gradebook.db, takes every option
    that nbgrader takes. Students' code runs in the sandbox: it sees neither the gradebook nor the hidden tests' files
    nor other students' work. A student whose work can't be marked is reported, the others go on; the exit status is
    then 1.
    """
    from grader.slow_imports import leave_out_slow_imports

    leave_out_slow_imports()
    from grader.sandbox.base import SandboxUnavailable
    from grader.sandbox.detect import best_sandbox

    try:
        sandbox = best_sandbox(insist=not unsafe)
    except SandboxUnavailable as error:
        click.echo(f"{error.korean} {error.message} --unsafe", err=True)
        sys.exit(2)
    from grader.stock import SandboxedAutogradeApp

    options = list(nbgrader_options)
    if assignment is not None:
        options.insert(0, assignment)
    if course_dir is not None:
        options.append(f"--course-dir={course_dir}")
    if student is not None:
        options.append(f"--student={student}")
    if force:
        options.append("--force")
    # nbgrader calls the command `alembic` when it makes a gradebook
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    app = SandboxedAutogradeApp(sandbox=sandbox)
    app.initialize(options)
    app.start()
