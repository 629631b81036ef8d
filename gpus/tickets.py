"""Places in the queue for a slice: drawing one, giving it up, who is next, and how many come before. Lends nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import CTE, Integer, Select, String, and_, bindparam, func, literal_column, or_, select
from sqlalchemy.orm import Session

from cohorts.database import table_of
from gpus.borrowers import Borrower
from gpus.fair_order import faded, person_delay, track_delays
from gpus.hardware import Profile, Rules
from gpus.models import Lease, Ticket, TicketState
from gpus.usage import person_key, recent_columns, recent_use, track_key


class Waiting(NamedTuple):
    """A ticket as a decision needs it."""

    id: int
    track: str
    rank: float
    username: str
    profile: str
    cohort_id: str | None
    asked_at: datetime


@dataclass(frozen=True)
class Heads:
    """The first of each track that waits, and the GPU seconds that its track had used as of when; false if nobody does.

    Tracks that never used anything are left out of `used`.
    """

    first: Mapping[str, Waiting]
    used: Mapping[str, tuple[float, datetime]]

    def __bool__(self) -> bool:
        return bool(self.first)


_T = table_of(Ticket)
_WAITING = (_T.c.id, _T.c.track, _T.c.rank, _T.c.username, _T.c.profile, _T.c.cohort_id, _T.c.asked_at)
_QUEUE = and_(_T.c.kind == bindparam("kind"), _T.c.closed_at.is_(None))


def _steps() -> CTE:
    """Tracks in the queue one after another, each by one step along the index: the queue itself isn't read."""
    first = select(func.min(_T.c.track).label("track")).where(_QUEUE).cte("steps", recursive=True)
    later = _T.alias("later")
    following = (
        select(func.min(later.c.track))
        .where(later.c.kind == bindparam("kind"), later.c.closed_at.is_(None), later.c.track > first.c.track)
        .scalar_subquery()
    )
    return first.union_all(select(following).where(first.c.track.is_not(None)))


def _heads() -> Select[Any]:
    """The first of each track, and what the track used recently, without reading the queue."""
    steps, head = _steps(), _T.alias("head")
    first_of = (
        select(head.c.id)
        .where(head.c.kind == bindparam("kind"), head.c.closed_at.is_(None), head.c.track == steps.c.track)
        .order_by(head.c.rank, head.c.id)
        .limit(literal_column("1"))
        .scalar_subquery()
    )
    recent = recent_columns(literal_column(f"'{track_key('')}'", String()) + _T.c.track)
    return select(*_WAITING, *recent).where(_T.c.id.in_(select(first_of).where(steps.c.track.is_not(None))))


