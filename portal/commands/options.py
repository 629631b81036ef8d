"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

#: --data FOLDER, or BITGOEUL_DATA, or ./data
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data"),
    envvar="BITGOEUL_DATA",
    show_default=True,
    help="Folder for everything the campus keeps.",
)
