"""Where everybody stands, read in one go: for pages that hundreds of people watch at the same time.

Owns no decision and no row. What `gpus.desk` says of one person is exact; a board is as old as its caller lets it be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from gpus.desk import Held, Place, held
from gpus.estimates import Estimator
from gpus.hardware import Hardware
from gpus.leases import open_leases
from gpus.models import Ticket
from gpus.reasons import Reasons
from gpus.tickets import delays


@dataclass(frozen=True)
class Board:
    """Leases and places by user name, at `at`."""

    at: datetime
    leases: Mapping[str, Held]
    places: Mapping[str, Place]


def read_board(session: Session, hardware: Hardware, now: datetime) -> Board:
    """Everybody's standing; a handful of statements, however many wait."""
    leases = {lease.holder: held(lease) for lease in open_leases(session)}
    queues: dict[str, list[Ticket]] = defaultdict(list)
    for ticket in session.scalars(select(Ticket).where(Ticket.closed_at.is_(None))):
        queues[ticket.kind].append(ticket)
    places: dict[str, Place] = {}
    for kind, tickets in queues.items():
        places |= _places(session, hardware, kind, tickets, now)
    return Board(now, leases, places)


def _places(session: Session, hardware: Hardware, kind: str, tickets: list[Ticket], now: datetime) -> dict[str, Place]:
    moved = delays(session, sorted({ticket.track for ticket in tickets}), hardware.rules, now)
    tickets.sort(key=lambda ticket: (ticket.rank + moved[ticket.track], ticket.id))
    reasons = Reasons.read(session, hardware, kind, now)
    estimators: dict[str, Estimator] = {}
    found = {}
    for number, ticket in enumerate(tickets, 1):
        if ticket.profile not in estimators:
            usual = hardware.profile(ticket.profile).lease
            estimators[ticket.profile] = Estimator.read(session, kind, usual, now)
        found[ticket.username] = Place(
            profile=ticket.profile,
            position=number,
            wait=estimators[ticket.profile].wait(number),
            reason=reasons.of(ticket, number),
            asked_at=ticket.asked_at,
        )
    return found
