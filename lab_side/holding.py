"""What a person holds or waits for, as the portal's GET /api/gpus/mine says it. Refuses an answer of another shape.

Addresses that the portal names are kept only when they are paths of this site, so that nothing in a notice leads away.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab_side.words import Sentence

#: from the quietest to the loudest; the portal knows the first two, "urgent" is the lab's own
LEVELS = ("info", "warning", "urgent")
MOST_NOTICES = 20
LONGEST_TEXT = 500


@dataclass(frozen=True)
class Lease:
    """A slice in use. `until` None: no end is set."""

    id: int
    kind: str
    until: datetime | None
    in_class: bool


@dataclass(frozen=True)
class Ticket:
    """A place in the queue, from 1; `estimate` in seconds. `turn_until`: the turn has come, and lasts until then."""

    position: int
    estimate: int | None
    reason: Sentence
    turn_until: datetime | None


@dataclass(frozen=True)
class Notice:
    """Something to tell, once for each id and again when its level rises. `url` is a path of this site."""

    id: str
    level: str
    text: Sentence
    url: str | None


@dataclass(frozen=True)
class Holding:
    """Everything the portal says about one person's GPU."""

    lease: Lease | None = None
    ticket: Ticket | None = None
    notices: tuple[Notice, ...] = ()


def read_holding(told: Any) -> Holding:
    """`told` as a Holding; ValueError when it has another shape."""
    try:
        lease, ticket = told["lease"], told["ticket"]
        return Holding(
            lease=_lease(lease) if lease else None,
            ticket=_ticket(ticket) if ticket else None,
            notices=tuple(_notice(notice) for notice in told["notices"][:MOST_NOTICES]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the portal's answer about the lease lacks or mistypes {error}") from error


def _lease(told: dict[str, Any]) -> Lease:
    return Lease(
        id=int(told["id"]),
        kind=str(told["kind"])[:LONGEST_TEXT],
        until=_moment(told["until"]),
        in_class=bool(told["in_class"]),
    )


def _ticket(told: dict[str, Any]) -> Ticket:
    estimate = told["estimate"]
    return Ticket(
        position=int(told["position"]),
        estimate=None if estimate is None else int(estimate),
        reason=_sentence(told.get("reason_ko"), told.get("reason_en")),
        turn_until=_moment(told["turn_until"]),
    )


def _notice(told: dict[str, Any]) -> Notice:
    level = told["level"]
    return Notice(
        id=str(told["id"])[:LONGEST_TEXT],
        level=level if level in LEVELS else LEVELS[0],
        text=_sentence(told["ko"], told["en"]),
        url=_path(told["url"]),
    )


def _sentence(ko: Any, en: Any) -> Sentence:
    return Sentence(str(ko or en or "")[:LONGEST_TEXT], str(en or ko or "")[:LONGEST_TEXT])


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _path(url: Any) -> str | None:
    """`url` when it is a path on this host. Browsers read a second slash, or a backslash, as another host."""
    if isinstance(url, str) and url.startswith("/") and url[1:2] not in ("/", "\\") and url.isprintable():
        return url
    return None
