"""Which slices there are: declared in a file, reported by the container engine, or read by a node's agent.

Owns nodes and slices; that one is lent is told by its leases, through the database's triggers. What is no longer there
is kept, for the records, and not lent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from cohorts.database import table_of
from cohorts.errors import NotFound
from gpus.hardware import DeclaredNode
from gpus.models import Node, NodeState, Slice, Source

_S, _N = table_of(Slice), table_of(Node)
_FREE = (
    select(_S.c.id, _S.c.node)
    .join(_N, _N.c.name == _S.c.node)
    .where(
        _S.c.kind == bindparam("kind"),
        _S.c.lent.is_(False),
        _S.c.present,
        _N.c.state == NodeState.READY,
        _N.c.drained.is_(False),
    )
    .order_by(_S.c.node, _S.c.id)
)
_AVAILABLE = (
    select(func.count())
    .select_from(_S)
    .join(_N, _N.c.name == _S.c.node)
    .where(_S.c.kind == bindparam("kind"), _S.c.present, _N.c.state == NodeState.READY, _N.c.drained.is_(False))
)
_STOCK = (
    select(_S.c.kind, _S.c.present, _N.c.state, _N.c.drained, _S.c.lent, func.count())
    .select_from(_S)
    .join(_N, _N.c.name == _S.c.node)
    .group_by(_S.c.kind, _S.c.present, _N.c.state, _N.c.drained, _S.c.lent)
)


@dataclass(frozen=True)
class ReportedNode:
    """A node as the engine has it: its slices as (device, kind)."""

    name: str
    state: NodeState
    slices: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Stock:
    """How many slices of a kind there are: on nodes that take servers, of those lent, free, and out of reach."""

    kind: str
    available: int
    lent: int
    free: int
    away: int


def apply_declared(session: Session, nodes: Iterable[DeclaredNode], now: datetime) -> None:
    """Make the inventory hold what the file declares. A node that has left the file lends nothing."""
    named = {
        node.name: ReportedNode(node.name, NodeState.READY, tuple((piece.device, piece.kind) for piece in node.slices))
        for node in nodes
    }
    for name, reported in named.items():
        known = session.get(Node, name)
        keep = known.state if known is not None and known.source is not Source.DECLARED else None
        _apply(session, reported, Source.DECLARED, now, state=keep)
    for node in session.scalars(select(Node).where(Node.source == Source.DECLARED)):
        if node.name not in named:
            _set_present(session, node.name, ())


def apply_engine(session: Session, nodes: Iterable[ReportedNode], now: datetime) -> None:
    """Take over what the engine says of its nodes. A node that it doesn't name any more is down.

    Slices that are declared in the file stay: an engine without generic resources knows of no slice.
    """
    named = set()
    for reported in nodes:
        named.add(reported.name)
        known = session.get(Node, reported.name)
        if known is not None and known.source is Source.DECLARED and not reported.slices:
            known.state, known.seen_at = reported.state, now
        else:
            _apply(session, reported, Source.ENGINE, now)
    for node in session.scalars(select(Node).where(Node.source == Source.ENGINE, Node.state != NodeState.DOWN)):
        if node.name not in named:
            node.state = NodeState.DOWN


def apply_agent(
    session: Session, name: str, slices: Collection[tuple[str, str]], lost: Collection[str], now: datetime
) -> None:
    """Take over which devices a node's agent sees. Those that it calls `lost` are `gpus.readings`' business.

    A node that the file or the engine told of keeps its slices; of them, one that its agent sees again is there again.
    """
    node = session.get(Node, name)
    if node is None or node.source is Source.AGENT:
        known = select(Slice.device, Slice.kind).where(Slice.node == name, Slice.device.in_(lost), Slice.present)
        staying = [(device, kind) for device, kind in session.execute(known)]
        _apply(session, ReportedNode(name, NodeState.READY, (*slices, *staying)), Source.AGENT, now)
        return
    seen = {device for device, _ in slices}
    for piece in session.scalars(select(Slice).where(Slice.node == name, Slice.lost_at.is_not(None))):
        if piece.device in seen:
            piece.present = True


def drain(session: Session, name: str, drained: bool) -> None:
    """Let a node lend nothing more, or lend again; what runs there goes on. NotFound for an unknown one."""
    node = session.get(Node, name)
    if node is None:
        raise NotFound(f"There is no node {name!r}.", f"{name!r} 노드가 없습니다.")
    node.drained = drained
    session.flush()


def _apply(
    session: Session, reported: ReportedNode, source: Source, now: datetime, *, state: NodeState | None = None
) -> None:
    node = session.get(Node, reported.name)
    if node is None:
        node = Node(name=reported.name, state=reported.state, source=source, seen_at=now)
        session.add(node)
        session.flush()
    node.state, node.source, node.seen_at = state or reported.state, source, now
    _set_present(session, reported.name, reported.slices)


def _set_present(session: Session, node: str, slices: Collection[tuple[str, str]]) -> None:
    wanted = dict(slices)
    known = {piece.device: piece for piece in session.scalars(select(Slice).where(Slice.node == node))}
    for device, piece in known.items():
        present = device in wanted
        if piece.present != present:
            piece.present = present
        if present and piece.kind != wanted[device]:
            piece.kind = wanted[device]
    for device in (device for device in wanted if device not in known):
        moved = session.scalar(select(Slice).where(Slice.device == device))
        if moved is None:
            session.add(Slice(node=node, device=device, kind=wanted[device]))
        else:  # the card was put into another machine
            moved.node, moved.kind, moved.present = node, wanted[device], True
    session.flush()


def free_slices(session: Session, kind: str) -> list[int]:
    """Ids of slices of that kind that may be lent now, the node with most free ones first: nodes fill evenly."""
    rows = session.execute(_FREE, {"kind": kind}).all()
    left = Counter(node for _, node in rows)
    place: Counter[str] = Counter()
    order = []
    for number, node in rows:
        order.append((place[node] - left[node], node, number))
        place[node] += 1
    return [number for _, _, number in sorted(order)]


def available(session: Session, kind: str) -> int:
    """How many slices of that kind are on nodes that take servers, lent or not."""
    return session.scalar(_AVAILABLE, {"kind": kind}) or 0


def stock(session: Session) -> list[Stock]:
    """Every kind's slices in numbers, by kind."""
    kinds: dict[str, Counter[str]] = {}
    for kind, present, state, drained, lent, number in session.execute(_STOCK):
        count = kinds.setdefault(kind, Counter())
        if not present or state is NodeState.DOWN:
            count["away"] += number
        elif lent:
            count["lent"] += number
        elif state is NodeState.READY and not drained:
            count["free"] += number
        else:
            count["away"] += number
    return [
        Stock(kind, count["lent"] + count["free"], count["lent"], count["free"], count["away"])
        for kind, count in sorted(kinds.items())
    ]
