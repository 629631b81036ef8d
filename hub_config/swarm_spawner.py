"""Labs as services of a Docker Swarm: leased first, placed by Swarm, seen lost when their node is.

A lab is a service of one task that is never restarted: what ended has ended, and the hub puts its service away when it
sees it. Only what Swarm rejects before anything ran is asked for again. The lab's address is its task's own, so no name
that still leads to an earlier container is ever followed. A lab outlives its hub.
"""

# JupyterHub and its authenticators carry no types
# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import docker.errors
from dockerspawner import SwarmSpawner
from traitlets import Enum, Float, List, Unicode

from hub_config import words
from hub_config.containers import CAMPUS_LABEL, Mount, labels_of, lease_in, work_folder_of
from hub_config.docker_spawner import ENGINE_ERRORS, READ_EVERY, TRY_EVERY, CampusDockerSpawner
from hub_config.engine_errors import text_of
from hub_config.leases import Grant
from hub_config.refusal import StartRefused
from hub_config.swarm_service import STOP_SECONDS, build_service
from hub_config.swarm_tasks import Ending, Task, ending_of, is_down
from hub_config.swarm_view import Reading, SwarmView

#: how old a reading may be that decides about a start or a stop, and one that decides whether a lab lives
FRESH = 0.2
STALE = 2.0
#: what Swarm (to 20.10 at least) says of a task with a generic resource whenever its node's record changes, for
#: instance since the node joins the labs' network for it: nothing is wrong, and the next task is let in
FALSE_ALARM = "assigned node no longer meets constraints"
TRIES = 10
CHANGED_MEANWHILE = "update out of sequence"


