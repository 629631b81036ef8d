"""`bitgoeul doctor`: what this machine has for a campus, what is missing, what to do."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from portal.commands.options import data_option


@click.command()
@data_option
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(data: Path, as_json: bool) -> None:
    """Say what this machine has, what is missing, and what to do about it.

    Exit status 1 when something that a campus needs is missing; what is merely weaker is told and passes.
    """
    from portal.doctor import examine

    findings = examine(data.expanduser().resolve())
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2))
    else:
        marks = {"ok": click.style("  ok  ", fg="green"), "weak": click.style(" weak ", fg="yellow")}
        width = max(len(finding.subject) for finding in findings)
        for finding in findings:
            mark = marks.get(finding.state, click.style(" miss ", fg="red"))
            click.echo(f"[{mark}] {finding.subject:<{width}}  {finding.what}")
            if finding.remedy:
                click.echo(f"{'':9}{'':<{width}}  -> {finding.remedy}")
    if any(finding.state == "missing" for finding in findings):
        raise SystemExit(1)
