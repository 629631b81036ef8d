"""The worker's end of a job in containers: one for the work side, one for the judge side where the job is judged.

Owns the making and removing of one job's containers and of the folder they share, and the order in which two sides get
ready (see `container_inside`). The worker talks to each over its attached standard input and output.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any, cast

from grader.sandbox import control, parcel
from grader.sandbox.base import CellRun, Ending, Opening, SandboxUnavailable, Side, SideEnded
from grader.sandbox.container_engine import Engine
from grader.sandbox.container_owner import Owner, labels_of
from grader.sandbox.container_plan import ContainerKind, Tmpfs, build_plan
from grader.sandbox.container_stream import ContainerStream
from grader.sandbox.control import PatientChannel
from grader.sandbox.leading import KILLED_WITHIN, LedJob
from grader.sandbox.outputs import read_record

SET_UP_WITHIN = 120.0  # a GPU library may take long to import from a cold disk
PIECE = 3 << 18
OURS = Path(__file__).resolve().parents[1]
FIRST, MAIN = "grader.sandbox.container_init", "grader.sandbox.container_inside"
OF_SANDBOX = (
    *("__init__", "calls", "container_init", "container_inside", "control", "loop", "parcel", "seccomp"),
    *("shell", "shell_compiler", "shell_descriptors", "shell_hash", "shell_imports", "shell_kernel", "shell_names"),
    *("shell_loop", "shell_record", "shell_seeds", "shell_streams", "shell_transforms", "shell_warming"),
)


class ContainerSide:
    """What the worker holds of one side (see leading.LedSide)."""

    def __init__(self, engine: Engine, container: str, stream: ContainerStream, channel: PatientChannel) -> None:
        self.engine, self.container, self.stream, self.channel = engine, container, stream, channel
        self.ran: set[int] = set()
        self.ended: Ending | None = None
        self.python = ""

    def signal(self, number: int) -> None:
        """Send a signal to the side; the container's first process passes an interrupt on."""
        if number == signal.SIGKILL:
            self.stream.close()  # the engine waits for whoever reads; nobody does any more
        self.engine.signal(self.container, number)

    def gone(self, within: float) -> bool:
        """Whether the container has ended."""
        return self.engine.gone(self.container, within)


