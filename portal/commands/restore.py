"""`bitgoeul restore`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from portal.commands.databases import await_databases
from portal.commands.options import data_option
from portal.restore import restore as restore_backup
from portal.settings import PortalSettings


@click.command()
@data_option
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def restore(data: Path, file: Path) -> None:
    """Bring the backup FILE into an empty campus; every file's checksum is verified first.

    Settings say where it goes: the data folder, and PostgreSQL where BITGOEUL_DATABASE_URL names it. Secrets and
    settings that are there already stay. Then start the campus on that folder as before: bitgoeul up --data FOLDER
    """
    settings = PortalSettings.from_environment(os.environ, data=data)
    await_databases(settings)
    report = restore_backup(settings, file)
    click.echo(f"{data}: {report.files:,} files, {report.size / 1e6:,.1f} MB restored from {file}")
    if report.kept:
        click.echo(f"그대로 둠 kept as they were: {', '.join(report.kept)}")
