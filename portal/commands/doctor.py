"""`bitgoeul doctor`: what this machine, or the whole site, has for a campus, what is missing, what to do."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from portal.commands.options import data_option


@click.command()
@data_option
@click.option("--site", is_flag=True, help="Look at the whole data centre, not only at this machine.")
@click.option(
    "--engine",
    "engines",
    multiple=True,
    metavar="ADDRESS",
    help="With --site: a container engine, as in DOCKER_HOST; may be repeated [default: this environment's].",
)
@click.option(
    "--image",
    "images",
    multiple=True,
    default=("bitgoeul-lab-cpu",),
    show_default=True,
    metavar="NAME",
    help="With --site: an image that every engine has to have; may be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(data: Path, site: bool, engines: tuple[str, ...], images: tuple[str, ...], as_json: bool) -> None:
    """Say what this machine has, what is missing, and what to do about it.

    With --site it asks proxy, hub, portal, databases, container engines and their nodes, and looks at cards, clocks,
    disks and certificates from here: run it on a manager node, and on every GPU node for what only that node can tell.
    It changes nothing; on each engine it makes one container without network, and removes it.

    Exit status 1 when something that a campus needs is missing; what is merely weaker is told and passes.
    """
    from portal.doctor import examine, examine_site

    folder = data.expanduser().resolve()
    findings = examine_site(folder, engines=engines, images=images) if site else examine(folder)
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
