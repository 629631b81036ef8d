"""What a person has to be told now: the portal's notices, and those that no silence of the portal may swallow.

The lab knows when its lease ends and until when a turn lasts, so it announces both even where the portal doesn't, and
makes the end of a lease louder as it comes near. Pure: gets `now`, returns notices.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from lab_side.holding import LEVELS, Holding, Lease, Notice, Ticket
from lab_side.words import LEASE_ENDS, YOUR_TURN, Sentence

#: how long before a lease's end it is announced in a corner, and how long before it stands in the way
ANNOUNCED = timedelta(minutes=15)
URGENT = timedelta(minutes=5)


def end_id(lease: Lease) -> str:
    """The id of the notice that a lease ends, as the portal forms it, too."""
    return f"lease-{lease.id}-ends"


def build_notices(holding: Holding, now: datetime, waiting_room: str) -> list[Notice]:
    """Everything to tell at `now`, in the portal's order, the lab's own after it."""
    notices = {notice.id: notice for notice in holding.notices}
    if holding.ticket and holding.ticket.turn_until and not any("turn" in known for known in notices):
        turn = _turn(holding.ticket, holding.ticket.turn_until, waiting_room)
        notices[turn.id] = turn
    if holding.lease and holding.lease.until:
        left = holding.lease.until - now
        if left <= ANNOUNCED:
            known = notices.get(end_id(holding.lease)) or _end(holding.lease, holding.lease.until, waiting_room)
            notices[known.id] = _at_least(known, "urgent" if left <= URGENT else "warning")
    return list(notices.values())


def _at_least(notice: Notice, level: str) -> Notice:
    return notice if LEVELS.index(notice.level) >= LEVELS.index(level) else replace(notice, level=level)


def _end(lease: Lease, until: datetime, waiting_room: str) -> Notice:
    return Notice(end_id(lease), "warning", _at(LEASE_ENDS, until), waiting_room)


def _turn(ticket: Ticket, until: datetime, waiting_room: str) -> Notice:
    return Notice(f"turn-{until.isoformat()}", "warning", _at(YOUR_TURN, until), waiting_room)


def _at(sentence: Sentence, moment: datetime) -> Sentence:
    """`sentence` with the time of day in the server's zone, which is the campus's."""
    return sentence.said(at=f"{moment.astimezone():%H:%M}")
