"""Tables of nodes, slices, leases, tickets and use. Names follow docs/explanation/words.md.

That a slice is never leased twice, and nobody holds two, is the database's business: unique indexes over what has not
ended.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Float, ForeignKey, Index, String, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cohorts.database import Base, UtcDateTime, words

_OPEN: dict[str, Any] = {"sqlite_where": text("ended_at is null"), "postgresql_where": text("ended_at is null")}
_NOT_LENT: dict[str, Any] = {"sqlite_where": text("lent is 0"), "postgresql_where": text("lent is false")}
_WAITING: dict[str, Any] = {"sqlite_where": text("closed_at is null"), "postgresql_where": text("closed_at is null")}


class NodeState(StrEnum):
    """`ready` takes servers, `drained` takes no new ones, `down` doesn't answer."""

    READY = "ready"
    DRAINED = "drained"
    DOWN = "down"


class Source(StrEnum):
    """Who told of a node or slice: the declared file, the container engine, or the node's own agent."""

    DECLARED = "declared"
    ENGINE = "engine"
    AGENT = "agent"


class LeaseState(StrEnum):
    """`held` waits for an answer, `starting` for its server, `running` has one, `ended` is over."""

    HELD = "held"
    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"


class TicketState(StrEnum):
    """`waiting` is in the queue; `served` got a lease, `left` was given up, `lapsed` wasn't asked after any more."""

    WAITING = "waiting"
    SERVED = "served"
    LEFT = "left"
    LAPSED = "lapsed"


class Node(Base):
    """A machine that lends slices. `state` is what it was said to be, `drained` what an administrator wants."""

    __tablename__ = "gpu_node"

    name: Mapped[str] = mapped_column(String(253), primary_key=True)
    state: Mapped[NodeState] = mapped_column(words(NodeState), default=NodeState.READY)
    source: Mapped[Source] = mapped_column(words(Source))
    drained: Mapped[bool] = mapped_column(default=False)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)

    slices: Mapped[list[Slice]] = relationship(back_populates="node_")


class Slice(Base):
    """What is lent: a card, or a MIG part of one. `present` says whether its node still has it, `lent` whether a lease
    of it has not ended; that is kept by triggers of the database (migration 0004), and written by nobody else.

    The readings are the node agent's: `busy` is the share of the time since the last one in which it computed,
    `quiet_since` when it began to compute nothing (None: it computes), `lost_at` when its agent could not reach it.
    """

    __tablename__ = "gpu_slice"

    id: Mapped[int] = mapped_column(primary_key=True)
    node: Mapped[str] = mapped_column(ForeignKey("gpu_node.name"))
    device: Mapped[str] = mapped_column(String(128), unique=True)
    kind: Mapped[str] = mapped_column(String(64), index=True)
    present: Mapped[bool] = mapped_column(default=True)
    lent: Mapped[bool] = mapped_column(server_default=false())
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    busy: Mapped[float | None] = mapped_column(Float)
    quiet_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lost_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    memory_used_mib: Mapped[int | None]
    processes: Mapped[int | None]

    node_: Mapped[Node] = relationship(back_populates="slices")

    __table_args__ = (Index("ix_gpu_slice_free", "kind", **_NOT_LENT),)


class Lease(Base):
    """A server's right to a slice. `holder` is a hub user name, or `job:...` for a marking.

    `answer_by` limits a held lease, `until` every other (None: as long as its server runs). `stopping` is why its
    server is being stopped, `used_at` when its lab last said that somebody worked there, `missed_at` since when the hub
    has no server for it, `engine_seen_at` when the engine last had one. `class_session_id` is the
    class it was given for: then it counts against no quota.
    """

    __tablename__ = "gpu_lease"

    id: Mapped[int] = mapped_column(primary_key=True)
    slice_id: Mapped[int] = mapped_column(ForeignKey("gpu_slice.id"), index=True)
    holder: Mapped[str] = mapped_column(String(255), index=True)
    profile: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(64))
    share: Mapped[float] = mapped_column(Float)
    cohort_id: Mapped[str | None] = mapped_column(String(64))
    track: Mapped[str] = mapped_column(String(64))
    class_session_id: Mapped[int | None] = mapped_column(ForeignKey("class_session.id", ondelete="SET NULL"))
    state: Mapped[LeaseState] = mapped_column(words(LeaseState))
    granted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answer_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    starting_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    running_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stopping: Mapped[str | None] = mapped_column(String(32))
    idle_warned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    missed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    engine_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_because: Mapped[str | None] = mapped_column(String(32))

    slice: Mapped[Slice] = relationship()

    __table_args__ = (
        Index("uq_gpu_lease_slice", "slice_id", unique=True, **_OPEN),
        Index("uq_gpu_lease_holder", "holder", unique=True, **_OPEN),
        Index("ix_gpu_lease_open", "kind", **_OPEN),
        Index("ix_gpu_lease_ended", "kind", "ended_at"),
        CheckConstraint("(state = 'ended') = (ended_at is not null)", name="ended"),
    )


class Ticket(Base):
    """A place in the queue for a slice. `rank` orders it among its track's: POSIX seconds of when it came, plus what
    recent use costs (`gpus.fair_order`). `waited` are the seconds until it was served.
    """

    __tablename__ = "gpu_ticket"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(255), index=True)
    profile: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(64))
    cohort_id: Mapped[str | None] = mapped_column(String(64))
    track: Mapped[str] = mapped_column(String(64))
    rank: Mapped[float] = mapped_column(Float)
    state: Mapped[TicketState] = mapped_column(words(TicketState), default=TicketState.WAITING)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_id: Mapped[int | None] = mapped_column(ForeignKey("gpu_lease.id"), index=True)
    waited: Mapped[float | None] = mapped_column(Float)

    __table_args__ = (
        Index("uq_gpu_ticket_username", "username", unique=True, **_WAITING),
        Index("ix_gpu_ticket_queue", "kind", "track", "rank", "id", **_WAITING),
        Index("ix_gpu_ticket_cohort", "kind", "cohort_id", "rank", "id", **_WAITING),
        CheckConstraint("(state = 'waiting') = (closed_at is null)", name="closed"),
    )


class Use(Base):
    """GPU time of one lease in one month of the cohort's zone, written while it runs. `seconds` are those of the slice;
    times `share` they are GPU seconds.
    """

    __tablename__ = "gpu_use"

    id: Mapped[int] = mapped_column(primary_key=True)
    lease_id: Mapped[int] = mapped_column(ForeignKey("gpu_lease.id"), index=True)
    username: Mapped[str] = mapped_column(String(255))
    cohort_id: Mapped[str | None] = mapped_column(String(64))
    track: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(64))
    share: Mapped[float] = mapped_column(Float)
    month: Mapped[str] = mapped_column(String(7))
    in_class: Mapped[bool]
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    until_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seconds: Mapped[float] = mapped_column(Float)
    idle_seconds: Mapped[float] = mapped_column(Float, default=0.0)

    __table_args__ = (Index("ix_gpu_use_person", "username", "until_at"), Index("ix_gpu_use_month", "month"))


class RecentUse(Base):
    """GPU seconds that fade with time, of a person (`person:minji`) or a track (`track:job-conversion`)."""

    __tablename__ = "gpu_recent_use"

    key: Mapped[str] = mapped_column(String(300), primary_key=True)
    seconds: Mapped[float] = mapped_column(Float)
    as_of: Mapped[datetime] = mapped_column(UtcDateTime)
