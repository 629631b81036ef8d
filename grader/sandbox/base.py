"""The sandbox's interface: a job goes in, the cells' outputs or a reason come out.

Owns no process. A sandbox returns outputs per cell and nothing else: sources, metadata and points never come back from
where a student's code ran, so nothing there can change them. Which layers hold on this machine is said by `Layer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import Any, Protocol

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

    `wall` holds for all cells together, `cell` for each (nbgrader's own default is 30 s). `memory` is what all
    processes of the job may hold; one process may map 1 GiB more than that. `scratch` caps the work folder, /tmp, HOME
    and shared memory together; `output` caps what the job may send back.
    """

    wall: float = 120.0
    cell: float | None = 30.0
    memory: int = 2048 * MIB
    processes: int = 128
    open_files: int = 1024
    file_size: int = 256 * MIB
    scratch: int = 512 * MIB
    output: int = 32 * MIB

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
    """What one code cell left: its outputs (nbformat 4, checked), its number, its timing."""

    outputs: list[dict[str, Any]]
    execution_count: int | None
    timing: dict[str, str] = field(default_factory=dict)


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


@dataclass(frozen=True)
class Layer:
    """One layer of isolation: its name, whether it holds on this machine, and why or why not."""

    name: str
    holds: bool
    reason: Text


class SandboxUnavailable(Exception):
    """This machine, or this setting, can't offer the sandbox; the message says why and what to do."""

    def __init__(self, message: str, korean: str) -> None:
        super().__init__(message)
        self.message = message
        self.korean = korean


class Cancelled(Exception):
    """The run was given up because the worker was told to stop."""


class Sandbox(Protocol):
    """Runs one job at a time per call; safe to call from several threads."""

    name: str
    isolates: bool

    def run(self, job: SandboxJob, cancel: Event | None = None) -> SandboxResult:
        """Run `job`. Raises Cancelled when `cancel` is set, SandboxUnavailable when nothing can be run here."""
        ...

    def layers(self) -> list[Layer]:
        """Try on this machine which layers hold."""
        ...
