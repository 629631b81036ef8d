"""Reading one setting at a time from the environment. A wrong value names the rule and the fix."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "BITGOEUL_"
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class SettingsError(Exception):
    """A setting that is missing or wrong: the message names the rule, the value (never a secret) and the fix."""


class Environment:
    """BITGOEUL_* variables by their name without the prefix. An empty value counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str = "") -> str:
        return self.raw(PREFIX + name) or default

    def raw(self, name: str) -> str:
        """A variable that is not ours, by its whole name."""
        return self._environ.get(name, "").strip()

    def required(self, name: str, why: str) -> str:
        value = self.text(name)
        if not value:
            raise SettingsError(f"{PREFIX}{name} is not set; {why}.")
        return value

    def required_secret(self, name: str, why: str) -> str:
        value = self.secret(name)
        if not value:
            raise SettingsError(f"{PREFIX}{name} is not set, nor {PREFIX}{name}_FILE; {why}.")
        return value

    def database_url(self, name: str, default: str) -> str:
        """A database's URL, with the password of DATABASE_PASSWORD where the URL carries none. SQLite has none."""
        url, password = self.text(name, default), self.secret("DATABASE_PASSWORD")
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise SettingsError(
                f"{PREFIX}{name} is no database URL; write sqlite:////path/file.db or "
                "postgresql+psycopg://user@host/name."
            ) from None
        if not password or parsed.get_backend_name() == "sqlite":
            return url
        if parsed.password:
            raise SettingsError(
                f"{PREFIX}{name} carries a password, and {PREFIX}DATABASE_PASSWORD is set too; leave it out of the URL."
            )
        return parsed.set(password=password).render_as_string(hide_password=False)

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.text(name, default).lower()
        if value not in allowed:
            raise SettingsError(f"{PREFIX}{name} is {value!r}; it must be one of {', '.join(allowed)}.")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.text(name, "1" if default else "0").lower()
        if value not in ("1", "true", "yes", "0", "false", "no"):
            raise SettingsError(f"{PREFIX}{name} is {value!r}; write 1 for yes or 0 for no.")
        return value in ("1", "true", "yes")

    def number(self, name: str, default: int) -> int:
        value = self.text(name, str(default))
        if not value.isascii() or not value.isdigit() or int(value) < 1:
            raise SettingsError(f"{PREFIX}{name} is {value!r}; it must be a whole number from 1 up.")
        return int(value)

    def size(self, name: str) -> int:
        """Bytes, written with K, M, G or T where that is shorter; 0, the default, is no limit."""
        value = self.text(name, "0").upper().removesuffix("B")
        unit = value[-1:] if value[-1:] in _UNITS else ""
        number = value.removesuffix(unit) if unit else value
        if not number.isascii() or not number.isdigit():
            raise SettingsError(f"{PREFIX}{name} is {value!r}; write a size such as 10G, or 0 for no limit.")
        return int(number) * (_UNITS[unit] if unit else 1)

    def names(self, name: str) -> tuple[str, ...]:
        return tuple(word.strip() for word in self.text(name).split(",") if word.strip())

    def url(self, name: str, default: str = "", *, secure: bool = False) -> str:
        """An http(s) address without a slash at its end; `secure` asks for https, except on this machine itself."""
        value = self.text(name, default).rstrip("/")
        if not value:
            return ""
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(f"{PREFIX}{name} is {value!r}; it must be an address such as https://example.kr.")
        if secure and parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise SettingsError(f"{PREFIX}{name} is {value!r}; passwords travel there, so it must begin with https://.")
        return value

    def secret(self, name: str) -> str:
        """The secret in NAME, or the content of the file that NAME_FILE names."""
        return self.raw_secret(PREFIX + name)

    def raw_secret(self, name: str) -> str:
        """A secret that is not ours, by its whole name."""
        value, file = self.raw(name), self.raw(name + "_FILE")
        if value and file:
            raise SettingsError(f"{name} and {name}_FILE are both set; keep one of them.")
        if not file:
            return value
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{name}_FILE is {file!r} and can't be read ({error.__class__.__name__}); "
                "name a text file that this account may read."
            ) from error


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
