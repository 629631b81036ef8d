"""Tables of people, cohorts, offerings and memberships. Names follow docs/explanation/words.md."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Date, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from cohorts.database import Base, UtcDateTime, words


class Role(StrEnum):
    """What a person is in a cohort."""

    STUDENT = "student"
    ASSISTANT = "assistant"
    INSTRUCTOR = "instructor"

    @property
    def is_staff(self) -> bool:
        return self is not Role.STUDENT


class MembershipState(StrEnum):
    ACTIVE = "active"
    WITHDRAWN = "withdrawn"


class ImportState(StrEnum):
    PREVIEWED = "previewed"
    APPLIED = "applied"
    DROPPED = "dropped"


class Person(Base):
    """Somebody the campus knows. `username` is the hub's user name and nbgrader's student id."""

    __tablename__ = "person"

    username: Mapped[str] = mapped_column(String(255), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    email: Mapped[str | None] = mapped_column(String(255))
    locale: Mapped[str] = mapped_column(String(5), default="ko")
    is_admin: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    memberships: Mapped[list[Membership]] = relationship(back_populates="person")


class Cohort(Base):
    """People who start and end together on one track."""

    __tablename__ = "cohort"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    track: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(255))
    starts_on: Mapped[date] = mapped_column(Date)
    timezone: Mapped[str] = mapped_column(String(64), default="Asia/Seoul")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    offerings: Mapped[list[Offering]] = relationship(back_populates="cohort", order_by="Offering.id")
    memberships: Mapped[list[Membership]] = relationship(back_populates="cohort")


class Offering(Base):
    """A course taught to a cohort. `id` is nbgrader's `course_id`."""

    __tablename__ = "offering"

    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    cohort_id: Mapped[str] = mapped_column(ForeignKey("cohort.id"), index=True)
    course: Mapped[str] = mapped_column(String(64))
    starts_on: Mapped[date] = mapped_column(Date)

    cohort: Mapped[Cohort] = relationship(back_populates="offerings")

    __table_args__ = (UniqueConstraint("cohort_id", "course"),)


class Membership(Base):
    """A person's role in a cohort. Withdrawn people keep their row, and so their work and marks."""

    __tablename__ = "membership"

    id: Mapped[int] = mapped_column(primary_key=True)
    cohort_id: Mapped[str] = mapped_column(ForeignKey("cohort.id"))
    username: Mapped[str] = mapped_column(ForeignKey("person.username"), index=True)
    role: Mapped[Role] = mapped_column(words(Role))
    state: Mapped[MembershipState] = mapped_column(words(MembershipState), default=MembershipState.ACTIVE)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)

    cohort: Mapped[Cohort] = relationship(back_populates="memberships")
    person: Mapped[Person] = relationship(back_populates="memberships")

    __table_args__ = (
        UniqueConstraint("cohort_id", "username"),
        CheckConstraint("role in ('student', 'assistant', 'instructor')", name="role"),
        CheckConstraint("state in ('active', 'withdrawn')", name="state"),
    )


class ClassSession(Base):
    """An entry in a cohort's timetable. `profile` is the hardware that is kept for it, None when it needs none.

    `seats` is how many slices are kept; None keeps one for every student of the cohort.
    """

    __tablename__ = "class_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    cohort_id: Mapped[str] = mapped_column(ForeignKey("cohort.id"))
    title: Mapped[str] = mapped_column(String(255))
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    profile: Mapped[str | None] = mapped_column(String(64))
    seats: Mapped[int | None]
    created_by: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (
        UniqueConstraint("cohort_id", "starts_at"),
        CheckConstraint("ends_at > starts_at", name="ends_later"),
        CheckConstraint("seats is null or seats > 0", name="seats"),
    )


class RosterImport(Base):
    """A roster that was uploaded and previewed; applied or dropped by an administrator.

    `rows` holds the parsed rows; `base` is a digest of the cohort's memberships when the preview was made, so that
    applying refuses a preview that has gone stale.
    """

    __tablename__ = "roster_import"

    id: Mapped[int] = mapped_column(primary_key=True)
    cohort_id: Mapped[str] = mapped_column(ForeignKey("cohort.id"), index=True)
    filename: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64))
    rows: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    base: Mapped[str] = mapped_column(String(64))
    state: Mapped[ImportState] = mapped_column(words(ImportState), default=ImportState.PREVIEWED)
    uploaded_by: Mapped[str] = mapped_column(ForeignKey("person.username"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    applied_by: Mapped[str | None] = mapped_column(ForeignKey("person.username"))
    applied_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (CheckConstraint("state in ('previewed', 'applied', 'dropped')", name="state"),)
