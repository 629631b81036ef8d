"""The sandbox's interface: a job goes in, the cells' outputs or a reason come out.

Owns no process. A sandbox returns outputs per cell and nothing else: sources, metadata and points never come back from
where a student's code ran, so nothing there can change them. `run` takes a whole notebook; `open` gives interpreters
that are led cell by cell. Which layers hold on this machine is said by `Layer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, Protocol, Self

from courses.model import Text

MIB = 1024 * 1024


class Ending(StrEnum):
    """How a run ended. Only FINISHED means that every cell was run."""

    FINISHED = "finished"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"
    DIED = "died"


@dataclass(frozen=True)
class Limits:
    """What one job may take. Times in seconds, sizes in bytes.

    `wall` holds for all cells together, `cell` for each (nbgrader's own default is 30 s); `grace` is how long code that
    was interrupted may take to stop before it is killed. `memory` is what all processes of the job may hold; one
    process may map 1 GiB more than that. `scratch` caps the work folder, /tmp, HOME and shared memory together;
    `output` caps what the job may send back.
    """

    wall: float = 120.0
    cell: float | None = 30.0
    grace: float = 5.0
    memory: int = 2048 * MIB
    processes: int = 128
    open_files: int = 1024
    file_size: int = 256 * MIB
    scratch: int = 512 * MIB
    output: int = 32 * MIB

    @classmethod
    def within(cls, wall: float) -> Limits:
        """The usual limits with `wall` seconds for all cells, which none of them may outlast."""
        return cls(wall=wall, cell=min(30.0, wall))

    @property
    def address_space(self) -> int:
        """What one process may map: libraries and thread stacks map far more than they use."""
        return self.memory + 1024 * MIB


@dataclass(frozen=True)
class SandboxJob:
    """A notebook to run (nbformat 4 JSON), with a copy of `files` as its working directory."""

    notebook: Mapping[str, Any]
    files: Path | None = None
    limits: Limits = field(default_factory=Limits)
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CellRun:
    """What one code cell left: its outputs (nbformat 4, checked), its number, its timing.

    `updates` maps earlier cells whose displays this one changed to their new outputs. `evidence` is what the judge side
    noted while it ran a test (JSON); the work side has none.
    """

    outputs: list[dict[str, Any]]
    execution_count: int | None
    timing: dict[str, str] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    updates: Mapping[int, list[dict[str, Any]]] = field(default_factory=dict)


@dataclass(frozen=True)
class SandboxResult:
    """`cells` maps the index of a cell to what it left; cells that were not run are missing.

    `reason` says in a sentence why the run ended early (None when it finished). `log` is for staff.
    """

    ending: Ending
    cells: Mapping[int, CellRun]
    reason: Text | None = None
    log: str = ""
    seconds: float = 0.0
    language_info: Mapping[str, Any] | None = None


class Side(StrEnum):
    """The two interpreters of a judged job: the student's code runs on WORK, the tests on JUDGE."""

    WORK = "work"
    JUDGE = "judge"


@dataclass(frozen=True)
class CellCode:
    """A code cell to run: its place in the notebook and its source."""

    index: int
    source: str


@dataclass(frozen=True)
class Opening:
    """What interpreters begin with.

    `files` is copied to the work folder. `given` are the assignment's own files: a judged job's preamble and its
    judge side may import from a read-only copy of them, and from no other folder that came from outside, so nothing
    that a student handed in belongs there. `imports` are modules a warm interpreter has loaded already. `preamble`
    are locked cells that come before any code of the student's; both sides start from what they left.
    """

    files: Path | None = None
    given: Path | None = None
    limits: Limits = field(default_factory=Limits)
    environment: Mapping[str, str] = field(default_factory=dict)
    imports: frozenset[str] = frozenset()
    preamble: tuple[CellCode, ...] = ()
    judged: bool = False


@dataclass(frozen=True)
class Layer:
    """One layer of isolation: its name, whether it holds on this machine, and why or why not.

    A layer that is missing but has something standing in for it says so in `substitute`.
    """

    name: str
    holds: bool
    reason: Text
    substitute: Text | None = None


class SandboxUnavailable(Exception):
    """This machine, or this setting, can't offer the sandbox; the message says why and what to do."""

    def __init__(self, message: str, korean: str) -> None:
        super().__init__(message)
        self.message = message
        self.korean = korean


class SandboxAway(SandboxUnavailable):
    """What the sandbox stands on does not answer at the moment: nothing is wrong with the job, which can wait."""


class Cancelled(Exception):
    """The run was given up because the worker was told to stop."""


class SideEnded(Exception):
    """A side of the job is gone, and why; it runs no further cell."""

    def __init__(self, ending: Ending, side: Side) -> None:
        super().__init__(f"The {side} side has ended: {ending}.")
        self.ending = ending
        self.side = side


@dataclass(frozen=True)
class Look:
    """What a watched interpreter says of itself and of the test that ran last (see grader.watch).

    `alarms` are what went off since it is watched. `ended` tells whether the test came to its end, `result` the plain
    number that it ended in.
    """

    seen: frozenset[str]
    alarms: frozenset[str]
    ended: bool
    result: str | None


class Interpreters(Protocol):
    """The interpreters of one job. Closing them ends everything that the job started. For one thread."""

    @property
    def preamble(self) -> Mapping[int, CellRun]:
        """What the cells of the preamble left."""
        ...

    def run(
        self, side: Side, cell: CellCode, *, context: Mapping[str, Any] | None = None, silent: bool = False
    ) -> CellRun:
        """Run `cell` on `side`. A `silent` cell doesn't count: it takes no execution number.

        `context` is what the judge side is told about a test. Raises SideEnded when the side can't run it or died of
        it, Cancelled when the job was given up.
        """
        ...

    def watch(self, files: list[str], genuine: Mapping[str, tuple[str, str | None]]) -> None:
        """Watch the work side from now on; before its first cell, and where there is no judge side.

        `files` are names of files that are to stay as they are. `genuine` says where names come from that a cell run
        "aside" finds: a module, and an attribute of it.
        """
        ...

    def look(self) -> Look:
        """What the watched work side says of itself, and of the test it ran last."""
        ...

    def close(self) -> None:
        """Kill whatever is left of the job; a second call does nothing."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Sandbox(Protocol):
    """Runs one job at a time per call; safe to call from several threads."""

    name: str
    isolates: bool

    def run(self, job: SandboxJob, cancel: Event | None = None) -> SandboxResult:
        """Run `job`. Raises Cancelled when `cancel` is set, SandboxUnavailable when nothing can be run here."""
        ...

    def open(self, opening: Opening, cancel: Event | None = None) -> Interpreters:
        """Start the interpreters of one job. Raises what `run` raises, and SideEnded when the preamble ends them."""
        ...

    def afresh(self) -> Sandbox:
        """Another one of the same kind that shares nothing with this one, hash seeds included. The caller closes it."""
        ...

    def close(self) -> None:
        """End what is kept between jobs. A later job starts it anew."""
        ...

    def layers(self) -> list[Layer]:
        """Try on this machine which layers hold."""
        ...
