"""The gate before the container engine's socket: hub and graders get the rights that they need, and no other.

    python -m hub_config.engine_gate

The only process of a campus that holds the engine's socket, which is as much as root on its machine. It listens at a
socket for the hub and, where work is marked in containers, at one for graders. It holds no secret and needs no network.
What may be asked is in `gate_rules`; what is refused is answered as the engine would, and logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub_config.environment import PREFIX, SettingsError
from hub_config.gate_rules import Passed, Request, Rules
from hub_config.gate_settings import Door, GateSettings, read_gate_settings
from hub_config.gate_values import Refused
from hub_config.gate_wire import (
    REQUEST_SECONDS,
    Wire,
    ask,
    build_answer,
    build_request,
    carry_answer,
    carry_both,
    open_wire,
    read_request,
)

#: connections of one socket at a time; a client that opens more gets 503
CONNECTIONS = 512
KNOWN = 4096
LOOK_UP_SECONDS = 60.0

log = logging.getLogger("gate")


@dataclass
class Gate:
    """One socket's side of the gate."""

    rules: Rules
    engine: str
    connections: set[asyncio.Task[Any]] = field(default_factory=set)
    #: ids that were looked up and are the asker's own: labels of a container never change
    _known: dict[str, None] = field(default_factory=dict)

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its beginning to its end."""
        task = asyncio.current_task()
        assert task is not None
        self.connections.add(task)
        client = Wire(reader, writer)
        try:
            await self._answer(client)
            await client.close()
        except (OSError, asyncio.CancelledError):
            pass  # whoever went away needs no answer
        finally:
            self.connections.discard(task)
            client.end()

    async def _answer(self, client: Wire) -> None:
        asked = "a request"
        try:
            came = await self._read(client)
            if came is None:
                return
            request, early = came
            asked = f"{request.method} {request.target.partition('?')[0]}"
            if len(self.connections) > CONNECTIONS:
                raise Refused(f"There are {CONNECTIONS} connections already.", 503)
            passed = self.rules.decide(request)
            found = await self._own(passed) if passed.owned else ""
        except Refused as error:
            told = "".join(letter if letter.isprintable() else "?" for letter in f"{asked}: {error}")
            log.warning("Refused to %s: %s", self.rules.whose, told)
            client.writer.write(build_answer(error.status, f"Refused by the gate before the engine: {error}"))
            return
        except _EngineSays as said:
            client.writer.write(build_answer(said.status, said.message))
            return
        await self._send_on(passed, found, client, early)

    async def _read(self, client: Wire) -> tuple[Request, bytes] | None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return await read_request(client)
        except TimeoutError:
            raise Refused(f"The request did not come within {REQUEST_SECONDS:.0f} s.", 408) from None

    async def _send_on(self, passed: Passed, found: str, client: Wire, early: bytes) -> None:
        try:
            engine = await open_wire(self.engine)
        except OSError as error:
            log.error("The engine does not answer at %s: %s", self.engine, error)
            client.writer.write(build_answer(502, f"The engine does not answer: {error}"))
            return
        try:
            engine.writer.write(build_request(passed, found))
            if passed.upgrade:
                await carry_both(engine, client, early)
            else:
                await carry_answer(engine, client)
        finally:
            engine.end()

    async def _own(self, passed: Passed) -> str:
        """What the engine calls the thing that is asked for, where it is the asker's own. Raises Refused."""
        if passed.name in self._known:
            return passed.name
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                status, found = await ask(self.engine, passed.look_up)
        except (OSError, ValueError) as error:  # TimeoutError is one of the first
            log.error("The engine does not answer at %s: %s", self.engine, error)
            raise _EngineSays(502, f"The engine does not answer: {error}") from None
        if status != 200:
            raise _EngineSays(status, str(found.get("message", "")))
        container = passed.owned == "containers"
        labels = (found["Config"]["Labels"] if container else found["Labels"]) or {}
        if not self.rules.owns(labels):
            raise Refused(f"{passed.name} is none of this campus's that {self.rules.whose} may touch.")
        called = str(found["Id"] if container else found["Name"])
        if container:
            while len(self._known) >= KNOWN:
                del self._known[next(iter(self._known))]
            self._known[called] = None
        return called


class _EngineSays(Exception):
    """The engine answered a look-up with something else than what was looked for."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


async def listen(door: Door, gate: Gate) -> asyncio.Server:
    """Open a socket, in the place of one that was left there. SettingsError where its group can't be given to it."""
    door.path.parent.mkdir(mode=0o755, exist_ok=True)
    _clear(door.path)
    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(gate.meet, door.path)
    finally:
        os.umask(before)
    if door.group is not None:
        try:
            os.chown(door.path, -1, door.group)
        except PermissionError:
            raise SettingsError(
                f"The socket {door.path} can't be given to the group {door.group}; make the gate's account a member of "
                "that group (group_add)."
            ) from None
    door.path.chmod(0o660)
    return server


def _clear(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise SettingsError(f"{path} is there and is no socket; name another folder with {PREFIX}GATE_SOCKETS.")
        path.unlink()


async def serve(settings: GateSettings) -> None:
    """Listen until SIGTERM or SIGINT; then end every connection, and take the sockets away."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    gates = [Gate(door.rules, settings.engine) for door in settings.doors]
    servers: list[asyncio.Server] = []
    try:
        for door, gate in zip(settings.doors, gates, strict=True):
            servers.append(await listen(door, gate))
            log.info("%s is let through at %s", gate.rules.whose, door.path)
        await ended.wait()
    finally:
        for server in servers:
            server.close()
        for task in [task for gate in gates for task in gate.connections]:
            task.cancel()
        for door in settings.doors[: len(servers)]:
            door.path.unlink(missing_ok=True)


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="[%(levelname)1.1s %(asctime)s gate] %(message)s")
    try:
        settings = read_gate_settings(os.environ)
        if settings.homes != "volumes":
            log.warning(
                "Homes are folders below %s, where the hub makes them; a link there shows labs what it names",
                settings.homes,
            )
        asyncio.run(serve(settings))
    except (SettingsError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
