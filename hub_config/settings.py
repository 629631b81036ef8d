"""The hub's settings: read once from the environment into one frozen value. Owns no default secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from hub_config.environment import PREFIX, Environment, SettingsError
from hub_config.lab_settings import CONTAINER_SPAWNERS, LabSettings, read_lab_settings
from hub_config.providers import SIGN_INS, Provider, read_provider

__all__ = ["HubSettings", "SettingsError", "read_settings"]


@dataclass(frozen=True)
class HubSettings:
    """What the hub knows of the campus around it. `repr()` shows no secret."""

    data: Path
    homes: Path
    offerings: Path
    public_url: str
    hub_listen: str
    hub_api_url: str
    hub_database_url: str = field(repr=False)
    portal_url: str
    portal_token: str = field(repr=False)
    proxy_api_url: str
    proxy_token: str = field(repr=False)
    sign_in: str
    demo_secret: str = field(repr=False)
    provider: Provider | None
    admins: tuple[str, ...]
    locale: str
    timezone: str
    production: bool
    spawner: str
    cleanup_servers: bool
    metrics_token: str = field(repr=False)
    log_format: str
    labs: LabSettings

    @property
    def state(self) -> Path:
        """Where the hub keeps its own database, cookie secret and logs of servers."""
        return self.data / "hub"

    @property
    def hub_port(self) -> int:
        return urlsplit(self.hub_api_url).port or 8081

    @property
    def portal_origin(self) -> str:
        """Scheme, host and port of the portal as the proxy reaches it."""
        parts = urlsplit(self.portal_url)
        return f"{parts.scheme}://{parts.netloc}"


def read_settings(environ: Mapping[str, str]) -> HubSettings:
    """Settings from `environ` (BITGOEUL_*, CONFIGPROXY_AUTH_TOKEN); SettingsError for the first one that is wrong."""
    env = Environment(environ)
    data = Path(env.required("DATA", "name the folder in which the campus keeps its data")).expanduser().resolve()
    offerings = Path(env.text("OFFERINGS", str(data / "offerings")))
    production = env.flag("PRODUCTION")
    hub_api_url = _hub_api_url(env)
    portal_url = env.url("PORTAL_URL", "http://127.0.0.1:8010/services/portal")
    public_url = _public_url(env, production)
    sign_in = env.choice("SIGN_IN", SIGN_INS, "demo")
    demo_secret = _demo_secret(env, sign_in, production)
    spawner = _spawner(env, production)
    return HubSettings(
        data=data,
        homes=Path(env.text("HOMES", str(data / "homes"))),
        offerings=offerings,
        public_url=public_url,
        hub_listen=env.text("HUB_LISTEN", "127.0.0.1"),
        hub_api_url=hub_api_url,
        hub_database_url=env.database_url("HUB_DATABASE_URL", f"sqlite:///{data / 'hub' / 'jupyterhub.sqlite'}"),
        portal_url=portal_url,
        portal_token=env.required_secret(
            "PORTAL_TOKEN", "portal and hub prove themselves to each other with it; set the same in both"
        ),
        proxy_api_url=env.url("PROXY_API_URL", "http://127.0.0.1:8001"),
        proxy_token=_proxy_token(env),
        sign_in=sign_in,
        demo_secret=demo_secret,
        provider=read_provider(env, sign_in),
        admins=tuple(dict.fromkeys(name.lower() for name in env.names("ADMINS"))),
        locale=env.choice("LOCALE", ("ko", "en"), "ko"),
        timezone=_timezone(env),
        production=production,
        spawner=spawner,
        cleanup_servers=env.flag("CLEANUP_SERVERS", default=spawner not in CONTAINER_SPAWNERS),
        metrics_token=_metrics_token(env),
        log_format=env.choice("LOG_FORMAT", ("text", "json"), "text"),
        labs=read_lab_settings(
            env, spawner=spawner, hub_api_url=hub_api_url, portal_url=portal_url, offerings=str(offerings.absolute())
        ),
    )


def _public_url(env: Environment, production: bool) -> str:
    url = env.url("PUBLIC_URL", "http://127.0.0.1:8000", secure=production)
    if urlsplit(url).path:
        raise SettingsError(f"{PREFIX}PUBLIC_URL is {url!r}; the campus owns a whole host, so leave out the path.")
    return url


def _hub_api_url(env: Environment) -> str:
    url = env.url("HUB_API_URL", "http://127.0.0.1:8081/hub/api")
    if urlsplit(url).path != "/hub/api":
        raise SettingsError(f"{PREFIX}HUB_API_URL is {url!r}; its path must be /hub/api.")
    return url


def _proxy_token(env: Environment) -> str:
    token = env.raw_secret("CONFIGPROXY_AUTH_TOKEN")
    if not token:
        raise SettingsError("CONFIGPROXY_AUTH_TOKEN is not set; give hub and proxy the same random text.")
    return token


def _metrics_token(env: Environment) -> str:
    token = env.secret("METRICS_TOKEN")
    if token and len(token) < 32:
        raise SettingsError(
            f"{PREFIX}METRICS_TOKEN has {len(token)} characters; it needs at least 32. "
            "Make one with `openssl rand -hex 32`, or leave it out: then no program reads the metrics."
        )
    return token


def _demo_secret(env: Environment, sign_in: str, production: bool) -> str:
    secret = env.secret("DEMO_SECRET")
    if sign_in != "demo":
        return ""
    if production:
        raise SettingsError(
            f"{PREFIX}SIGN_IN is demo, and {PREFIX}PRODUCTION is 1; demonstration passwords are not for production. "
            f"Set {PREFIX}SIGN_IN to one of {', '.join(SIGN_INS[1:])}."
        )
    if len(secret) < 32 or not all(character in "0123456789abcdefABCDEF" for character in secret) or len(secret) % 2:
        raise SettingsError(
            f"{PREFIX}DEMO_SECRET must be at least 32 hexadecimal digits, an even number of them (it has {len(secret)} "
            "characters); demonstration passwords are derived from it. Make one with: openssl rand -hex 32"
        )
    return secret


def _timezone(env: Environment) -> str:
    name = env.text("TIMEZONE", "Asia/Seoul")
    if name not in available_timezones():
        raise SettingsError(f"{PREFIX}TIMEZONE is {name!r}; it must be a name such as Asia/Seoul.")
    return name


def _spawner(env: Environment, production: bool) -> str:
    spawner = env.text("SPAWNER", "local")
    if spawner not in ("local", *CONTAINER_SPAWNERS) and "." not in spawner:
        raise SettingsError(
            f"{PREFIX}SPAWNER is {spawner!r}; it must be one of {', '.join(('local', *CONTAINER_SPAWNERS))}, or the "
            "path of a spawner's class such as package.Class."
        )
    if spawner == "local" and production:
        raise SettingsError(
            f"{PREFIX}SPAWNER is local, and {PREFIX}PRODUCTION is 1; its servers all run as one account and can read "
            f"each other's files. Set {PREFIX}SPAWNER to a spawner that isolates people from each other."
        )
    return spawner
