"""The declared hardware of a campus: profiles that people choose from, rules of lending, slices known by name.

Read from one YAML file (DATA/hardware.yaml, or BITGOEUL_HARDWARE). Without it, everybody gets a CPU lab. Durations are
written as `90s`, `15m`, `4h`, `7d`; sizes as `512M` or `8G`, powers of 1024. Owns no lease and no clock.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from cohorts.errors import NotFound

CPU = "cpu"
DEFAULT_IMAGE = "bitgoeul-lab-cpu"
NAME = r"^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$"
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class HardwareError(Exception):
    """The file can't be used: says where, what was found and what is allowed."""


def read_size(value: Any) -> int:
    """Bytes from `8G`, `512M` or a whole number. Raises ValueError."""
    found = re.fullmatch(r"(\d+)([KMGT]?)(?:i?B)?", str(value).strip())
    if not found:
        raise ValueError(f"{value!r} is no size; write one such as 512M or 8G")
    return int(found[1]) * _UNITS[found[2]]


def read_duration(value: Any) -> timedelta:
    """A duration from `90s`, `15m`, `4h` or `7d`. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", str(value).strip())
    if not found:
        raise ValueError(f"{value!r} is no duration; write one such as 90s, 15m, 4h or 7d")
    return timedelta(seconds=float(found[1]) * _SECONDS[found[2]])


Size = Annotated[int, BeforeValidator(read_size)]
Duration = Annotated[timedelta, BeforeValidator(read_duration)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Title(_Value):
    """What people call it, in Korean and English."""

    ko: str
    en: str

    def in_(self, locale: str) -> str:
        return self.en if locale.lower().startswith("en") else self.ko


class Profile(_Value):
    """Hardware to choose. `kind` is the kind of slice that it takes; None takes none.

    `memory`, `shm` and `disk` are bytes (0 leaves it to the engine), `share` is the part of a card that a slice is: an
    hour with it counts as so many GPU hours. `lease` is how long it is lent at a time, `idle` how long it may do
    nothing.
    """

    name: str = Field(pattern=NAME)
    title: Title
    kind: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    image: str = DEFAULT_IMAGE
    memory: Size = 2 * 1024**3
    cpus: float = Field(default=2.0, gt=0)
    shm: Size = 64 * 1024**2
    pids: int = Field(default=512, ge=32)
    disk: Size = 0
    share: float = Field(default=1.0, gt=0, le=64)
    lease: Duration = timedelta(hours=4)
    idle: Duration = timedelta(minutes=30)
    tracks: tuple[str, ...] | None = None

    def serves(self, track: str) -> bool:
        """Whether people of that track may choose it."""
        return self.tracks is None or track in self.tracks


class Rules(_Value):
    """How slices are lent.

    `weights` are tracks' shares of recent use (1 where not named). `answer` is how long a slice is kept for somebody
    whose turn has come. `weekly_hours` limits GPU hours a person and week outside of class (None: no limit).
    `half_life` is how quickly past use is forgotten; an hour of it costs `delay` of waiting, at most `longest_delay`.
    `class_lead` before the bell slices are kept for a class, and its servers started; `class_grace` after the
    bell, what nobody used goes back. A walk-in gets a slice only if `shortest` is left before a class needs it.
    When a lease is over and somebody waits, what computes then may go on for `finish`, unless a class needs the slice.
    `warn` before the end of a lease, and before an idle server is stopped, people are told. `presence` without a look
    at the waiting room, or out of a lab, a ticket lapses.
    """

    weights: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    answer: Duration = timedelta(minutes=5)
    weekly_hours: float | None = Field(default=None, gt=0)
    half_life: Duration = timedelta(days=2)
    delay: Duration = timedelta(minutes=20)
    longest_delay: Duration = timedelta(hours=2)
    class_lead: Duration = timedelta(minutes=15)
    class_grace: Duration = timedelta(minutes=15)
    shortest: Duration = timedelta(minutes=15)
    finish: Duration = timedelta(minutes=10)
    warn: Duration = timedelta(minutes=15)
    presence: Duration = timedelta(hours=8)


class DeclaredSlice(_Value):
    """A slice by the name that the driver knows: a card's UUID, or a MIG device's."""

    device: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9:._/-]{0,127}$")
    kind: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")


class DeclaredNode(_Value):
    """A node and what it lends."""

    name: str = Field(min_length=1, max_length=253)
    slices: tuple[DeclaredSlice, ...] = ()


class Hardware(_Value):
    """What the file says. Profiles are in the order in which people see them; one of them must do without a slice."""

    profiles: tuple[Profile, ...]
    rules: Rules = Rules()
    nodes: tuple[DeclaredNode, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Hardware:
        names = [profile.name for profile in self.profiles]
        if double := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"profiles {', '.join(double)} are named twice; every name must be its own")
        if not any(profile.kind is None for profile in self.profiles):
            raise ValueError("no profile does without a slice; people who wait need one: add a profile without `kind`")
        devices = [piece.device for node in self.nodes for piece in node.slices]
        if double := sorted({device for device in devices if devices.count(device) > 1}):
            raise ValueError(f"devices {', '.join(double)} are listed twice; a slice is on one node, once")
        return self

    @property
    def default(self) -> Profile:
        """What somebody gets who chose nothing: the first profile without a slice."""
        return next(profile for profile in self.profiles if profile.kind is None)

    def profile(self, name: str) -> Profile:
        """The profile called `name`, the default one for "". NotFound, with what there is, if there is none."""
        if not name:
            return self.default
        for profile in self.profiles:
            if profile.name == name:
                return profile
        there = ", ".join(profile.name for profile in self.profiles)
        raise NotFound(
            f"There is no hardware {name!r}; there is: {there}.", f"{name!r} 장비가 없습니다. 있는 장비: {there}."
        )

    def kinds(self) -> tuple[str, ...]:
        """Every kind of slice that a profile takes, once."""
        return tuple(dict.fromkeys(profile.kind for profile in self.profiles if profile.kind))


CPU_ONLY = Hardware(profiles=(Profile(name=CPU, title=Title(ko="CPU", en="CPU")),))


def load_hardware(path: Path) -> Hardware:
    """What the file at `path` declares; a CPU lab for everybody when there is none. Raises HardwareError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return CPU_ONLY
    except (OSError, UnicodeDecodeError) as error:
        raise HardwareError(f"{path} can't be read ({type(error).__name__}); make it a readable UTF-8 file.") from error
    try:
        return Hardware.model_validate(yaml.safe_load(text) or {})
    except yaml.YAMLError as error:
        raise HardwareError(f"{path} is no YAML: {error}") from error
    except ValidationError as error:
        raise HardwareError(f"{path}: {_problems(error)}") from error


def _problems(error: ValidationError) -> str:
    """Each problem with its place, one after another."""
    told = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"]) or "the file"
        told.append(f"{place}: {problem['msg'].removeprefix('Value error, ')}")
    return "; ".join(told) + "."
