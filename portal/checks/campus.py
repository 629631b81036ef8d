"""The campus as it is set up: its database, its sign-in, and who can read its secrets."""

from __future__ import annotations

from pathlib import Path

from portal.checks.finding import Finding
from portal.settings import PortalSettings


def examine_campus(settings: PortalSettings) -> list[Finding]:
    """What the settings say, and whether it is so."""
    return [database(settings), sign_in(settings), *secrets(settings.data)]


def database(settings: PortalSettings) -> Finding:
    """Whether the campus's database answers, and holds one."""
    from sqlalchemy import create_engine, inspect
    from sqlalchemy.exc import SQLAlchemyError

    url = settings.database_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return Finding("Database", "ok", "none yet; bitgoeul up makes it")
    engine = create_engine(url)
    try:
        tables = inspect(engine).get_table_names()
    except SQLAlchemyError as error:
        return Finding("Database", "missing", str(error).splitlines()[0], "check BITGOEUL_DATABASE_URL and the server")
    finally:
        engine.dispose()
    if "alembic_version" not in tables:
        return Finding("Database", "weak", "holds no campus yet", "bitgoeul up brings it to the newest schema")
    return Finding("Database", "ok", f"{engine.url.render_as_string(hide_password=True)}, {len(tables)} tables")


def sign_in(settings: PortalSettings) -> Finding:
    """How people prove who they are, and whether anybody is administrator."""
    if settings.sign_in == "demo" and settings.production:
        return Finding("Sign-in", "missing", "demonstration passwords in production", "set BITGOEUL_SIGN_IN")
    if settings.sign_in == "demo":
        return Finding("Sign-in", "weak", "demonstration passwords", "for real classes set BITGOEUL_SIGN_IN")
    if not settings.admins:
        return Finding("Sign-in", "weak", f"{settings.sign_in}, nobody is administrator", "set BITGOEUL_ADMINS")
    return Finding("Sign-in", "ok", f"{settings.sign_in}, administrators: {', '.join(settings.admins)}")


def secrets(data: Path) -> list[Finding]:
    """Whether anybody but their owner can read the campus's secrets; nothing where it has none in files."""
    folder = data / "secrets"
    if not folder.is_dir():
        return []
    open_ = [path for path in (folder, *sorted(folder.iterdir())) if path.stat().st_mode & 0o077]
    if open_:
        names = ", ".join(f"{path} ({path.stat().st_mode & 0o777:04o})" for path in open_[:5])
        return [
            Finding(
                "Secrets",
                "missing",
                f"others can read {names}",
                f"chmod 0700 {folder}; chmod 0600 {folder}/*; then make those that were open anew",
            )
        ]
    return [Finding("Secrets", "ok", f"{len(list(folder.iterdir()))} files, readable by their owner only")]
