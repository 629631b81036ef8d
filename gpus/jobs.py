"""Slices for markings: lent only where nobody waits and no class keeps them, and given back when somebody does.

A marking's lease is short and renewed while it runs: a worker that is killed holds nothing for long.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from gpus.decide import spare
from gpus.hardware import Hardware
from gpus.leases import end, grant, granted, lease_of
from gpus.models import Lease, LeaseState, Slice
from gpus.upkeep import JOB, YIELDED

RENEWED_FOR = timedelta(minutes=2)
MARKING = "marking"  # what use is booked to, in place of a track


def lend_to_job(session: Session, hardware: Hardware, profile: str, job: str, node: str, now: datetime) -> str | None:
    """A slice of that profile's kind on `node` for the job of that name; its device, None where none is to spare."""
    wanted = hardware.profile(profile)
    if wanted.kind is None:
        return None
    free = spare(session, hardware, wanted.kind, now)
    here = session.execute(
        select(Slice.id, Slice.device).where(Slice.id.in_(free), Slice.node == node).order_by(Slice.id).limit(1)
    ).first()
    if here is None:
        return None
    lease = grant(
        session,
        granted(
            here.id,
            holder=JOB + job,
            profile=wanted,
            cohort_id=None,
            track=MARKING,
            until=now + RENEWED_FOR,
            answer_by=None,
            class_session_id=None,
            now=now,
        ),
    )
    session.get_one(Lease, lease).state = LeaseState.RUNNING
    session.flush()
    return str(here.device)


def keep_for_job(session: Session, job: str, now: datetime) -> bool:
    """Renew the job's lease; False when it is to be given back, or is lost."""
    lease = lease_of(session, JOB + job)
    if lease is None or lease.stopping == YIELDED:
        return False
    lease.until = now + RENEWED_FOR
    return True


def return_from_job(session: Session, job: str, now: datetime) -> None:
    """The job is over, or has made room."""
    lease = lease_of(session, JOB + job)
    if lease is not None:
        end(lease, "yielded" if lease.stopping == YIELDED else "stopped", now)
        session.flush()
