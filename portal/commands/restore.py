"""`bitgoeul restore`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from portal.backup import restore as restore_backup
from portal.commands.options import data_option
from portal.settings import PortalSettings


@click.command()
@data_option
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def restore(data: Path, file: Path) -> None:
    """Bring the backup FILE into an empty data folder; every file's checksum is verified first.

    Then start the campus on that folder as before: bitgoeul up --data FOLDER
    """
    report = restore_backup(PortalSettings.from_environment(os.environ, data=data), file)
    click.echo(f"{data}: {report.files:,} files, {report.size / 1e6:,.1f} MB restored from {file}")
