"""What a person is told in their lab about their slice: that it ends, is idle, or that their turn has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from cohorts.models import Cohort
from gpus.hardware import Hardware
from gpus.leases import lease_of
from gpus.models import Lease, LeaseState
from gpus.reservations import holds
from gpus.tickets import anybody_waits

SOON = timedelta(minutes=5)

WHY_STOPPING = {
    "idle": (
        "GPU를 오래 쓰지 않아 실습실을 끕니다. 파일은 그대로 남습니다.",
        "Your lab is being stopped: its GPU did nothing for long. Your files stay.",
    ),
    "over": (
        "GPU 사용 시간이 끝나 실습실을 끕니다. 파일은 그대로 남습니다.",
        "Your lab is being stopped: the time of its GPU is over. Your files stay.",
    ),
    "unused": (
        "수업에 오지 않아 GPU 실습실을 끕니다. 파일은 그대로 남습니다.",
        "Your lab is being stopped: it was started for a class and not used. Your files stay.",
    ),
}


@dataclass(frozen=True)
class Notice:
    """One thing to say. The same `id` is said again only at a higher level."""

    id: str
    level: Literal["info", "warning"]
    ko: str
    en: str
    leads_to_waiting: bool = False


def notices_for(session: Session, hardware: Hardware, username: str, now: datetime, timezone: str) -> list[Notice]:
    """What is to be said to that person at this moment."""
    lease = lease_of(session, username)
    if lease is None:
        return []
    if lease.state is LeaseState.HELD and lease.answer_by is not None:
        at = _clock(lease.answer_by, timezone)
        return [
            Notice(
                f"lease-{lease.id}-turn",
                "warning",
                f"GPU 차례가 되었습니다. {at}까지 대기실에서 시작해 주세요.",
                f"Your GPU is ready. Start it from the waiting room before {at}.",
                leads_to_waiting=True,
            )
        ]
    if lease.stopping:
        ko, en = WHY_STOPPING.get(lease.stopping, WHY_STOPPING["over"])
        return [Notice(f"lease-{lease.id}-stopping", "warning", ko, en)]
    found = []
    if lease.idle_warned_at is not None:
        found.append(_idle(hardware, lease, timezone))
    if (ending := _ending(session, hardware, lease, now, timezone)) is not None:
        found.append(ending)
    return found


def _idle(hardware: Hardware, lease: Lease, timezone: str) -> Notice:
    assert lease.idle_warned_at is not None
    at = _clock(lease.idle_warned_at + hardware.rules.warn, timezone)
    return Notice(
        f"lease-{lease.id}-idle",
        "warning",
        f"GPU를 쓰고 있지 않습니다. 계속 쓰지 않으면 {at}쯤 실습실이 꺼집니다. 파일은 남습니다.",
        f"Your GPU does nothing. Unless it is used, your lab is stopped at about {at}. Your files stay.",
    )


def _ending(session: Session, hardware: Hardware, lease: Lease, now: datetime, timezone: str) -> Notice | None:
    """The end of a lease, where it is near and certain: somebody waits, or a class needs the slice."""
    if lease.until is None or lease.until - now > hardware.rules.warn:
        return None
    needed = any(
        hold.since <= lease.until + timedelta(minutes=1) and hold.cohort_id != lease.cohort_id and hold.wanted
        for hold in holds(session, hardware, lease.kind, now, hardware.rules.warn)
    )
    if not needed and (lease.class_session_id is not None or not anybody_waits(session, lease.kind)):
        return None
    at = _clock(lease.until, timezone)
    return Notice(
        f"lease-{lease.id}-ends",
        "warning" if lease.until - now <= SOON else "info",
        f"GPU 사용 시간이 {at}에 끝납니다. 작업을 저장해 주세요. 기다리는 사람에게 차례가 넘어갑니다.",
        f"The time of your GPU ends at {at}. Save your work: somebody else's turn comes.",
    )


def cohort_zone(session: Session, username: str, timezone: str) -> str:
    """The zone in which that person reads times."""
    lease = lease_of(session, username)
    if lease is None or lease.cohort_id is None:
        return timezone
    return session.scalar(select(Cohort.timezone).where(Cohort.id == lease.cohort_id)) or timezone


def _clock(moment: datetime, timezone: str) -> str:
    return moment.astimezone(ZoneInfo(timezone)).strftime("%H:%M")
