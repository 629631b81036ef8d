"""Settings of the portal, the grader and the command line. Reads the environment once; owns no default secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from portal.environment import PREFIX, Environment, SettingsError

__all__ = ["CONTENT", "PREFIX", "SIGN_INS", "PortalSettings", "SettingsError"]

CONTENT = Path(__file__).resolve().parent.parent / "courses" / "content"
SIGN_INS = ("demo", "oidc", "github", "google", "gitlab", "azuread")


@dataclass(frozen=True)
class PortalSettings:
    """Where things are and who may speak to whom. Secrets are never shown by repr()."""

    data: Path
    database_url: str
    storage: Path
    offerings: Path
    homes: Path
    courses: Path
    public_url: str
    hub_api_url: str
    portal_url: str
    portal_token: str
    sign_in: str
    demo_secret: str
    session_secret: str
    admins: tuple[str, ...]
    locale: str
    timezone: str
    production: bool
    metrics_token: str = ""
    isolation_required: bool = False
    worker_image: str = ""
    worker_devices: tuple[str, ...] = ()
    worker_node: str = ""
    hardware: Path = Path("hardware.yaml")
    hub_database_url: str = ""
    lease_token: str = ""
    node_token: str = ""
    log_format: str = "text"
    secret_files: tuple[Path, ...] = ()
    proxy_api_url: str = "http://127.0.0.1:8001"
    linger: float = 0.0

    def __repr__(self) -> str:
        return f"PortalSettings(data={self.data}, public_url={self.public_url}, sign_in={self.sign_in})"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, data: Path | None = None) -> PortalSettings:
        """Settings from `environ` (BITGOEUL_*); `data` overrides the data folder, defaults follow from it.

        Only the data folder is required: commands that need no running campus work without the rest. Every secret may
        stand in a file instead, which NAME_FILE names.
        """
        env = Environment(environ)
        get = env.text
        folder = data or (Path(get("DATA")) if get("DATA") else None)
        if folder is None:
            raise SettingsError("No data folder is named. Pass --data FOLDER or set BITGOEUL_DATA.")
        folder = folder.expanduser().resolve()
        sign_in = get("SIGN_IN", "demo").lower()
        if sign_in not in SIGN_INS:
            raise SettingsError(f"BITGOEUL_SIGN_IN is {sign_in!r}; it must be one of {', '.join(SIGN_INS)}.")
        locale = get("LOCALE", "ko")
        if locale not in ("ko", "en"):
            raise SettingsError(f"BITGOEUL_LOCALE is {locale!r}; it must be ko or en.")
        log_format = get("LOG_FORMAT", "text").lower()
        if log_format not in ("text", "json"):
            raise SettingsError(f"BITGOEUL_LOG_FORMAT is {log_format!r}; it must be text or json.")
        return cls(
            data=folder,
            database_url=env.database_url("DATABASE_URL", f"sqlite:///{folder / 'bitgoeul.db'}"),
            storage=Path(get("STORAGE", str(folder / "storage"))),
            offerings=Path(get("OFFERINGS", str(folder / "offerings"))),
            homes=Path(get("HOMES", str(folder / "homes"))),
            courses=Path(get("COURSES", str(CONTENT))),
            public_url=get("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/"),
            hub_api_url=get("HUB_API_URL", "http://127.0.0.1:8081/hub/api").rstrip("/"),
            portal_url=get("PORTAL_URL", "http://127.0.0.1:8010/services/portal").rstrip("/"),
            portal_token=env.secret("PORTAL_TOKEN"),
            sign_in=sign_in,
            demo_secret=env.secret("DEMO_SECRET"),
            session_secret=env.secret("SESSION_SECRET"),
            admins=tuple(name.strip().lower() for name in get("ADMINS").split(",") if name.strip()),
            locale=locale,
            timezone=get("TIMEZONE", "Asia/Seoul"),
            production=env.flag("PRODUCTION"),
            metrics_token=env.secret("METRICS_TOKEN"),
            isolation_required=env.flag("REQUIRE_SANDBOX"),
            worker_image=get("WORKER_IMAGE"),
            worker_devices=tuple(part.strip() for part in get("WORKER_DEVICES").split(",") if part.strip()),
            worker_node=get("WORKER_NODE"),
            hardware=Path(get("HARDWARE", str(folder / "hardware.yaml"))),
            hub_database_url=env.database_url("HUB_DATABASE_URL", f"sqlite:///{folder / 'hub' / 'jupyterhub.sqlite'}"),
            lease_token=env.secret("LEASE_TOKEN"),
            node_token=env.secret("NODE_TOKEN"),
            log_format=log_format,
            secret_files=env.secret_files(),
            proxy_api_url=get("PROXY_API_URL", "http://127.0.0.1:8001").rstrip("/"),
            linger=env.seconds("PORTAL_LINGER"),
        )