class CampusSwarmSpawner(CampusDockerSpawner, SwarmSpawner):
    """A service per server, on the hardware that the portal grants."""

    endpoint_mode = Enum(
        ("dnsrr", "vip"), "dnsrr", config=True, help="dnsrr needs no IPVS; vip spends an address more on every lab."
    )
    constraints = List(Unicode(), config=True, help="Placement constraints of labs, such as node.labels.labs==yes.")
    patience = Float(30, config=True, help="Seconds that a lab may wait for a node with room before that is an error.")

    _view: SwarmView | None = None

    @property
    def view(self) -> SwarmView:
        """What the Swarm has, one for all spawners of this hub."""
        cls = CampusSwarmSpawner
        if cls._view is None:
            cls._view = SwarmView(self.campus, self.network.name)
        return cls._view

    @property
    def lab_mounts(self) -> list[Mount]:
        """What the lab sees: the campus's folders, then the site's `volumes`, of which one with a slash is a folder."""
        more = [Mount(source, at["bind"], at["mode"] == "ro") for source, at in self.volume_binds.items()]
        return [*self.files.mounts(self.user.name), *more]

    async def _start_lab(self, grant: Grant) -> tuple[str, int]:
        self.image = grant.hardware.image
        self.mem_limit, self.cpu_limit = grant.hardware.memory or None, grant.hardware.cpus or None
        await self._prepare_files()
        async with self.places:
            self.object_id = await self._create_service(grant)
        task = await self._wait_until_it_runs()
        reading = await self._read(STALE)
        node = reading.nodes[task.node].name if task.node in reading.nodes else task.node
        self._told.tell(75, words.TASK_RUNNING, node=node)
        saying = asyncio.create_task(self.say_running(device=task.device, node=node))
        address = (task.address, self.port)
        await self._wait_until_it_listens(address)
        await saying
        self._told.tell(90, words.OPENING)
        return address

    async def _create_service(self, grant: Grant) -> str:
        """Make the service; its id. One that an earlier start left behind goes first."""
        for last in (False, True):
            try:
                made = await self.docker("create_service", **self._service(grant))
            except docker.errors.APIError as error:
                if last or error.status_code != 409:
                    raise
                await self._remove_leftover()
            else:
                return str(made["ID"])
        raise AssertionError("unreachable")

    def _service(self, grant: Grant) -> dict[str, Any]:
        return build_service(
            name=self.object_name,
            hardware=grant.hardware,
            lease=grant.lease,
            environment=self.get_env(),
            labels=labels_of(campus=self.campus, username=self.user.name, lease=self.lease_id, request=self.request_id),
            mounts=self.lab_mounts,
            account=self.files.account(self.user.name),
            work_folder=str(work_folder_of(self.user.name)),
            network=self.network.name,
            dns=self.network.dns,
            constraints=self.constraints,
            endpoint_mode=self.endpoint_mode,
            command=[*self.cmd, *self.get_args()] if self.cmd else None,
            volume_driver=self.volume_driver,
            volume_options=self.volume_driver_options,
            reserved_memory=self.mem_guarantee or 0,
            reserved_cpus=self.cpu_guarantee or 0,
            api_version=tuple(int(part) for part in self.client.api_version.split(".")),
        )

    async def _remove_leftover(self) -> None:
        """Remove what a start left that was killed with its hub; never a service that isn't this campus's."""
        found = await self.docker("inspect_service", self.object_name)
        if found["Spec"]["Labels"].get(CAMPUS_LABEL) != self.campus:
            raise self._refusal(words.ENGINE_REFUSED, "name-taken", 500, f"{self.object_name} is not the campus's")
        self.log.warning("Removing %s, left over from an earlier start", self.object_name)
        await self._end_service(found["ID"])

    async def _wait_until_it_runs(self) -> Task:
        """Follow the task to `running`. StartRefused with Swarm's own reason when it can't get there."""
        loop = asyncio.get_running_loop()
        begun, tries, rejected = loop.time(), 1, set[str]()
        while True:
            reading = await self._read(FRESH)
            task = reading.task_of(self.object_id)
            if task is None or task.id in rejected:
                await asyncio.sleep(FRESH)
                continue
            if task.state == "rejected" and FALSE_ALARM in task.reason and tries < TRIES:
                tries += 1
                rejected.add(task.id)
                self.log.info("%s: Swarm rejected task %s (%s); asking again", self._log_name, task.id, task.reason)
                await self._ask_again(self.object_id)
                continue
            if ending := ending_of(task, reading.nodes):
                raise self._not_placed(task, ending.text)
            if task.state == "running" and task.address:
                return task
            self._tell_state(task, reading)
            if task.state == "pending" and task.reason and loop.time() - begun > self.patience:
                raise self._not_placed(task, f"no node after {self.patience:g} s: {task.reason}")
            await asyncio.sleep(FRESH)

    def _tell_state(self, task: Task, reading: Reading) -> None:
        node = reading.nodes[task.node].name if task.node in reading.nodes else ""
        if task.state == "pending" and task.reason:
            self._told.tell(15, words.TASK_WAITS, reason=task.reason)
        elif task.state in ("new", "allocated", "pending"):
            self._told.tell(15, words.TASK_NEW)
        elif task.state in ("assigned", "accepted"):
            self._told.tell(25, words.TASK_ASSIGNED, node=node)
        elif task.state in ("preparing", "ready"):
            self._told.tell(35, words.TASK_PREPARING, node=node)
        elif task.state == "starting":
            self._told.tell(55, words.TASK_STARTING, node=node)

    def _not_placed(self, task: Task, log: str) -> StartRefused:
        if task.state in ("complete", "failed", "shutdown") and not task.reason.startswith("starting container"):
            return self._refusal(words.SERVER_DIED, "died", 500, log)
        reason = task.reason or task.state
        return self._refusal(words.NOT_PLACED, f"swarm-{task.state}", 503, log, told=reason)

    async def _wait_until_it_listens(self, address: tuple[str, int]) -> None:
        """Return as soon as the server takes connections; StartRefused when its task ends before."""
        while True:
            try:
                async with asyncio.timeout(1):
                    _, writer = await asyncio.open_connection(*address)
            except OSError:
                reading = await self._read(STALE)
                task = reading.task_of(self.object_id)
                if ending := ending_of(task, reading.nodes):
                    raise self._refusal(
                        words.SERVER_DIED, "died", 500, f"ended while it was starting: {ending.text}"
                    ) from None
                await asyncio.sleep(TRY_EVERY)
            else:
                writer.close()
                return

    async def stop(self, now: bool = False) -> None:
        """End the lab and remove its service; returns when nothing of it answers any more. The home stays."""
        with contextlib.suppress(docker.errors.NotFound):
            await self._end_service(self.object_id or await self._find_service(), gently=not now)
        self.object_id = ""
        await self.give_hardware_back("stopped")
        self.clear_state()

    async def poll(self) -> int | str | None:
        """None while the lab lives, in every state, or while the manager can't say. One that ended is put away."""
        if self._starting:
            return None
        try:
            ending = await self._look_for_an_end()
        except ENGINE_ERRORS as error:
            self.log.warning("%s can't be looked at: %s", self._log_name, text_of(error))
            return None
        if ending is None:
            return None
        if not self.object_id and self.lease_id is None:
            return 0
        self.log.warning("%s ended: %s", self._log_name, ending.text)
        await self._put_away(ending.reason)
        return ending.text

    async def get_task(self) -> Task | None:
        """The task that stands for the lab; the newest that Swarm means to keep where two overlap."""
        return (await self._read(STALE)).task_of(self.object_id)

    async def _look_for_an_end(self) -> Ending | None:
        """None while the lab lives. A service whose id was not kept is of a start that was cut off with its hub."""
        try:
            if not self.object_id:
                self.object_id = await self._find_service()
                return Ending("failed", "its start was cut off")
            reading = await self._read(STALE)
            if reading.task_of(self.object_id) is None:
                await self.docker("inspect_service", self.object_id)
                reading = await self._read(0)
        except docker.errors.NotFound:
            return Ending("lost", "its service is gone")
        return ending_of(reading.task_of(self.object_id), reading.nodes)

    async def _find_service(self) -> str:
        """The service's id by its name, as a hub needs it that was killed during the start; with it the lease."""
        found = await self.docker("inspect_service", self.object_name)
        labels = found["Spec"]["Labels"]
        if labels.get(CAMPUS_LABEL) != self.campus:
            raise docker.errors.NotFound(f"{self.object_name} is not the campus's")
        if self.lease_id is None:
            self.lease_id = lease_in(labels)
        return str(found["ID"])

    async def _remove(self, container: str, *, gently: bool = False) -> None:
        """Remove a service, of which nothing lives any more or nothing may."""
        with contextlib.suppress(docker.errors.NotFound):
            await self.docker("remove_service", container)

    async def _end_service(self, service: str, *, gently: bool = True) -> None:
        """Remove the service and wait until its task is down, SIGTERM first; harmless where it is gone.

        It isn't scaled to nothing before: a manager (of 20.10 at least) crashes when a service is removed in the
        moment in which it forgets a task of that service that has ended (swarmkit, orchestrator.SetServiceTasksRemove).
        """
        await self._remove(service)
        if not gently:
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + STOP_SECONDS + 20
        while True:
            reading = await self._read(FRESH)
            if all(is_down(task, reading.nodes) for task in reading.tasks_of(service)):
                return
            if loop.time() > until:
                self.log.warning("%s: Swarm did not take its task down in time", self._log_name)
                return
            await asyncio.sleep(FRESH)

    async def _ask_again(self, service: str) -> None:
        """Have Swarm replace the service's task."""
        while True:
            found = await self.docker("inspect_service", service)
            template = found["Spec"]["TaskTemplate"]
            template["ForceUpdate"] = template.get("ForceUpdate", 0) + 1
            try:
                await self.docker(
                    "update_service",
                    service,
                    found["Version"]["Index"],
                    task_template=template,
                    fetch_current_spec=True,
                )
            except docker.errors.APIError as error:
                if CHANGED_MEANWHILE not in text_of(error):
                    raise
            else:
                return

    async def _read(self, age: float) -> Reading:
        return await self.view.read(self.docker, not_before=asyncio.get_running_loop().time() - age)

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """How far the start has come, as Swarm tells it."""
        async for event in self._told.follow(every=READ_EVERY):
            yield event