# Statements of a decision are built once: SQLAlchemy takes longer to build one than the database to answer it.
_HEADS = _heads()
_STEPS = _steps()
_TRACKS = select(_STEPS.c.track).where(_STEPS.c.track.is_not(None))
_AFTER = (
    select(*_WAITING)
    .where(
        _QUEUE,
        _T.c.track == bindparam("track"),
        or_(_T.c.rank > bindparam("rank"), and_(_T.c.rank == bindparam("rank"), _T.c.id > bindparam("id"))),
    )
    .order_by(_T.c.rank, _T.c.id)
    .limit(literal_column("1"))
)
_OF_COHORT = (
    select(*_WAITING)
    .where(_QUEUE, _T.c.cohort_id == bindparam("cohort"))
    .order_by(_T.c.rank, _T.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_AHEAD = select(func.count()).select_from(_T).where(_QUEUE, _T.c.track == bindparam("track"))
_BEFORE = _AHEAD.where(_T.c.rank < bindparam("mark"))
_LEVEL = _AHEAD.where(_T.c.rank == bindparam("mark"), _T.c.id < bindparam("id"))
_ANY = select(_T.c.id).where(_QUEUE).limit(literal_column("1"))
_OF = select(Ticket).where(Ticket.username == bindparam("of"), Ticket.closed_at.is_(None))
_FORGOTTEN = select(Ticket).where(Ticket.closed_at.is_(None), Ticket.seen_at < bindparam("since"))


def waiting_ticket(session: Session, username: str) -> Ticket | None:
    """The ticket with which the person waits now."""
    return session.scalar(_OF, {"of": username})


def draw(session: Session, who: Borrower, profile: Profile, rules: Rules, now: datetime) -> Ticket:
    """A place in the queue; the one the person has already, if it is for the same hardware."""
    assert profile.kind is not None
    ticket = waiting_ticket(session, who.username)
    if ticket is not None:
        ticket.seen_at = now
        if ticket.profile == profile.name:
            return ticket
        close(ticket, TicketState.LEFT, now)
        session.flush()
    key = person_key(who.username)
    recent = recent_use(session, [key], now, rules.half_life).get(key, 0.0)
    ticket = Ticket(
        username=who.username,
        profile=profile.name,
        kind=profile.kind,
        cohort_id=who.cohort_id,
        track=who.track,
        rank=now.timestamp() + person_delay(recent, rules.delay, rules.longest_delay),
        state=TicketState.WAITING,
        asked_at=now,
        seen_at=now,
    )
    session.add(ticket)
    session.flush()
    return ticket


def close(ticket: Ticket, state: TicketState, now: datetime) -> None:
    """The ticket is no longer in the queue."""
    ticket.state, ticket.closed_at = state, now


def lapse(session: Session, presence: timedelta, now: datetime) -> list[Ticket]:
    """Close tickets that nobody asked after for so long."""
    forgotten = session.scalars(_FORGOTTEN, {"since": now - presence}).all()
    for ticket in forgotten:
        close(ticket, TicketState.LAPSED, now)
    return list(forgotten)


def tracks_waiting(session: Session, kind: str) -> list[str]:
    """Tracks that somebody of waits for that kind; a few steps along an index, however long the queue is."""
    return [track for (track,) in session.execute(_TRACKS, {"kind": kind})]


def delays(session: Session, tracks: Collection[str], rules: Rules, now: datetime) -> Mapping[str, float]:
    """Seconds that each track is moved back at this moment."""
    if len(tracks) < 2:
        return dict.fromkeys(tracks, 0.0)
    keys = {track_key(track): track for track in tracks}
    recent = recent_use(session, list(keys), now, rules.half_life)
    return track_delays(
        tracks, {keys[key]: seconds for key, seconds in recent.items()}, rules.weights, rules.longest_delay
    )


def heads(session: Session, kind: str) -> Heads:
    """The first of each track that waits for that kind."""
    first, used = {}, {}
    for *waiting, seconds, as_of in session.execute(_HEADS, {"kind": kind}):
        ticket = Waiting(*waiting)
        first[ticket.track] = ticket
        if seconds is not None:
            used[ticket.track] = (seconds, as_of)
    return Heads(first, used)


def in_order(session: Session, kind: str, found: Heads, rules: Rules, now: datetime) -> Iterator[Waiting]:
    """Who waits for that kind, the next one first, from the `heads` on. Tickets may be closed meanwhile."""
    recent = {track: faded(seconds, now - as_of, rules.half_life) for track, (seconds, as_of) in found.used.items()}
    left = dict(found.first)
    moved = track_delays(found.first.keys(), recent, rules.weights, rules.longest_delay)
    while left:
        ticket = min(left.values(), key=lambda head: (head.rank + moved[head.track], head.id))
        yield ticket
        after = session.execute(
            _AFTER, {"kind": kind, "track": ticket.track, "rank": ticket.rank, "id": ticket.id}
        ).first()
        if after is None:
            del left[ticket.track]
        else:
            left[ticket.track] = Waiting(*after)


def of_cohort(session: Session, kind: str, cohort_id: str, limit: int) -> list[Waiting]:
    """Who of that cohort waits for that kind, in their own order."""
    rows = session.execute(_OF_COHORT, {"kind": kind, "cohort": cohort_id, "limit": limit})
    return [Waiting(*row) for row in rows]


def reopen(session: Session, lease: Lease) -> None:
    """The turn that this lease was came to nothing, by nobody's fault: its ticket waits again, where it stood."""
    ticket = session.scalar(select(Ticket).where(Ticket.lease_id == lease.id))
    if ticket is not None and waiting_ticket(session, lease.holder) is None:
        ticket.state, ticket.closed_at = TicketState.WAITING, None
        ticket.lease_id = ticket.waited = None
        session.flush()


def waiting_by_kind(session: Session) -> dict[str, int]:
    """How many people wait for each kind; kinds that nobody waits for are left out."""
    rows = session.execute(select(Ticket.kind, func.count()).where(Ticket.closed_at.is_(None)).group_by(Ticket.kind))
    return {row[0]: row[1] for row in rows}


def anybody_waits(session: Session, kind: str) -> bool:
    return session.scalar(_ANY, {"kind": kind}) is not None


def position(session: Session, ticket: Ticket, rules: Rules, now: datetime) -> int:
    """The ticket's place in the queue at this moment, from 1."""
    tracks = tracks_waiting(session, ticket.kind)
    moved = delays(session, tracks, rules, now)
    own = ticket.rank + moved.get(ticket.track, 0.0)
    ahead = 0
    for track in tracks:
        mark = own - moved[track]
        if track == ticket.track:  # exactly, without the rounding of adding and taking away
            mark = ticket.rank
            same = {"kind": ticket.kind, "track": track, "mark": mark, "id": ticket.id}
            ahead += session.scalar(_LEVEL, same) or 0
        ahead += session.scalar(_BEFORE, {"kind": ticket.kind, "track": track, "mark": mark}) or 0
    return ahead + 1
