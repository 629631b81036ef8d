"""Places in the queue for a slice: drawing one, giving it up, who is next, and how many come before. Lends nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from gpus.borrowers import Borrower
from gpus.fair_order import person_delay, track_delays
from gpus.hardware import Profile, Rules
from gpus.models import Ticket, TicketState
from gpus.usage import person_key, recent_use, track_key


def waiting_ticket(session: Session, username: str) -> Ticket | None:
    """The ticket with which the person waits now."""
    return session.scalar(select(Ticket).where(Ticket.username == username, Ticket.closed_at.is_(None)))


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
    forgotten = session.scalars(select(Ticket).where(Ticket.closed_at.is_(None), Ticket.seen_at < now - presence)).all()
    for ticket in forgotten:
        close(ticket, TicketState.LAPSED, now)
    return list(forgotten)


def tracks_waiting(session: Session, kind: str) -> list[str]:
    """Tracks that somebody of waits for that kind; a few steps along an index, however long the queue is."""
    found: list[str] = []
    open_ = and_(Ticket.kind == kind, Ticket.closed_at.is_(None))
    track = session.scalar(select(func.min(Ticket.track)).where(open_))
    while track is not None:
        found.append(track)
        track = session.scalar(select(func.min(Ticket.track)).where(open_, Ticket.track > track))
    return found


def delays(session: Session, tracks: list[str], rules: Rules, now: datetime) -> Mapping[str, float]:
    """Seconds that each track is moved back at this moment."""
    keys = {track_key(track): track for track in tracks}
    recent = recent_use(session, list(keys), now, rules.half_life)
    return track_delays(
        tracks, {keys[key]: seconds for key, seconds in recent.items()}, rules.weights, rules.longest_delay
    )


def in_order(session: Session, kind: str, rules: Rules, now: datetime) -> Iterator[Ticket]:
    """Who waits for that kind, the next one first. Whoever takes a ticket out of the queue may go on asking."""
    tracks = tracks_waiting(session, kind)
    moved = delays(session, tracks, rules, now)
    heads = {track: _after(session, kind, track, None) for track in tracks}
    while waiting := [ticket for ticket in heads.values() if ticket is not None]:
        ticket = min(waiting, key=lambda head: (head.rank + moved[head.track], head.id))
        mark = (ticket.rank, ticket.id)
        yield ticket
        heads[ticket.track] = _after(session, kind, ticket.track, mark)


def _after(session: Session, kind: str, track: str, mark: tuple[float, int] | None) -> Ticket | None:
    query = select(Ticket).where(Ticket.kind == kind, Ticket.track == track, Ticket.closed_at.is_(None))
    if mark is not None:
        rank, number = mark
        query = query.where(or_(Ticket.rank > rank, and_(Ticket.rank == rank, Ticket.id > number)))
    return session.scalar(query.order_by(Ticket.rank, Ticket.id).limit(1))


def of_cohort(session: Session, kind: str, cohort_id: str, limit: int) -> list[Ticket]:
    """Who of that cohort waits for that kind, in their own order."""
    return list(
        session.scalars(
            select(Ticket)
            .where(Ticket.kind == kind, Ticket.cohort_id == cohort_id, Ticket.closed_at.is_(None))
            .order_by(Ticket.rank, Ticket.id)
            .limit(limit)
        )
    )


def anybody_waits(session: Session, kind: str) -> bool:
    return session.scalar(select(Ticket.id).where(Ticket.kind == kind, Ticket.closed_at.is_(None)).limit(1)) is not None


def position(session: Session, ticket: Ticket, rules: Rules, now: datetime) -> int:
    """The ticket's place in the queue at this moment, from 1."""
    tracks = tracks_waiting(session, ticket.kind)
    moved = delays(session, tracks, rules, now)
    own = ticket.rank + moved.get(ticket.track, 0.0)
    ahead = 0
    for track in tracks:
        mark = own - moved[track]
        before = Ticket.rank < mark
        if track == ticket.track:  # exactly, without the rounding of adding and taking away
            before = or_(Ticket.rank < ticket.rank, and_(Ticket.rank == ticket.rank, Ticket.id < ticket.id))
        ahead += (
            session.scalar(
                select(func.count())
                .select_from(Ticket)
                .where(Ticket.kind == ticket.kind, Ticket.track == track, Ticket.closed_at.is_(None), before)
            )
            or 0
        )
    return ahead + 1
