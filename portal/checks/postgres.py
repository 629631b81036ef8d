"""PostgreSQL as the campus and the hub use it: version, room for connections, size, clock."""

from __future__ import annotations

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from portal.checks.clocks import Clocks, now
from portal.checks.finding import Finding
from portal.settings import PortalSettings

OLDEST = 130000
#: what one program's pool may open at a time (SQLAlchemy's 5 and 10 more), and that for a few programs
FEW = 45


def examine_postgres(settings: PortalSettings, clocks: Clocks) -> list[Finding]:
    """A finding or two for each database that a server keeps; none for SQLite."""
    found: list[Finding] = []
    for name, url in (("Campus database", settings.database_url), ("Hub database", settings.hub_database_url)):
        if make_url(url).get_backend_name() == "postgresql":
            found += _look(name, url, clocks)
    if settings.database_url == settings.hub_database_url:
        found.append(
            Finding(
                "Hub database",
                "missing",
                "hub and campus share one database; each keeps its schema's version in the same table",
                "give the hub a database of its own: BITGOEUL_HUB_DATABASE_URL",
            )
        )
    return found


def _look(name: str, url: str, clocks: Clocks) -> list[Finding]:
    engine = create_engine(url, connect_args={"connect_timeout": 5})
    where = make_url(url).render_as_string(hide_password=True)
    try:
        with engine.connect() as connection:
            asked = now()
            told = connection.execute(text("select clock_timestamp()")).scalar_one()
            clocks.note(f"{name.lower()} server", told, asked, now())
            version = int(connection.execute(text("show server_version_num")).scalar_one())
            most = int(connection.execute(text("show max_connections")).scalar_one())
            used = int(connection.execute(text("select count(*) from pg_stat_activity")).scalar_one())
            size = int(connection.execute(text("select pg_database_size(current_database())")).scalar_one())
    except SQLAlchemyError as error:
        why = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        return [Finding(name, "missing", f"{where}: {why}", "start it, or correct the URL and the password file")]
    finally:
        engine.dispose()
    what = f"PostgreSQL {version // 10000}.{version % 10000}, {size / 1e6:,.1f} MB, {used} of {most} connections"
    if version < OLDEST:
        return [Finding(name, "missing", what, f"needs {OLDEST // 10000} or newer")]
    if most - used < FEW:
        return [Finding(name, "weak", what, f"raise max_connections to {used + 2 * FEW} or more: 15 a program")]
    return [Finding(name, "ok", what)]
