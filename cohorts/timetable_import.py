"""A file of classes put into a cohort's timetable: all of them or none. `cohorts.timetable_file` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cohorts.cohorts import get_cohort
from cohorts.csv_text import Problem
from cohorts.errors import CampusError, Invalid
from cohorts.models import ClassSession
from cohorts.timetable import add_class_session
from cohorts.timetable_file import TimetableRow, read_timetable


class WrongTimetable(Invalid):
    """A file of which nothing was put in; `problems` says why, by line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(
            f"The timetable has {len(problems)} problem(s), and nothing was changed: {_told(problems, 'en')}",
            f"시간표에 고칠 곳이 {len(problems)}개 있어 아무것도 바꾸지 않았습니다. {_told(problems, 'ko')}",
        )
        self.problems = problems


def _told(problems: tuple[Problem, ...], locale: str) -> str:
    """The first problems in one sentence each; pages and commands list all of them."""
    word = {"ko": "{}번째 줄: {}", "en": "line {}: {}"}[locale]
    return " ".join(word.format(item.line or 1, item.text(locale)) for item in problems[:3])


@dataclass(frozen=True)
class Added:
    """How many classes are new; `known` ones were in the timetable already, exactly like that."""

    new: int
    known: int


def import_timetable(
    session: Session, cohort_id: str, data: bytes, hardware: Mapping[str, str], *, by: str, now: datetime
) -> Added:
    """Put all classes of the file into the cohort's timetable; raises WrongTimetable, and then none is.

    A class that is there already, exactly like that, is left alone: the same file may come again with more in it.
    """
    cohort = get_cohort(session, cohort_id)
    timetable = read_timetable(data, cohort.timezone, hardware)
    problems = list(timetable.problems)
    known = 0
    for row in timetable.rows:
        if _is_known(session, cohort.id, row):
            known += 1
            continue
        try:
            add_class_session(
                session,
                cohort.id,
                title=row.title,
                starts_at=row.starts_at,
                ends_at=row.ends_at,
                profile=row.profile,
                seats=row.seats,
                by=by,
                now=now,
            )
        except CampusError as error:
            problems.append(Problem(row.line, error.message, error.korean))
    if problems:
        raise WrongTimetable(tuple(sorted(problems, key=lambda problem: problem.line or 0)))
    return Added(len(timetable.rows) - known, known)


def _is_known(session: Session, cohort_id: str, row: TimetableRow) -> bool:
    there = session.scalar(
        select(ClassSession).where(ClassSession.cohort_id == cohort_id, ClassSession.starts_at == row.starts_at)
    )
    seats = row.seats if row.profile else None
    wanted = (row.ends_at, row.title, row.profile, seats)
    return there is not None and (there.ends_at, there.title, there.profile, there.seats) == wanted
