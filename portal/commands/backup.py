"""`bitgoeul backup`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from portal.backup import back_up
from portal.commands.databases import await_databases
from portal.commands.options import data_option
from portal.settings import PortalSettings


@click.command()
@data_option
@click.option("--homes/--no-homes", default=True, show_default=True, help="Include people's home folders.")
@click.option("--secrets/--no-secrets", default=True, show_default=True, help="Include the campus's own secrets.")
@click.argument("file", type=click.Path(path_type=Path))
def backup(data: Path, homes: bool, secrets: bool, file: Path) -> None:
    """Write everything the campus knows into FILE (a .tar.gz): databases, submissions, offerings, settings, homes.

    It may be taken while the campus runs. FILE holds people's work, and secrets unless told otherwise: keep it where
    only you can read it. SQLite and PostgreSQL campuses write the same, and each restores the other's.
    """
    settings = PortalSettings.from_environment(os.environ, data=data)
    await_databases(settings)
    report = back_up(settings, file, homes=homes, secrets=secrets, now=datetime.now(UTC))
    click.echo(f"{file}: {report.files:,} files, {report.size / 1e6:,.1f} MB before compression")