class ContainerJob(LedJob):
    """One job in containers of its own (see base.Interpreters)."""

    def __init__(
        self, engine: Engine, kind: ContainerKind, owner: Owner, opening: Opening, cancel: Event | None
    ) -> None:
        super().__init__(opening.limits, cancel)
        self._engine, self._kind, self._owner, self._opening = engine, kind, owner, opening
        self._token = secrets.token_hex(8)
        self._containers: list[str] = []
        self._streams: list[ContainerStream] = []
        self._volume: str | None = None
        self._closed = False
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    @property
    def python(self) -> str:
        """The version of Python that the cells run in."""
        handle = self._sides[Side.WORK]
        assert isinstance(handle, ContainerSide)
        return handle.python

    def close(self) -> None:
        """Remove the job's containers, with everything in them, and the folder they shared."""
        if self._closed:
            return
        self._closed = True
        for stream in self._streams:
            stream.close()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._engine.remove, self._containers))
        if self._volume is not None:
            self._engine.remove_volume(self._volume)

    # Starting

    def _start(self) -> None:
        self._stop_at = time.monotonic() + SET_UP_WITHIN
        if self._opening.judged:
            self._volume = f"bitgoeul-{self._token}"
            labels = labels_of(self._owner, "shared")
            self._engine.create_volume(self._volume, Tmpfs(self.limits.scratch), labels)
        names = ["judge", "work"] if self._opening.judged else ["work"]
        seeds = {"hash": str(secrets.randbelow(1 << 32)), "seed": self._seed()}
        with ThreadPoolExecutor(2) as pool:
            handles = list(pool.map(lambda name: self._start_side(name, seeds), names))
        for handle in handles:
            handle.python = str(self._expect(handle, "ready")["python"])
        first, work = handles[0], handles[-1]
        if first is not work:
            self._begin(first, files=bool(self._opening.preamble), given=True)
            self._run_preamble(first)
            self._tell(first, "split")
            self._expect(first, "split")
        self._begin(work, files=True, given=first is not work)
        self._count = 0
        self.preamble = self._run_preamble(work)
        if first is not work:
            self._join(first, work)
        self._sides = {Side.WORK: work} if first is work else {Side.JUDGE: first, Side.WORK: work}

    def _start_side(self, name: str, seeds: dict[str, Any]) -> ContainerSide:
        plan = build_plan(self._kind, self._opening, labels_of(self._owner, name), seeds["hash"], self._volume)
        container = self._engine.create(plan)
        self._containers.append(container)
        stream = ContainerStream(self._engine.attach(container))
        self._streams.append(stream)
        channel = PatientChannel(cast(socket.socket, stream), self.limits.output, self._look)
        self._engine.start(container, plan)
        spec = {
            "side": name,
            "judged": self._opening.judged,
            "given": self._opening.given is not None,
            "imports": sorted(self._opening.imports),
            "open_files": self.limits.open_files,
            "seed": seeds["seed"],
            "link": f".link-{self._token}",
        }
        handle = ContainerSide(self._engine, container, stream, channel)
        self._send(handle, {"modules": read_modules(), "first": FIRST, "main": MAIN, "spec": spec})
        return handle

    def _seed(self) -> str | None:
        """Both sides run the preamble: they need the same chance. Without one, each has its own, as forks do."""
        return secrets.token_hex(16) if self._opening.preamble else None

    def _begin(self, handle: ContainerSide, *, files: bool, given: bool) -> None:
        """Hand over the files that a side starts with."""
        parcels = {"work": self._opening.files if files else None, "given": self._opening.given if given else None}
        for folder, path in parcels.items():
            if path is not None:
                self._send_parcel(handle, folder, path)
        self._tell(handle, "begin")
        self._expect(handle, "begun")

    def _send_parcel(self, handle: ContainerSide, folder: str, path: Path) -> None:
        packed = parcel.pack(path)
        try:
            size = os.fstat(packed).st_size
            starts = range(0, size, PIECE)
            self._send(handle, {"op": "parcel", "folder": folder, "pieces": len(starts)})
            for start in starts:
                self._send(handle, {"data": base64.b64encode(os.pread(packed, PIECE, start)).decode()})
        finally:
            os.close(packed)

    def _run_preamble(self, handle: ContainerSide) -> dict[int, CellRun]:
        """The locked cells before any code of the student's, which the limits hold for like for all others."""
        self._sides = {Side.WORK: handle}
        self._stop_at = time.monotonic() + self.limits.wall
        return {cell.index: self.run(Side.WORK, cell) for cell in self._opening.preamble}

    def _join(self, judge: ContainerSide, work: ContainerSide) -> None:
        self._tell(work, "split")
        self._expect(work, "split")
        self._tell(judge, "listen")
        self._expect(judge, "listening")
        self._tell(work, "join")
        self._expect(work, "ready")
        self._expect(judge, "ready")

    def _tell(self, handle: ContainerSide, op: str) -> None:
        self._send(handle, {"op": op})

    def _send(self, handle: ContainerSide, message: dict[str, Any]) -> None:
        with self._set_up_failures(handle):
            handle.channel.send(message, time.monotonic() + SET_UP_WITHIN)

    def _expect(self, handle: ContainerSide, op: str) -> dict[str, Any]:
        with self._set_up_failures(handle):
            message = read_record(handle.channel.receive(time.monotonic() + SET_UP_WITHIN)) or {}
        if message.get("op") != op:
            raise self._unusable(str(message.get("failed", "no answer")))
        return message

    @contextlib.contextmanager
    def _set_up_failures(self, handle: ContainerSide) -> Any:
        try:
            yield
        except (control.ChannelClosed, control.NoAnswer, control.TooMuch) as error:
            if self._engine.out_of_memory(handle.container, 0.5):
                raise SideEnded(Ending.MEMORY, Side.WORK) from None
            told = handle.stream.errors.decode("utf-8", "replace").strip().splitlines()
            raise self._unusable(told[-1] if told else f"its program went away ({error})") from None

    def _unusable(self, reason: str) -> SandboxUnavailable:
        image = self._kind.image
        return SandboxUnavailable(
            f"Notebooks can't be run in the image {image!r}: {reason}. It needs Python 3.11 or newer as "
            "`python3`, with ipykernel.",
            f"이미지 {image!r}에서는 노트북을 실행할 수 없습니다: {reason}. `python3`로 실행되는 Python 3.11 이상과 "
            "ipykernel이 있어야 합니다.",
        )

    # Ending

    def _died(self, side: Side) -> None:
        handle = self._sides[side]
        assert isinstance(handle, ContainerSide)
        by_memory = self._engine.out_of_memory(handle.container, KILLED_WITHIN)
        self._end(side, Ending.MEMORY if by_memory else Ending.DIED)


def read_modules() -> dict[str, str]:
    """The sources of what runs inside: public code of ours, nothing of any course."""
    paths = [OURS / "__init__.py", *(OURS / "sandbox" / f"{name}.py" for name in OF_SANDBOX)]
    paths += [path for package in ("judge", "watch") for path in sorted((OURS / package).glob("*.py"))]
    found: dict[str, str] = {}
    for path in paths:
        parts = path.relative_to(OURS.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return found
