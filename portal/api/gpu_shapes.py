"""What the API says about hardware: profiles, leases, places, notices, stock. Times are UTC, spans seconds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from gpus.desk import Held, Place
from gpus.hardware import Profile
from gpus.inventory import Stock
from gpus.models import Lease, NodeState
from gpus.notices import Notice
from gpus.usage import Account

Name = Annotated[str, Field(max_length=255)]


class ProfileShape(BaseModel):
    """Hardware to choose from."""

    name: str
    title_ko: str
    title_en: str
    kind: str | None
    cpus: float
    memory: int

    @classmethod
    def of(cls, profile: Profile) -> ProfileShape:
        return cls(
            name=profile.name,
            title_ko=profile.title.ko,
            title_en=profile.title.en,
            kind=profile.kind,
            cpus=profile.cpus,
            memory=profile.memory,
        )


class LeaseShape(BaseModel):
    """A lease of the caller's."""

    id: int
    kind: str
    state: str
    since: datetime
    until: datetime | None
    answer_by: datetime | None
    in_class: bool

    @classmethod
    def of(cls, held: Held) -> LeaseShape:
        return cls(
            id=held.id,
            kind=held.kind,
            state=held.state,
            since=held.since,
            until=held.until,
            answer_by=held.answer_by,
            in_class=held.in_class,
        )


class TicketShape(BaseModel):
    """A place in the queue; `estimate` is a guess in seconds, null where nothing can become free."""

    profile: str
    position: int
    estimate: int | None
    reason_ko: str
    reason_en: str
    turn_until: datetime | None = None

    @classmethod
    def of(cls, place: Place) -> TicketShape:
        return cls(
            profile=place.profile,
            position=place.position,
            estimate=round(place.wait.total_seconds()) if place.wait is not None else None,
            reason_ko=place.reason.ko,
            reason_en=place.reason.en,
        )


class NoticeShape(BaseModel):
    """Something to tell the person in their lab, once for each `id` and level."""

    id: str
    level: Literal["info", "warning"]
    ko: str
    en: str
    url: str | None

    @classmethod
    def of(cls, notice: Notice, waiting: str) -> NoticeShape:
        return cls(
            id=notice.id,
            level=notice.level,
            ko=notice.ko,
            en=notice.en,
            url=waiting if notice.leads_to_waiting else None,
        )


class MineShape(BaseModel):
    """How the caller stands: what they hold, where they wait, and what to tell them."""

    profile: str | None
    lease: LeaseShape | None
    ticket: TicketShape | None
    notices: list[NoticeShape]


class AskShape(BaseModel):
    """Hardware that is asked for; `switch` stops a lab that runs with other hardware first."""

    profile: Name
    switch: bool = False


class GrantRequest(BaseModel):
    """The hub asks what the server of a person may have."""

    username: Name
    profile: Name = ""
    request: Annotated[str, Field(max_length=64)] = ""


class HardwareShape(BaseModel):
    """Limits of a server, in bytes and cores; 0 leaves it to the engine."""

    name: str
    image: str
    memory: int
    cpus: float
    shm: int
    pids: int
    disk: int

    @classmethod
    def of(cls, profile: Profile) -> HardwareShape:
        return cls(**{name: getattr(profile, name) for name in cls.model_fields})


class GrantedLease(BaseModel):
    """The slice that a server holds."""

    id: int
    kind: str
    device: str
    node: str


class GrantShape(BaseModel):
    """What a server may have."""

    hardware: HardwareShape
    lease: GrantedLease | None


class RunningShape(BaseModel):
    device: Name = ""
    node: Name = ""


class EndedShape(BaseModel):
    reason: Literal["stopped", "failed", "lost"]


class EngineSlice(BaseModel):
    kind: Name
    device: Name


class EngineNode(BaseModel):
    """A node of the engine's. One that is paused or drained takes no new servers."""

    name: Name
    state: Literal["ready", "down"]
    availability: Literal["active", "pause", "drain"] = "active"
    slices: Annotated[list[EngineSlice], Field(max_length=1024)] = []

    @property
    def node_state(self) -> NodeState:
        if self.state == "down":
            return NodeState.DOWN
        return NodeState.READY if self.availability == "active" else NodeState.DRAINED


class EngineServerShape(BaseModel):
    lease: int
    username: Name
    device: Name = ""
    node: Name = ""


class EngineReport(BaseModel):
    """What the engine has at a moment. `nodes` null leaves the inventory alone: an engine without slices of its own."""

    nodes: Annotated[list[EngineNode], Field(max_length=4096)] | None
    servers: Annotated[list[EngineServerShape], Field(max_length=20_000)]
    at: datetime


class EngineAnswer(BaseModel):
    """Leases that ended whose container or service should not be there any more."""

    remove: list[int]


class DeviceReading(BaseModel):
    """One look of a node's agent at one device."""

    device: Name
    kind: Name
    model: str = ""
    memory_mib: int | None = None
    busy: Annotated[float, Field(ge=0, le=1)] | None = None
    memory_used_mib: int | None = None
    processes: int | None = None
    processes_cpu: Annotated[float, Field(ge=0)] | None = None


class LostDevice(BaseModel):
    """A device that the agent could not reach, and why."""

    device: Name
    reason: str = ""


class ReadingsShape(BaseModel):
    node: Name
    at: datetime
    driver: str = ""
    devices: Annotated[list[DeviceReading], Field(max_length=1024)]
    lost: Annotated[list[LostDevice], Field(max_length=1024)] = []


class ActivityShape(BaseModel):
    """What a lab says of itself: kernels that compute, and when somebody last worked there."""

    busy_kernels: Annotated[int, Field(ge=0, le=10_000)] = 0
    last_activity: datetime | None = None


class StockShape(BaseModel):
    """Slices of a kind in numbers."""

    kind: str
    available: int
    lent: int
    free: int
    away: int
    waiting: int

    @classmethod
    def of(cls, stock: Stock, waiting: int) -> StockShape:
        return cls(
            kind=stock.kind,
            available=stock.available,
            lent=stock.lent,
            free=stock.free,
            away=stock.away,
            waiting=waiting,
        )


class LeaseRow(BaseModel):
    """A lease as an administrator sees it."""

    id: int
    holder: str
    profile: str
    state: str
    node: str
    device: str
    track: str
    since: datetime
    until: datetime | None
    in_class: bool
    busy: float | None
    stopping: str | None

    @classmethod
    def of(cls, lease: Lease) -> LeaseRow:
        return cls(
            id=lease.id,
            holder=lease.holder,
            profile=lease.profile,
            state=lease.state,
            node=lease.slice.node,
            device=lease.slice.device,
            track=lease.track,
            since=lease.granted_at,
            until=lease.until,
            in_class=lease.class_session_id is not None,
            busy=lease.slice.busy,
            stopping=lease.stopping,
        )


class NodeChange(BaseModel):
    state: Literal["ready", "drained"]


class AccountShape(BaseModel):
    """GPU hours of somebody or something; `idle` of them nothing was computed."""

    name: str
    hours: float
    class_hours: float
    idle: float

    @classmethod
    def of(cls, account: Account) -> AccountShape:
        return cls(name=account.name, hours=account.hours, class_hours=account.class_hours, idle=account.idle)
