"""How pages show a course of a cohort: its titles from the catalogue, its cohort, its zone, and a few counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cohorts.models import Membership, MembershipState, Offering, Role
from courses.model import Catalogue, Course
from grader.models import Assignment, Release


@dataclass(frozen=True)
class CourseView:
    """An offering as a page shows it. `role` is what the reader is in it, `place` the course's place in its track."""

    id: str
    title: str
    cohort: str
    cohort_id: str
    zone: str
    starts_on: date
    role: Role
    place: int
    students: int
    assignments: int
    released: int


def course_view(session: Session, catalogue: Catalogue, offering: Offering, role: Role, locale: str) -> CourseView:
    """The offering with its titles in `locale`, and counts for its staff."""
    course = find_course(catalogue, offering)
    return CourseView(
        id=offering.id,
        title=course.title.in_(locale) if course else offering.course,
        cohort=offering.cohort.title,
        cohort_id=offering.cohort_id,
        zone=offering.cohort.timezone,
        starts_on=offering.starts_on,
        role=role,
        place=_place(catalogue, offering),
        students=count_students(session, offering.cohort_id),
        assignments=session.scalar(select(func.count(Assignment.id)).filter_by(offering_id=offering.id)) or 0,
        released=session.scalar(
            select(func.count(func.distinct(Release.assignment_id)))
            .join(Assignment, Assignment.id == Release.assignment_id)
            .where(Assignment.offering_id == offering.id, Release.withdrawn_at.is_(None))
        )
        or 0,
    )


def count_students(session: Session, cohort_id: str) -> int:
    """How many active students the cohort has."""
    return (
        session.scalar(
            select(func.count(Membership.id)).where(
                Membership.cohort_id == cohort_id,
                Membership.role == Role.STUDENT,
                Membership.state == MembershipState.ACTIVE,
            )
        )
        or 0
    )


def find_course(catalogue: Catalogue, offering: Offering) -> Course | None:
    """The catalogue's course that the offering teaches; None if it has left the catalogue since."""
    try:
        return catalogue.course(offering.cohort.track, offering.course)
    except KeyError:
        return None


def _place(catalogue: Catalogue, offering: Offering) -> int:
    """Which course of its track the offering teaches, from 0; those that left the catalogue come last."""
    for track in catalogue.tracks:
        if track.key == offering.cohort.track:
            keys = [course.key for course in track.courses]
            return keys.index(offering.course) if offering.course in keys else len(keys)
    return 0
