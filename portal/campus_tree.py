"""What a campus on one machine consists of: its addresses, its environment and its four programs."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from grader.capacity import machine_places
from portal.secrets_file import ensure_secrets
from portal.settings import CONTENT, PREFIX, SettingsError
from portal.supervisor import Program

ROOT = Path(__file__).resolve().parent.parent
PROXY = ROOT / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
UNFINISHED_ANSWERS = ROOT / "hub_config" / "unfinished_answers.mjs"
#: what children may inherit from the shell that starts the campus, besides BITGOEUL_*
INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
ENGINE = "DOCKER_"  # where the container engine is; for those that run notebooks in containers
INHERITED_PREFIXES = (PREFIX, "OPENBLAS_", ENGINE)


@dataclass(frozen=True)
class Addresses:
    """Where the campus listens: one public port, three that only this machine reaches."""

    host: str
    public: int
    hub: int
    portal: int
    proxy_api: int

    @property
    def public_url(self) -> str:
        return f"http://{self.host}:{self.public}"


def choose_addresses(host: str, port: int) -> Addresses:
    """The public port as asked, the inner ones free; SettingsError when the public one is taken or not allowed."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = {errno.EADDRINUSE: "is taken by another program", errno.EACCES: "is not allowed to an ordinary user"}
        why = reason.get(getattr(error, "errno", 0) or 0, f"can't be used ({error})")
        raise SettingsError(f"Port {port} on {host} {why}. Choose another: make run PORT={_suggest(port)}") from error
    inner = [_free_port() for _ in range(3)]
    return Addresses(host, port, *inner)


def _suggest(port: int) -> int:
    return port + 80 if 1024 <= port < 65000 else 8080


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepare_data(folder: Path) -> None:
    """Make the data folder, 0700; SettingsError when it can't be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("hub", "homes", "offerings", "storage", "logs"):
            (folder / name).mkdir(mode=0o700, exist_ok=True)
        probe = folder / f".write-test-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SettingsError(
            f"The data folder {folder} can't be written ({error.strerror}). "
            "Give this account the right to write there, or choose another: make run DATA=/path/to/folder"
        ) from error


def build_environment(environ: Mapping[str, str], folder: Path, addresses: Addresses) -> dict[str, str]:
    """The environment of the campus's programs: what BITGOEUL_* the shell sets, and defaults for the rest."""
    secrets = ensure_secrets(folder / "secrets")
    defaults = {
        "DATA": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'bitgoeul.db'}",
        "STORAGE": str(folder / "storage"),
        "OFFERINGS": str(folder / "offerings"),
        "HOMES": str(folder / "homes"),
        "COURSES": str(CONTENT),
        "PUBLIC_URL": addresses.public_url,
        "HUB_API_URL": f"http://127.0.0.1:{addresses.hub}/hub/api",
        "PORTAL_URL": f"http://127.0.0.1:{addresses.portal}/services/portal",
        "PROXY_API_URL": f"http://127.0.0.1:{addresses.proxy_api}",
        "PORTAL_TOKEN": secrets["portal_token"],
        "LEASE_TOKEN": secrets["lease_token"],
        "NODE_TOKEN": secrets["node_token"],
        "DEMO_SECRET": secrets["demo_secret"],
        "SESSION_SECRET": secrets["session_secret"],
        "SIGN_IN": "demo",
        "LOCALE": "ko",
        "TIMEZONE": "Asia/Seoul",
    }
    kept = {name: value for name, value in environ.items() if name in INHERITED or name.startswith(INHERITED_PREFIXES)}
    unless_in_a_file = {name: value for name, value in defaults.items() if PREFIX + name + "_FILE" not in kept}
    environment = {PREFIX + name: value for name, value in unless_in_a_file.items()} | kept
    # always this start's own, whatever the shell says
    environment[PREFIX + "DATA"] = str(folder)
    environment["CONFIGPROXY_AUTH_TOKEN"] = environ.get("CONFIGPROXY_AUTH_TOKEN") or secrets["proxy_token"]
    environment["PATH"] = f"{Path(sys.executable).parent}:{ROOT / 'node_modules' / '.bin'}:{environ.get('PATH', '')}"
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


def build_programs(environment: Mapping[str, str], folder: Path, addresses: Addresses, workers: int) -> list[Program]:
    """Proxy, hub, portal and graders, in the order in which they start."""
    node = shutil.which("node", path=environment["PATH"])
    if node is None or not PROXY.exists():
        raise SettingsError("The proxy is not installed. Run scripts/setup run (make run does it) and start again.")
    hub_environment = {name: value for name, value in environment.items() if not name.startswith(ENGINE)}
    quiet = {name: value for name, value in environment.items() if name != "CONFIGPROXY_AUTH_TOKEN"}
    proxy = Program(
        name="proxy",
        command=(
            node,
            *("--import", UNFINISHED_ANSWERS.as_uri(), str(PROXY)),
            *("--ip", addresses.host, "--port", str(addresses.public)),
            *("--api-ip", "127.0.0.1", "--api-port", str(addresses.proxy_api)),
            *("--default-target", f"http://127.0.0.1:{addresses.hub}"),
            *("--error-target", f"http://127.0.0.1:{addresses.hub}/hub/error"),
            *("--log-level", "warn"),
        ),
        environment={
            name: environment[name] for name in ("PATH", "CONFIGPROXY_AUTH_TOKEN", "HOME") if name in environment
        },
        folder=folder,
        ready=lambda: _listens(addresses.proxy_api),
        stop_seconds=5,
    )
    hub = Program(
        name="hub",
        command=(sys.executable, "-m", "jupyterhub", "-f", str(ROOT / "jupyterhub_config.py")),
        environment=hub_environment,
        folder=folder / "hub",
        ready=lambda: _answers(f"http://127.0.0.1:{addresses.hub}/hub/api/"),
        stop_seconds=30,
    )
    portal = Program(
        name="portal",
        command=(sys.executable, "-m", "portal.server", "--port", str(addresses.portal)),
        environment=quiet,
        folder=folder,
        ready=lambda: _lets_people_in(f"http://127.0.0.1:{addresses.portal}/services/portal/api/health"),
    )
    jobs = environment.get(PREFIX + "WORKER_JOBS") or str(machine_places(workers))
    graders = [
        Program(
            name=f"grader-{number}" if workers > 1 else "grader",
            command=(sys.executable, "-m", "portal.cli", "worker", "--data", str(folder), "--jobs", jobs),
            environment={name: value for name, value in quiet.items() if not _is_secret(name)},
            folder=folder,
        )
        for number in range(1, workers + 1)
    ]
    return [proxy, hub, portal, *graders]


def _is_secret(name: str) -> bool:
    return name.startswith(PREFIX) and name.removesuffix("_FILE").endswith(("_TOKEN", "_SECRET", "_CLIENT_ID"))


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _lets_people_in(url: str) -> bool:
    """The portal answers, and has told the hub who may sign in."""
    try:
        answer = httpx.get(url, timeout=2)
        return answer.status_code == 200 and answer.json().get("hub") == "in step"
    except (httpx.HTTPError, ValueError):
        return False
