"""Labs as containers of one Docker engine: the hardware is leased first, the container is fenced in, the wait is told.

A start takes three calls of the engine (create, start, look for the address); what a call can tell by failing (no such
image, a container left over, a quota that the engine can't give) isn't asked before. A lab outlives its hub.
"""

# JupyterHub and its authenticators carry no types
# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any

import docker.errors
import requests
from dockerspawner import DockerSpawner
from traitlets import Instance, Int, Tuple, Unicode, default

from hub_config import engine_errors, words
from hub_config.container_body import STOP_SECONDS, EngineAbilities, build_body
from hub_config.containers import CAMPUS_LABEL, PORT, labels_of, name_of, work_folder_of
from hub_config.docker_engine import DockerEngine
from hub_config.docker_network import NetworkError, ensure_network
from hub_config.engine_errors import PullError, explain, text_of
from hub_config.firewall_rules import labs_range
from hub_config.lab_files import LabFiles
from hub_config.lab_network import LabNetwork
from hub_config.leased import LeasedSpawner
from hub_config.leases import Grant
from hub_config.names import offering_of
from hub_config.progress import Progress
from hub_config.refusal import StartRefused
from hub_config.server_environment import build_container_environment

ENGINE_ERRORS = (docker.errors.DockerException, requests.RequestException, PullError)
#: how often a starting server's port is tried, its container looked at, its log read for the page
TRY_EVERY = 0.05
LOOK_EVERY = 1.0
READ_EVERY = 0.5
#: the hub gives a start up after start_timeout and forgets it; it ends by itself before that, and puts its things away
SPARE_SECONDS = 5
LOG_LINES = 200


