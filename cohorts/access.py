"""Who may do what: roles asked of the database each time, never cached. Denies by default.

Somebody who is no member learns nothing: an offering that doesn't exist and one that isn't theirs get the same answer.
An administrator is nobody's instructor: running the campus and reading people's work are different rights.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from cohorts.errors import Forbidden, NotFound
from cohorts.models import Membership, MembershipState, Offering, Person, Role
from cohorts.people import GRADING_PREFIX


def role_in_offering(session: Session, username: str, offering_id: str) -> Role | None:
    """The active role of `username` in the offering, None for everybody else.

    The offering's grading server signs its requests as `grading-<offering>` and counts as its staff, of no other's.
    """
    if username.startswith(GRADING_PREFIX):
        own = username == GRADING_PREFIX + offering_id and session.get(Offering, offering_id) is not None
        return Role.INSTRUCTOR if own else None
    return session.scalar(
        select(Membership.role)
        .join(Offering, Offering.cohort_id == Membership.cohort_id)
        .where(
            Offering.id == offering_id,
            Membership.username == username,
            Membership.state == MembershipState.ACTIVE,
        )
    )


def role_in_cohort(session: Session, username: str, cohort_id: str) -> Role | None:
    """The active role of `username` in the cohort, None for everybody else."""
    return session.scalar(
        select(Membership.role).where(
            Membership.cohort_id == cohort_id,
            Membership.username == username,
            Membership.state == MembershipState.ACTIVE,
        )
    )


def require_member(session: Session, username: str, offering_id: str) -> Role:
    """The role of a member; NotFound for everybody else."""
    role = role_in_offering(session, username, offering_id)
    if role is None:
        raise NotFound(
            f"You have no course {offering_id!r}.",
            f"참여하고 있는 과목 가운데 {offering_id!r}이(가) 없습니다.",
        )
    return role


def require_staff(session: Session, username: str, offering_id: str) -> Role:
    """The role of an assistant or instructor; Forbidden for students, NotFound for everybody else."""
    role = require_member(session, username, offering_id)
    if not role.is_staff:
        raise Forbidden(
            f"Only the staff of {offering_id!r} may do this.",
            f"{offering_id!r} 과목의 강사와 조교만 할 수 있습니다.",
        )
    return role


def is_admin(session: Session, username: str) -> bool:
    """Whether `username` runs the campus."""
    person = session.get(Person, username)
    return person is not None and person.is_admin


def require_admin(session: Session, username: str) -> Person:
    """The administrator; Forbidden for everybody else."""
    person = session.get(Person, username)
    if person is None or not person.is_admin:
        raise Forbidden("Only administrators may do this.", "관리자만 할 수 있습니다.")
    return person


def require_cohort_reader(session: Session, username: str, cohort_id: str) -> None:
    """Let administrators and the cohort's own staff pass; NotFound for everybody else."""
    role = role_in_cohort(session, username, cohort_id)
    if is_admin(session, username) or (role is not None and role.is_staff):
        return
    raise NotFound(f"There is no cohort {cohort_id!r} for you.", f"볼 수 있는 {cohort_id!r} 기수가 없습니다.")


def offerings_of(session: Session, username: str) -> list[tuple[Offering, Role]]:
    """The offerings `username` takes part in now, with their cohort loaded, the latest start first."""
    if username.startswith(GRADING_PREFIX):
        own = session.get(Offering, username.removeprefix(GRADING_PREFIX), options=[joinedload(Offering.cohort)])
        return [(own, Role.INSTRUCTOR)] if own else []
    rows = session.execute(
        select(Offering, Membership.role)
        .options(joinedload(Offering.cohort))
        .join(Membership, Membership.cohort_id == Offering.cohort_id)
        .where(Membership.username == username, Membership.state == MembershipState.ACTIVE)
        .order_by(Offering.starts_on.desc(), Offering.id)
    )
    return [(offering, role) for offering, role in rows]
