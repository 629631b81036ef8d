"""Reading BITGOEUL_* variables one at a time, secrets also from files. Knows no setting; keeps nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "BITGOEUL_"
SECRET_FILE = "_FILE"


class SettingsError(Exception):
    """A setting that is missing or wrong; the message names it, says what is allowed and what to do."""


class Environment:
    """Variables by their name without the prefix. An empty value counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str = "") -> str:
        return self._environ.get(PREFIX + name, "").strip() or default

    def flag(self, name: str) -> bool:
        value = self.text(name, "0").lower()
        if value not in ("1", "true", "yes", "0", "false", "no"):
            raise SettingsError(f"{PREFIX}{name} is {value!r}; write 1 for yes or 0 for no.")
        return value in ("1", "true", "yes")

    def seconds(self, name: str) -> float:
        """A span of time in seconds; 0, the default, is none."""
        value = self.text(name, "0")
        if not value.isascii() or not value.isdigit():
            raise SettingsError(f"{PREFIX}{name} is {value!r}; write a whole number of seconds, or 0.")
        return float(value)

    def secret(self, name: str) -> str:
        """The secret in NAME, or the content of the file that NAME_FILE names; SettingsError where both are set."""
        value, file = self.text(name), self.text(name + SECRET_FILE)
        if value and file:
            raise SettingsError(f"{PREFIX}{name} and {PREFIX}{name}{SECRET_FILE} are both set; keep one of them.")
        if not file:
            return value
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{PREFIX}{name}{SECRET_FILE} is {file!r} and can't be read ({error.__class__.__name__}); "
                "name a text file that this account may read."
            ) from error

    def secret_files(self) -> tuple[Path, ...]:
        """The files that secrets are read from, by whatever setting."""
        names = sorted(name for name in self._environ if name.startswith(PREFIX) and name.endswith(SECRET_FILE))
        return tuple(Path(self._environ[name]) for name in names if self._environ[name].strip())

    def database_url(self, name: str, default: str) -> str:
        """The database's URL, with the password of DATABASE_PASSWORD where the URL itself carries none.

        SQLite has no passwords. SettingsError for what is no URL, or carries a password beside that one.
        """
        url, password = self.text(name, default), self.secret("DATABASE_PASSWORD")
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise SettingsError(
                f"{PREFIX}{name} is no database URL; write sqlite:////path/file.db or postgresql+psycopg://user@host/name."
            ) from None
        if not password or parsed.get_backend_name() == "sqlite":
            return url
        if parsed.password:
            raise SettingsError(
                f"{PREFIX}{name} carries a password, and {PREFIX}DATABASE_PASSWORD is set too; leave it out of the URL."
            )
        return parsed.set(password=password).render_as_string(hide_password=False)
