"""Why somebody waits, in one sentence of each language. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from gpus.hardware import Hardware
from gpus.inventory import stock
from gpus.models import Ticket
from gpus.reservations import current, holds


@dataclass(frozen=True)
class Reason:
    """One sentence, in Korean and English."""

    ko: str
    en: str

    def in_(self, locale: str) -> str:
        return self.en if locale.lower().startswith("en") else self.ko


def reason_of(session: Session, hardware: Hardware, ticket: Ticket, place: int, now: datetime) -> Reason:
    """Why this ticket is not served at this moment, the strongest reason first."""
    have = next((one for one in stock(session) if one.kind == ticket.kind), None)
    if have is None or have.available == 0:
        return Reason(
            "지금 쓸 수 있는 GPU가 없습니다. 노드가 꺼져 있거나 점검 중입니다.",
            "No GPU is in service at the moment: its node is down or drained.",
        )
    kept = [
        hold
        for hold in current(holds(session, hardware, ticket.kind, now, timedelta()), now)
        if hold.kept and hold.cohort_id != ticket.cohort_id
    ]
    if have.free and kept:
        count = sum(hold.kept for hold in kept)
        return Reason(
            f"비어 있는 GPU {count}개는 '{kept[0].title}' 수업을 위해 비워 두었습니다.",
            f"{count} free GPUs are kept for the class {kept[0].title!r}.",
        )
    if have.free and place == 1:
        return Reason(
            "곧 시작할 수업에 GPU가 필요해서, 지금 시작하면 너무 짧게 쓰게 됩니다.",
            "A class needs the GPUs soon; what you would get now would be too short.",
        )
    behind = ticket.rank - ticket.asked_at.timestamp()
    if place > 1 and behind > 60:
        minutes = round(behind / 60)
        return Reason(
            f"GPU {have.available}개가 모두 쓰이고 있습니다. 최근 사용량 때문에 순서가 {minutes}분 뒤로 갔습니다.",
            f"All {have.available} GPUs are in use. What you used recently moves you back by {minutes} minutes.",
        )
    return Reason(
        f"GPU {have.available}개가 모두 쓰이고 있습니다.",
        f"All {have.available} GPUs are in use.",
    )