class CampusDockerSpawner(LeasedSpawner, DockerSpawner):
    """A container per server, on the hardware that the portal grants."""

    campus = Unicode("bitgoeul", config=True, help="The campus's name; names of containers begin with it.")
    network = Instance(
        LabNetwork, config=True, help="The network that labs are on, a hub_config.lab_network.LabNetwork."
    )
    homes = Unicode("volumes", config=True, help='"volumes", or the folder on the engine\'s machine with all homes.')
    home_quota = Int(0, config=True, help="Bytes that a home volume may hold; 0 for no limit.")
    offerings = Unicode(config=True, help="The folder on the engine's machine with all offerings' folders.")
    course_data = Unicode(config=True, help="A folder or volume that every lab may read.")
    staff = Tuple(Int(), Int(), default_value=None, allow_none=True, config=True, help="Who portal and graders run as.")
    locale = Unicode("ko", config=True, help="Language of JupyterLab until somebody chooses another: ko or en.")
    time_zone = Unicode("Asia/Seoul", config=True, help="Time zone of servers.")
    concurrent_starts = Int(8, min=1, config=True, help="How many containers may be made at a time.")

    _engine: DockerEngine | None = None
    _places: asyncio.Semaphore | None = None
    _abilities = EngineAbilities()
    _network_is_there = False
    _told = Progress()
    _grant: Grant | None = None
    _starting = False

    @default("remove")
    def _remove_default(self) -> bool:
        return True

    @default("ip")
    def _ip_default(self) -> str:
        return "0.0.0.0"

    @default("port")
    def _port_default(self) -> int:
        return PORT

    @default("object_name")
    def _object_name_default(self) -> str:
        return name_of(self.campus, self.user.name)

    @property
    def engine(self) -> DockerEngine:
        """The engine, one for all spawners of this hub."""
        cls = CampusDockerSpawner
        if cls._engine is None:
            cls._engine = DockerEngine(self.client_kwargs)
        return cls._engine

    @property
    def files(self) -> LabFiles:
        return LabFiles(self.campus, self.homes, self.offerings, self.course_data, self.staff)

    @property
    def client(self) -> Any:
        return self.engine.client

    @property
    def executor(self) -> Any:
        return self.engine.threads

    @property
    def places(self) -> asyncio.Semaphore:
        """Places for containers that are being made."""
        cls = CampusDockerSpawner
        if cls._places is None:
            cls._places = asyncio.Semaphore(self.concurrent_starts)
        return cls._places

    async def start(self) -> tuple[str, int]:
        """Lease, make, start, wait until the server listens. Whatever fails, nothing is left and nothing is kept."""
        self._told = Progress()
        self.object_id = ""
        self._grant = grant = await self.take_hardware()
        self._starting = True
        try:
            async with asyncio.timeout(max(self.start_timeout - SPARE_SECONDS, 1)):
                self._told.tell(10, words.HARDWARE_GRANTED, hardware=grant.hardware.name)
                address = await self._start_lab(grant)
        except BaseException as error:
            await self._put_away("failed")
            if isinstance(error, TimeoutError):
                if self.image in self.engine.pulls:
                    raise self._refusal(words.STILL_PULLING, "pulling", 503, f"{self.image} is on its way") from error
                raise self._refusal(words.SERVER_SLOW, "slow", 504, "it did not listen in time") from error
            if isinstance(error, ENGINE_ERRORS):
                raise self._explained(error) from error
            raise
        finally:
            self._starting = False
        return address

    async def _start_lab(self, grant: Grant) -> tuple[str, int]:
        self.image = grant.hardware.image
        self.mem_limit, self.cpu_limit = grant.hardware.memory or None, grant.hardware.cpus or None
        await self._prepare_files()
        await self._ensure_network()
        self.object_id = await self._create(grant)
        self._told.tell(25, words.CONTAINER_MADE)
        async with self.places:
            await self.docker("start", self.object_id)
        self._told.tell(40, words.CONTAINER_STARTED)
        saying = asyncio.create_task(self.say_running(device=grant.lease.device if grant.lease else ""))
        state = await self._look()
        address = (self._address_in(state), self.port)
        await self._wait_until_it_listens(address)
        await saying
        return address

    async def _create(self, grant: Grant) -> str:
        """Make the container; its id. What the engine refuses for want of something is mended once and tried again."""
        mended: set[str] = set()
        while True:
            try:
                async with self.places:
                    made = await self.docker("create_container_from_config", self._body(grant), self.object_name)
            except docker.errors.APIError as error:
                fault = await self._mend(error, grant)
                if not fault or fault in mended:
                    raise
                mended.add(fault)
            else:
                return str(made["Id"])

    async def _mend(self, error: docker.errors.APIError, grant: Grant) -> str:
        """See to what `error` misses; a word for it, or "" where nothing can be done."""
        text = text_of(error).lower()
        if error.status_code == 404 and "no such image" in text:
            image = grant.hardware.image
            self.log.info("%s waits for the image %s", self._log_name, image)
            await self.engine.pulls.wait(image, lambda percent: self._told.tell(15, words.PULLING, share=str(percent)))
            return "image"
        if error.status_code == 409 and "in use" in text:
            await self._remove_leftover()
            return "leftover"
        if "storage-opt" in text or "storage opt" in text:
            self._cannot("limits_disk", "limit what containers write; labs' images are read-only instead", text)
            return "disk"
        if "quota" in text and self._abilities.limits_volumes:
            self._cannot("limits_volumes", "limit volumes; homes have NO quota (docs/explanation/labs.md)", text)
            return "quota"
        return ""

    def _cannot(self, ability: str, what: str, text: str) -> None:
        CampusDockerSpawner._abilities = dataclasses.replace(self._abilities, **{ability: False})
        self.log.warning("This engine can't %s: %s", what, text)

    async def _remove_leftover(self) -> None:
        """Remove what a start left that was killed with its hub; never a container that isn't this campus's."""
        found = await self.docker("inspect_container", self.object_name)
        if found["Config"]["Labels"].get(CAMPUS_LABEL) != self.campus:
            raise self._refusal(words.ENGINE_REFUSED, "name-taken", 500, f"{self.object_name} is not the campus's")
        self.log.warning("Removing %s, left over from an earlier start", self.object_name)
        await self._remove(found["Id"])

    async def _ensure_network(self) -> None:
        """Make the labs' network, or look whether it is as it must be; once, until it is found missing."""

        def ensure() -> None:
            ensure_network(self.client, self.network, self.campus)

        if CampusDockerSpawner._network_is_there:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(self.executor, ensure)
        except NetworkError as error:
            raise self._refusal(words.NOT_FENCED, "not-fenced", 503, str(error)) from error
        CampusDockerSpawner._network_is_there = True

    def _body(self, grant: Grant) -> dict[str, Any]:
        device = grant.lease.device if grant.lease else ""
        username = self.user.name
        return build_body(
            name=self.object_name,
            hardware=grant.hardware,
            device=device,
            environment=self.get_env(),
            labels=labels_of(
                campus=self.campus, username=username, lease=self.lease_id, request=self.request_id, device=device
            ),
            mounts=self.files.mounts(username),
            account=self.files.account(username),
            work_folder=str(work_folder_of(username)),
            network=self.network.name,
            dns=self.network.dns,
            home_quota=self.home_quota,
            abilities=self._abilities,
        )

    def get_env(self) -> dict[str, str]:
        """What the lab is told: ours, then what JupyterHub and the site's `environment` say."""
        wanted = self.user_options.get("locale")
        self.notebook_dir = str(work_folder_of(self.user.name))
        self.default_url = "/formgrader" if offering_of(self.user.name) else "/lab"
        ours = build_container_environment(
            username=self.user.name,
            locale=wanted if wanted in ("ko", "en") else self.locale,
            time_zone=self.time_zone,
            portal_url=self.portal_url,
            cpus=self._grant.hardware.cpus if self._grant else 0,
            gpu=bool(self._grant and self._grant.lease),
        )
        return {**ours, **super().get_env()}

    async def _prepare_files(self) -> None:
        """Make the folders that the lab sees, in a thread that gets values only: the user is a row of the hub's
        database, which has to be read where all others are, or the hub's transaction breaks.
        """
        files, username = self.files, self.user.name
        if not any(mount.kind == "bind" for mount in files.mounts(username)):
            return
        try:
            await asyncio.get_running_loop().run_in_executor(self.executor, files.prepare, username)
        except OSError as error:
            raise self._refusal(words.NO_HOME, "no-home", 503, str(error)) from error

    def _address_in(self, state: dict[str, Any]) -> str:
        """The lab's address. One outside the labs' range would count as the campus's own at the firewall."""
        address = str(state["NetworkSettings"]["Networks"][self.network.name]["IPAddress"])
        if not address:
            raise self._died(state, "")
        if ip_address(address) not in labs_range(self.network.subnet):
            raise self._refusal(
                words.NOT_FENCED,
                "not-fenced",
                503,
                f"{self.network.name} gave {address}, which is not in the labs' range; remove the network and make it "
                "anew with: python -m hub_config.docker_network",
            )
        return address

    async def _wait_until_it_listens(self, address: tuple[str, int]) -> None:
        """Return as soon as the server takes connections; the hub's own wait backs off and notices up to 2 s later."""
        loop = asyncio.get_running_loop()
        look_at = loop.time() + LOOK_EVERY
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY):
                    _, writer = await asyncio.open_connection(*address)
            except OSError:
                await asyncio.sleep(TRY_EVERY)
            else:
                writer.close()
                return
            if loop.time() >= look_at:
                state = await self._look()
                if not state["State"]["Running"]:
                    raise self._died(state, await self._read_log())
                look_at = loop.time() + LOOK_EVERY

    def _died(self, state: dict[str, Any], log: str) -> StartRefused:
        return self._refusal(words.SERVER_DIED, "died", 500, f"ended while it was starting ({_end_of(state)}): {log}")

    def _refusal(self, sentence: words.Sentence, reason: str, status: int, log: str, **values: str) -> StartRefused:
        return StartRefused(
            sentence.both(**values),
            reason=reason,
            log_message=f"{self._log_name} [request {self.request_id}]: {log}",
            message_html=sentence.html(**values),
            status_code=status,
        )

    def _explained(self, error: BaseException) -> StartRefused:
        problem = explain(error)
        if problem == engine_errors.NO_NETWORK:
            CampusDockerSpawner._network_is_there = False
        if problem == engine_errors.NO_HOME and offering_of(self.user.name):
            return self._refusal(words.NO_OFFERING, "no-offering", 409, text_of(error))
        return self._refusal(problem.sentence, problem.reason, problem.status, text_of(error), image=self.image)

    async def stop(self, now: bool = False) -> None:
        """End the lab, SIGTERM first, and remove its container; the home stays."""
        if self.object_id or self.object_name:
            await self._remove(self.object_id or self.object_name, gently=not now)
        self.object_id = ""
        await self.give_hardware_back("stopped")
        self.clear_state()

    async def poll(self) -> int | str | None:
        """None while the lab runs, or while the engine can't say. A dead one is put away, its slice returned."""
        if self._starting:
            return None
        if not self.object_id:
            return 0
        try:
            state = await self._look()
        except docker.errors.NotFound:
            await self._put_away("lost")
            return 0
        except ENGINE_ERRORS as error:
            self.log.warning("%s can't be looked at: %s", self._log_name, text_of(error))
            return None
        if state["State"]["Running"]:
            return None
        self.log.warning("%s ended: %s", self._log_name, _end_of(state))
        await self._put_away("lost")
        return _end_of(state)

    async def _put_away(self, reason: str) -> None:
        """Remove the container, if there is one, and give the slice back. Says what fails and goes on."""
        if self.object_id:
            try:
                await self._remove(self.object_id)
            except ENGINE_ERRORS as error:
                self.log.warning("%s could not be removed: %s", self._log_name, text_of(error))
            self.object_id = ""
        await self.give_hardware_back(reason)

    async def _remove(self, container: str, *, gently: bool = False) -> None:
        try:
            if gently:
                await self.docker("stop", container, timeout=STOP_SECONDS)
            await self.docker("remove_container", container, force=True, v=True)
        except docker.errors.APIError as error:
            if error.status_code not in (404, 409):  # 409: its removal is in progress
                raise

    async def _look(self) -> dict[str, Any]:
        state: dict[str, Any] = await self.docker("inspect_container", self.object_id)
        return state

    async def _read_log(self) -> str:
        """The end of the lab's log; empty before there is one."""
        if not self.object_id:
            return ""
        try:
            log: bytes = await self.docker("logs", self.object_id, tail=LOG_LINES)
        except ENGINE_ERRORS:
            return ""
        return log.decode(errors="replace")

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """How far the start has come, as the engine and the server's own log tell it."""
        async for event in self._told.follow(every=READ_EVERY, read_log=self._read_log):
            yield event


def _end_of(state: dict[str, Any]) -> str:
    end = state["State"]
    why = ", out of memory" if end.get("OOMKilled") else f", {end['Error']}" if end.get("Error") else ""
    return f"exit status {end.get('ExitCode')}{why}"
