"""What the staff of an offering sees: each assignment at a glance, and who has handed in what. Reads only.

Marks themselves come from nbgrader's gradebook (`grader.gradebook`), which formgrader writes too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cohorts.models import Membership, MembershipState, Offering, Person, Role
from grader.assignments import assignments_of
from grader.counting import counted, marked_attempts
from grader.failed_jobs import retry_all
from grader.job_progress import Progress, progress
from grader.lateness import ON_TIME, Lateness
from grader.models import Assignment, Attempt, Feedback, Marking, MarkingState, Release
from grader.needs import needs_of
from grader.policies import deadlines
from grader.presence import capacity
from grader.releases import current_release
from portal.standing import newest_markings

Settled = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Handed:
    """One attempt and what has become of it. `counts`: the mark comes from it."""

    attempt: Attempt
    lateness: Lateness
    marking: Marking | None
    feedback: Feedback | None
    counts: bool


@dataclass(frozen=True)
class Submission:
    """One student of the offering and their latest attempt at an assignment, if any; all of them, newest first."""

    username: str
    name: str
    active: bool
    attempts: int
    latest: Attempt | None
    marking: Marking | None
    feedback: Feedback | None
    extended_to: datetime | None
    needs_manual: bool
    lateness: Lateness = ON_TIME
    history: tuple[Handed, ...] = ()


@dataclass(frozen=True)
class Overview:
    """One assignment at a glance. `waiting` is how many have feedback that no one has released yet.

    `served` tells whether a worker is running that can mark it.
    """

    assignment: Assignment
    release: Release | None
    students: int
    submitted: int
    progress: Progress
    needs_manual: int
    waiting: int
    failed: int
    served: bool

    @property
    def attempts(self) -> int:
        """How many attempts there are to mark."""
        return self.progress.queued + self.progress.running + self.progress.done + self.progress.failed


def overviews(session: Session, offering: Offering, settled: Settled) -> list[Overview]:
    """All assignments of the offering at a glance."""
    return [overview(session, offering, assignment, settled) for assignment in assignments_of(session, offering.id)]


def overview(session: Session, offering: Offering, assignment: Assignment, settled: Settled) -> Overview:
    """One assignment at a glance."""
    rows = submissions(session, offering, assignment, settled)
    return Overview(
        assignment=assignment,
        release=current_release(session, assignment),
        students=sum(row.active for row in rows),
        submitted=sum(row.latest is not None for row in rows),
        progress=progress(session, assignment.id),
        needs_manual=sum(row.needs_manual for row in rows),
        waiting=sum(row.feedback is not None and row.feedback.released_at is None for row in rows),
        failed=sum(row.marking is not None and row.marking.state is MarkingState.FAILED for row in rows),
        served=capacity(session, datetime.now(UTC))[needs_of(assignment.hardware, assignment.image)] > 0,
    )


def submissions(session: Session, offering: Offering, assignment: Assignment, settled: Settled) -> list[Submission]:
    """Every active student of the offering, and everybody else who has handed something in, by name.

    `settled` is what `grader.by_hand.settled` finds in the offering's gradebook.
    """
    attempts = session.scalars(
        select(Attempt).where(Attempt.assignment_id == assignment.id).order_by(Attempt.number)
    ).all()
    counts = Counter(attempt.username for attempt in attempts)
    latest = {attempt.username: attempt for attempt in attempts}
    ids = [attempt.id for attempt in attempts]
    markings = newest_markings(session, ids)
    holding = deadlines(session, assignment)
    chosen = {
        standing.attempt_id
        for mine in marked_attempts(session, assignment.id).values()
        if (standing := counted([marked.standing(holding) for marked in mine], assignment.counting)) is not None
    }
    feedback = {
        row.attempt_id: row
        for row in session.scalars(select(Feedback).where(Feedback.attempt_id.in_(ids)).order_by(Feedback.id))
    }
    histories: dict[str, list[Handed]] = defaultdict(list)
    for each in reversed(attempts):
        made = markings.get(each.id), feedback.get(each.id)
        histories[each.username].append(Handed(each, holding.of(each), *made, each.id in chosen))
    rows = []
    for person, role, state in students(session, offering):
        active = state is MembershipState.ACTIVE and role is Role.STUDENT
        attempt = latest.get(person.username)
        if active or attempt is not None:
            marking = markings.get(attempt.id) if attempt else None
            shown = feedback.get(attempt.id) if attempt else None
            waits = shown.needs_manual if shown else _needs_manual(marking)
            rows.append(
                Submission(
                    username=person.username,
                    name=person.name,
                    active=active,
                    attempts=counts[person.username],
                    latest=attempt,
                    marking=marking,
                    feedback=shown,
                    extended_to=holding.extensions.get(person.username),
                    needs_manual=waits and (assignment.name, person.username) not in settled,
                    lateness=holding.of(attempt) if attempt else ON_TIME,
                    history=tuple(histories[person.username]),
                )
            )
    return rows


def students(session: Session, offering: Offering) -> list[tuple[Person, Role, MembershipState]]:
    """Everybody who is or was in the offering's cohort, by name."""
    rows = session.execute(
        select(Person, Membership.role, Membership.state)
        .join(Membership, Membership.username == Person.username)
        .where(Membership.cohort_id == offering.cohort_id)
        .order_by(Person.name, Person.username)
    )
    return [(person, role, state) for person, role, state in rows]


def retry_failed(session: Session, assignment_id: int, now: datetime) -> int:
    """Put the assignment's failed markings back into the queue; returns how many."""
    return retry_all(session, assignment_id, now)


def _needs_manual(marking: Marking | None) -> bool:
    return marking is not None and marking.state is MarkingState.DONE and marking.needs_manual
