"""What comes before commands that copy databases."""

from __future__ import annotations

import click

from portal.database_copy import await_server, is_postgres
from portal.settings import PortalSettings


def await_databases(settings: PortalSettings) -> None:
    """Give PostgreSQL servers time to start; says on the standard error that it does."""
    for url in dict.fromkeys((settings.database_url, settings.hub_database_url)):
        if is_postgres(url):
            await_server(url, lambda words: click.echo(words, err=True))
