"""The administrators' page of slices: stock, nodes as a map, who holds what, who waits, GPU hours of a month.

Lists are cut after a screenful; the whole of each is one link away, and a name finds its rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from cohorts.errors import CampusError
from cohorts.models import Person
from gpus.hardware import Hardware
from gpus.inventory import drain, stock
from gpus.leases import open_leases
from gpus.models import Lease, LeaseState, Node, NodeState, Slice, Ticket
from gpus.readings import RULE
from gpus.tickets import heads, in_order, waiting_by_kind
from gpus.usage import account
from gpus.writer import deciding
from portal.context import Campus, campus
from portal.identity import Identity, current_user
from portal.pages.rendering import page, see

router = APIRouter(prefix="/gpus", include_in_schema=False)

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]
SHOWN = 25
QUEUE_LIMIT = 500
BY = ("track", "cohort", "person", "kind")


@dataclass(frozen=True)
class SliceLine:
    """A slice on the map. `state` is free, held, starting, running, stopping or away; `busy` None where unknown."""

    device: str
    kind: str
    state: str
    holder: str | None
    in_class: bool
    busy: float | None

    @property
    def look(self) -> str:
        """Its classes in the style sheet; `load0` to `load4` are shades by how busy it is."""
        load = 0 if self.busy is None else min(4, round(self.busy * 4))
        return f"{self.state} load{load}" + (" class" if self.in_class else "")


@dataclass(frozen=True)
class NodeLine:
    """A node with its slices; `state` is ready, drained or down."""

    name: str
    state: str
    drained: bool
    seen_at: datetime
    slices: tuple[SliceLine, ...]

    @property
    def free(self) -> int:
        return sum(one.state == "free" for one in self.slices)


@router.get("")
def gpus(
    request: Request, here: Here, user: User, q: str = "", by: str = "track", month: str = "", whole: str = ""
) -> Response:
    """Everything about slices on one page."""
    return show(request, here, q=q, by=by, month=month, whole=whole)


@router.post("/nodes/{name}")
def change_node(request: Request, here: Here, user: User, name: str, drained: Annotated[str, Form()] = "1") -> Response:
    """Let a node lend nothing more, or lend again. What runs there goes on."""
    try:
        with deciding(here.database) as session:
            drain(session, name, drained == "1")
    except CampusError as error:
        return show(request, here, error=error)
    return see(request, "/gpus", done="node-drained" if drained == "1" else "node-back")


def show(
    request: Request,
    here: Campus,
    *,
    q: str = "",
    by: str = "track",
    month: str = "",
    whole: str = "",
    error: CampusError | None = None,
) -> Response:
    """The page, with what went wrong. `whole` names the list that is shown to its end."""
    now = datetime.now(UTC)
    this_month = now.astimezone(ZoneInfo(here.settings.timezone)).strftime("%Y-%m")
    month = month if re.fullmatch(r"20\d{2}-(0[1-9]|1[0-2])", month) else this_month
    by = by if by in BY else "track"
    wanted = q.strip().lower()[:100]
    with here.database.read() as session:
        waiting = waiting_by_kind(session)
        found = _matching(session, wanted) if wanted else None
        leases = [one for one in open_leases(session) if found is None or one.holder in found]
        queue = _queue(session, here.hardware, found, now)
        accounts = account(session, by, month)
        if by == "person" and found is not None:
            accounts = [one for one in accounts if one.name in found]
        cut = {"leases": SHOWN, "queue": SHOWN, "use": SHOWN}
        cut.pop(whole, None)
        shown = leases[: cut.get("leases")]
        names = _names(session, [one.holder for one in shown] + [ticket.username for _, ticket in queue])
        if by == "person":
            names |= _names(session, [one.name for one in accounts])
        values: dict[str, Any] = {
            "stock": stock(session),
            "waiting": waiting,
            "nodes": nodes_of(session, now),
            "leases": shown,
            "leases_count": len(leases),
            "queue": queue[: cut.get("queue")],
            "queue_count": len(queue) if wanted else sum(waiting.values()),
            "accounts": accounts[: cut.get("use")],
            "accounts_count": len(accounts),
            "total": sum(one.hours for one in accounts),
            "most": max((one.hours for one in accounts), default=0.0),
            "names": names,
            "titles": {profile.name: profile.title.in_(_locale(request)) for profile in here.hardware.profiles},
            "tracks": {track.key: track.title.in_(_locale(request)) for track in here.catalogue.tracks},
            "q": q.strip()[:100],
            "by": by,
            "month": month,
            "months": _around(month, this_month),
            "zone": here.settings.timezone,
            "error": error,
        }
        return page(request, "gpus.html", values, status=error.status if error else 200)


def nodes_of(session: Session, now: datetime) -> list[NodeLine]:
    """Every node that has or had slices, with who holds them."""
    held = {lease.slice_id: lease for lease in open_leases(session)}
    pieces: dict[str, list[SliceLine]] = {}
    for piece in session.scalars(select(Slice).order_by(Slice.node, Slice.id)):
        pieces.setdefault(piece.node, []).append(_line(piece, held.get(piece.id), now))
    found = []
    for node in session.scalars(select(Node)):
        lines = [line for line in pieces.get(node.name, []) if line.state != "away" or line.holder]
        gone = node.state is NodeState.DOWN
        state = "down" if gone else "drained" if node.drained or node.state is NodeState.DRAINED else "ready"
        if lines or node.drained or gone:
            found.append(NodeLine(node.name, state, node.drained, node.seen_at, tuple(lines)))
    return sorted(found, key=lambda node: _counted(node.name))


def _counted(name: str) -> list[tuple[str, int]]:
    """For sorting: `node10` after `node9`."""
    return [(word, int(number or 0)) for word, number in re.findall(r"([^0-9]*)([0-9]*)", name)]


def _line(piece: Slice, lease: Lease | None, now: datetime) -> SliceLine:
    fresh = piece.read_at is not None and now - piece.read_at <= RULE.longest_gap
    if lease is None:
        state = "free" if piece.present else "away"
    else:
        state = "stopping" if lease.stopping else lease.state.value
    return SliceLine(
        device=piece.device,
        kind=piece.kind,
        state=state,
        holder=lease.holder if lease else None,
        in_class=lease is not None and lease.class_session_id is not None,
        busy=piece.busy if fresh and lease is not None and lease.state is LeaseState.RUNNING else None,
    )


def _matching(session: Session, wanted: str) -> set[str]:
    """User names of people in whose name or user name that stands."""
    named = Person.name.icontains(wanted, autoescape=True) | Person.username.icontains(wanted, autoescape=True)
    return set(session.scalars(select(Person.username).where(named)))


def _queue(session: Session, hardware: Hardware, wanted: set[str] | None, now: datetime) -> list[tuple[int, Ticket]]:
    """Who waits, with the position, kind by kind."""
    found: list[tuple[int, int]] = []
    for kind in hardware.kinds():
        ordered = enumerate(in_order(session, kind, heads(session, kind), hardware.rules, now), start=1)
        found += [
            (place, one.id) for place, one in islice(ordered, QUEUE_LIMIT) if wanted is None or one.username in wanted
        ]
    tickets = session.scalars(select(Ticket).where(Ticket.id.in_([number for _, number in found])))
    known = {ticket.id: ticket for ticket in tickets}
    return [(place, known[number]) for place, number in found]


def _names(session: Session, usernames: list[str]) -> dict[str, str]:
    """Names of people by their user name, asked for in portions that every database takes."""
    found: dict[str, str] = {}
    wanted = sorted(set(usernames))
    for begin in range(0, len(wanted), 500):
        rows = session.execute(
            select(Person.username, Person.name).where(Person.username.in_(wanted[begin : begin + 500]))
        )
        found |= {row[0]: row[1] for row in rows}
    return found


def _around(month: str, this_month: str) -> tuple[str, str | None]:
    """The month before, and the one after where that has begun."""
    first = datetime.strptime(month, "%Y-%m")
    before = (first - timedelta(days=1)).strftime("%Y-%m")
    after = (first + timedelta(days=32)).strftime("%Y-%m")
    return before, after if after <= this_month else None


def _locale(request: Request) -> str:
    identity: Identity = request.state.identity
    return identity.locale
