"""Servers as processes of this machine, for a campus without containers. Isolates nobody: all run as the hub's account.

A server gets an environment built from scratch (none of the hub's own variables), a home of its own that others' umask
can't open, and a log. It outlives a killed hub and is adopted by the next; `stop` ends it.
"""

# JupyterHub and its authenticators carry no types
# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import DEVNULL
from typing import Any, ClassVar

from jupyterhub.spawner import LocalProcessSpawner
from traitlets import Dict, Int, Unicode, default

from hub_config import words
from hub_config.leased import LeasedSpawner
from hub_config.names import folder_of, offering_of
from hub_config.progress import MILESTONES, event
from hub_config.refusal import StartRefused
from hub_config.server_environment import build_environment

LAB_CONFIG = Path(__file__).parent / "lab"
#: the only variables of the hub's own environment that servers inherit: where certificates and temporary files are,
#: and how numeric libraries should behave on this processor
INHERITED = (
    "TMPDIR",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
)
LOOK_EVERY = 0.2
LOG_TAIL = 4000


class CampusLocalProcessSpawner(LeasedSpawner, LocalProcessSpawner):
    """A process per server; the user `grading-<offering>` gets a grading server in that offering's folder.

    With a lease token hardware is asked for as everywhere. A process isn't kept from other cards: it is told its own.
    """

    homes = Unicode(config=True, help="Folder in which every user has a home.")
    offerings = Unicode(config=True, help="Folder in which every offering has its course directory.")
    logs = Unicode(config=True, help="Folder for the servers' logs.")
    concurrent_starts = Int(8, min=1, config=True, help="How many servers may be starting at a time; the rest wait.")
    locale = Unicode("ko", config=True, help="Language of JupyterLab until somebody chooses another: ko or en.")
    time_zone = Unicode("Asia/Seoul", config=True, help="Time zone of servers.")
    inherited = Dict(help="The part of the hub's environment that servers get.")

    _places: ClassVar[asyncio.Semaphore | None] = None
    _prefix = ""
    _device: str | None = None

    @default("inherited")
    def _inherited_default(self) -> dict[str, str]:
        return {name: os.environ[name] for name in INHERITED if name in os.environ}

    @default("env_keep")
    def _env_keep_default(self) -> list[str]:
        return []

    @default("cmd")
    def _cmd_default(self) -> list[str]:
        return [sys.executable, "-P", "-s", "-m", "hub_config.lab.start"]

    @default("args")
    def _args_default(self) -> list[str]:
        # Jupyter refuses to run as root unless it is told; where the hub does, its servers do
        return ["--allow-root"] if os.geteuid() == 0 else []

    @property
    def home(self) -> Path:
        return Path(self.homes) / folder_of(self.user.name)

    @property
    def log_path(self) -> Path:
        return Path(self.logs) / f"{folder_of(self.user.name)}.log"

    @property
    def places(self) -> asyncio.Semaphore:
        """Places for servers that are starting."""
        cls = CampusLocalProcessSpawner
        if cls._places is None:
            cls._places = asyncio.Semaphore(self.concurrent_starts)
        return cls._places

    @property
    def offering(self) -> str | None:
        """The offering whose grading server this is, or None for a person's own server."""
        return offering_of(self.user.name)

    @property
    def work_folder(self) -> Path:
        return Path(self.offerings) / self.offering if self.offering else self.home

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Everything a server is told, besides what JupyterHub itself tells it."""
        wanted = self.user_options.get("locale")
        locale = wanted if wanted in ("ko", "en") else self.locale
        env.update(
            build_environment(
                username=self.user.name,
                home=self.home,
                locale=locale,
                time_zone=self.time_zone,
                portal_url=self.portal_url,
                work_folder=self.work_folder,
                lab_config=LAB_CONFIG,
                programs=str(Path(sys.executable).parent),
                inherited=self.inherited,
            )
        )
        if self._device is not None:
            env["CUDA_VISIBLE_DEVICES"] = self._device
        return env

    def make_preexec_fn(self, name: str) -> None:
        """Nothing runs between fork and exec: user, folder and umask are Popen's business (`start`)."""

    def move_certs(self, paths: dict[str, str]) -> dict[str, str]:
        return paths

    async def start(self) -> tuple[str, int]:
        """Take the hardware, start the process. Returns the address it listens at; on this machine only."""
        if self.lease_token:
            grant = await self.take_hardware()
            self._device = grant.lease.device if grant.lease else ""
        try:
            async with self.places:
                address = await self._start_process()
        except BaseException:
            await self.give_hardware_back("failed")
            raise
        await self.say_running()
        return address

    async def stop(self, now: bool = False) -> None:
        await super().stop(now=now)
        await self.give_hardware_back("stopped")

    async def _start_process(self) -> tuple[str, int]:
        if self.offering and not self.work_folder.is_dir():
            raise StartRefused(
                words.NO_OFFERING.both(), reason="no-offering", message_html=words.NO_OFFERING.html(), status_code=409
            )
        for folder in (self.home, self.log_path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.home.chmod(0o700)
        self.notebook_dir = _literal(self.work_folder)
        self.default_url = "/formgrader" if self.offering else "/lab"
        log = os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            self.popen_kwargs = {
                "cwd": str(self.work_folder),
                "umask": 0o077,
                "stdin": DEVNULL,
                "stdout": log,
                "stderr": log,
            }
            address: tuple[str, int] = await super().start()
        finally:
            self.popen_kwargs = {}
            os.close(log)
        self._prefix = self.server.base_url
        await self._wait_until_it_listens(address)
        return address

    def get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state()
        return {**state, "prefix": self._prefix} if self._prefix else state

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self._prefix = state.get("prefix", "")

    async def poll(self) -> int | None:
        """None while the server runs. A process id that was given to another program since is not our server."""
        if self.proc is None and self.pid and self._prefix and not runs_server(self.pid, self._prefix):
            await self.give_hardware_back("lost")
            self.clear_state()
            return 0
        status: int | None = await super().poll()
        if status is not None:
            await self.give_hardware_back("lost")
        return status

    async def _wait_until_it_listens(self, address: tuple[str, int]) -> None:
        """Return as soon as the server takes connections; the hub's own wait backs off and notices up to 2 s later."""
        while (status := await self.poll()) is None:
            try:
                _, writer = await asyncio.open_connection(*address)
            except OSError:
                await asyncio.sleep(LOOK_EVERY)
            else:
                writer.close()
                return
        raise StartRefused(
            words.SERVER_DIED.both(),
            reason="died",
            log_message=f"{self._log_name} ended with status {status} while it was starting: {_tail(self.log_path)}",
            message_html=words.SERVER_DIED.html(),
            status_code=500,
        )

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """How far the start has come, as the server's own log tells it."""
        yield event(10, words.HOME_READY)
        waited_for = list(MILESTONES)
        running = False
        while waited_for:
            if self.pid and not running:
                running = True
                yield event(30, words.PROCESS_STARTED)
            log = _tail(self.log_path, limit=200_000) if running else ""
            while waited_for and waited_for[0][0] in log:
                _, percent, sentence = waited_for.pop(0)
                yield event(percent, sentence)
            await asyncio.sleep(LOOK_EVERY)


def runs_server(pid: int, prefix: str) -> bool:
    """Whether process `pid` is the server below `prefix`. Where /proc doesn't exist, any process that lives counts."""
    if not Path("/proc/self/environ").exists():
        return True
    try:
        words_ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"JUPYTERHUB_SERVICE_PREFIX=" + prefix.encode() in words_


def _literal(folder: Path) -> str:
    """`folder` as a value of a JupyterHub setting in which braces are placeholders."""
    return str(folder).replace("{", "{{").replace("}", "}}")


def _tail(path: Path, limit: int = LOG_TAIL) -> str:
    """The end of a text file, at most `limit` bytes; empty when it isn't there."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - limit))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
