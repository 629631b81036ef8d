"""What the cohorts' API takes and gives, as pydantic models. Decides nothing."""

from __future__ import annotations

from datetime import date, datetime
from typing import Self

from pydantic import BaseModel, Field

from cohorts.csv_text import Problem
from cohorts.models import Cohort, ImportState, Membership, MembershipState, Offering, Role
from cohorts.roster import Change, Concern, Entry, Preview


class NewCohort(BaseModel):
    """A cohort to open. Without `timezone` the campus's own is taken."""

    id: str = Field(examples=["jc-2026-1"])
    track: str = Field(examples=["job-conversion"])
    title: str = Field(examples=["직무전환 2026년 1기"])
    starts_on: date
    timezone: str | None = Field(default=None, examples=["Asia/Seoul"])


class OfferingShape(BaseModel):
    """A course taught to a cohort; `id` is nbgrader's course id."""

    id: str
    course: str
    starts_on: date

    @classmethod
    def of(cls, offering: Offering) -> Self:
        return cls(id=offering.id, course=offering.course, starts_on=offering.starts_on)


class CohortShape(BaseModel):
    """People who start and end together on one track."""

    id: str
    track: str
    title: str
    starts_on: date
    timezone: str
    created_at: datetime
    offerings: list[OfferingShape]

    @classmethod
    def of(cls, cohort: Cohort) -> Self:
        return cls(
            id=cohort.id,
            track=cohort.track,
            title=cohort.title,
            starts_on=cohort.starts_on,
            timezone=cohort.timezone,
            created_at=cohort.created_at,
            offerings=[OfferingShape.of(offering) for offering in cohort.offerings],
        )


class MemberShape(BaseModel):
    """A person in a cohort."""

    username: str
    name: str
    email: str | None
    role: Role
    state: MembershipState
    since: datetime
    changed_at: datetime

    @classmethod
    def of(cls, row: Membership) -> Self:
        return cls(
            username=row.username,
            name=row.person.name,
            email=row.person.email,
            role=row.role,
            state=row.state,
            since=row.created_at,
            changed_at=row.changed_at,
        )


class MyOffering(BaseModel):
    """A course that the caller takes part in."""

    id: str
    course: str
    cohort_id: str
    cohort_title: str
    starts_on: date
    role: Role

    @classmethod
    def of(cls, offering: Offering, role: Role) -> Self:
        return cls(
            id=offering.id,
            course=offering.course,
            cohort_id=offering.cohort_id,
            cohort_title=offering.cohort.title,
            starts_on=offering.starts_on,
            role=role,
        )


class EntryShape(BaseModel):
    """A person as the roster has them; `line` is null for somebody who isn't in the file."""

    username: str
    name: str
    email: str | None
    role: Role
    line: int | None

    @classmethod
    def of(cls, entry: Entry) -> Self:
        return cls(username=entry.username, name=entry.name, email=entry.email, role=entry.role, line=entry.line)


class ChangeShape(BaseModel):
    """A member whose name, email or role would change; `fields` names which."""

    before: EntryShape
    after: EntryShape
    fields: list[str]

    @classmethod
    def of(cls, change: Change) -> Self:
        return cls(before=EntryShape.of(change.before), after=EntryShape.of(change.after), fields=list(change.fields))


class Sentence(BaseModel):
    """Something to tell the administrator, in both languages; `line` is a line of the file."""

    line: int | None = None
    en: str
    ko: str

    @classmethod
    def of(cls, about: Problem | Concern) -> Self:
        return cls(line=getattr(about, "line", None), en=about.message, ko=about.korean)


class PreviewShape(BaseModel):
    """A roster import: what it would change, or (as the answer to apply) what it changed.

    `problems` must be mended in the file; `concerns` are confirmed with `confirm`. `stale`: upload the file again.
    """

    id: int
    cohort_id: str
    filename: str
    state: ImportState
    uploaded_by: str
    created_at: datetime
    applied_by: str | None
    applied_at: datetime | None
    people: int
    stale: bool
    can_apply: bool
    needs_confirmation: bool
    added: list[EntryShape]
    changed: list[ChangeShape]
    returning: list[EntryShape]
    withdrawn: list[EntryShape]
    unchanged: list[EntryShape]
    kept_staff: list[EntryShape]
    problems: list[Sentence]
    concerns: list[Sentence]

    @classmethod
    def of(cls, preview: Preview) -> Self:
        return cls(
            id=preview.id,
            cohort_id=preview.cohort_id,
            filename=preview.filename,
            state=preview.state,
            uploaded_by=preview.uploaded_by,
            created_at=preview.created_at,
            applied_by=preview.applied_by,
            applied_at=preview.applied_at,
            people=preview.people,
            stale=preview.stale,
            can_apply=preview.can_apply,
            needs_confirmation=preview.needs_confirmation,
            added=[EntryShape.of(entry) for entry in preview.added],
            changed=[ChangeShape.of(change) for change in preview.changed],
            returning=[EntryShape.of(entry) for entry in preview.returning],
            withdrawn=[EntryShape.of(entry) for entry in preview.withdrawn],
            unchanged=[EntryShape.of(entry) for entry in preview.unchanged],
            kept_staff=[EntryShape.of(entry) for entry in preview.kept_staff],
            problems=[Sentence.of(problem) for problem in preview.problems],
            concerns=[Sentence.of(concern) for concern in preview.concerns],
        )


class Confirmation(BaseModel):
    """Sent with apply: `confirm` says that the preview's concerns have been looked at."""

    confirm: bool = False
