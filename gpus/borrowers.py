"""Who asks for hardware, and on whose account: a person's cohort and track. Reads memberships; changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from cohorts.models import Cohort, Membership, MembershipState, Role

_OF = (
    select(Cohort.id, Cohort.track, Cohort.timezone, Membership.role)
    .join(Membership, Membership.cohort_id == Cohort.id)
    .where(Membership.username == bindparam("of"), Membership.state == MembershipState.ACTIVE)
    .order_by(Cohort.starts_on.desc(), Cohort.id)
)


@dataclass(frozen=True)
class Borrower:
    """Somebody who may ask. `cohorts` are all of theirs, `cohort_id` and `track` the one that use is booked to.

    People without a cohort (administrators, grading servers) have none, and the track "".
    """

    username: str
    cohort_id: str | None
    track: str
    timezone: str
    cohorts: tuple[str, ...]


def borrower(session: Session, username: str, timezone: str) -> Borrower:
    """The person as they borrow; of several cohorts, one in which they learn comes first, then the latest start."""
    rows = session.execute(_OF, {"of": username}).all()
    if not rows:
        return Borrower(username, None, "", timezone, ())
    own = next((row for row in rows if row.role is Role.STUDENT), rows[0])
    return Borrower(username, own.id, own.track, own.timezone, tuple(row.id for row in rows))
