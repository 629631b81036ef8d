"""Why somebody waits, in one sentence of each language. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from gpus.hardware import Hardware
from gpus.inventory import stock
from gpus.models import Ticket
from gpus.reservations import Hold, current, holds

NOTICEABLE = 60.0  # seconds of being moved back that are worth a word


@dataclass(frozen=True)
class Reason:
    """One sentence, in Korean and English."""

    ko: str
    en: str

    def in_(self, locale: str) -> str:
        return self.en if locale.lower().startswith("en") else self.ko


@dataclass(frozen=True)
class Reasons:
    """What a kind's queue waits for: how many slices there are, how many are free, and which classes keep them."""

    available: int
    free: int
    kept: tuple[Hold, ...]

    @classmethod
    def read(cls, session: Session, hardware: Hardware, kind: str, now: datetime) -> Reasons:
        have = next((one for one in stock(session) if one.kind == kind), None)
        keeping = [hold for hold in current(holds(session, hardware, kind, now, timedelta()), now) if hold.kept]
        return cls(have.available if have else 0, have.free if have else 0, tuple(keeping))

    def of(self, ticket: Ticket, position: int) -> Reason:
        """Why this ticket is not served at this moment, the strongest reason first."""
        if self.available == 0:
            return Reason(
                "지금 쓸 수 있는 GPU가 없습니다. 노드가 꺼져 있거나 점검 중입니다.",
                "No GPU is in service at the moment: its node is down or drained.",
            )
        others = [hold for hold in self.kept if hold.cohort_id != ticket.cohort_id]
        if self.free and others:
            count = min(self.free, sum(hold.kept for hold in others))
            return Reason(
                f"비어 있는 GPU {count}개는 '{others[0].title}' 수업을 위해 비워 두었습니다.",
                f"{_gpus(count, 'free ')} kept for the class {others[0].title!r}.",
            )
        if self.free and position == 1:
            return Reason(
                "곧 시작할 수업에 GPU가 필요해서, 지금 시작하면 너무 짧게 쓰게 됩니다.",
                "A class needs the GPUs soon; what you would get now would be too short.",
            )
        behind = ticket.rank - ticket.asked_at.timestamp()
        if position > 1 and behind > NOTICEABLE:
            minutes = round(behind / 60)
            return Reason(
                f"GPU {self.available}개가 모두 쓰이고 있습니다. 최근 사용량 때문에 순서가 {minutes}분 뒤로 갔습니다.",
                f"{_all(self.available)} in use. What you used recently moves you back by {minutes} minutes.",
            )
        return Reason(f"GPU {self.available}개가 모두 쓰이고 있습니다.", f"{_all(self.available)} in use.")


def _gpus(count: int, kind: str) -> str:
    return f"1 {kind}GPU is" if count == 1 else f"{count} {kind}GPUs are"


def _all(count: int) -> str:
    return "The only GPU is" if count == 1 else f"All {count} GPUs are"
