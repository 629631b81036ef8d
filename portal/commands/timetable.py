"""`bitgoeul timetable`: a cohort's classes: list, add one, add many from a file, remove."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from portal.commands.campus import CommandCampus, open_campus
from portal.commands.options import data_option
from portal.commands.table import layout

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from gpus.hardware import Hardware

cohort_option = click.option("--cohort", "cohort_id", required=True, metavar="ID", help="Cohort whose timetable it is.")
as_option = click.option("--as", "admin", default=None, metavar="USERNAME", help="Administrator who does this.")
WRONG_ROWS = 1


@click.group()
def timetable() -> None:
    """A cohort's classes, and the GPUs that are kept for them.

    \b
      bitgoeul timetable list --cohort jc-2026-1
      bitgoeul timetable add --cohort jc-2026-1 "딥러닝 실습" 2026-03-09 14:00 17:00 --hardware gpu-slice
      bitgoeul timetable import classes.csv --cohort jc-2026-1      all of them or none
      bitgoeul timetable remove 12 --cohort jc-2026-1
    """


@timetable.command("list")
@data_option
@cohort_option
@click.option("--past", is_flag=True, help="Classes that are over, too.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def list_them(data: Path, cohort_id: str, past: bool, as_json: bool) -> None:
    """List the classes to come."""
    from cohorts.cohorts import get_cohort
    from cohorts.timetable import class_sessions

    with open_campus(data) as campus, campus.database.read() as session:
        cohort = get_cohort(session, cohort_id)
        entries = class_sessions(session, cohort_id, since=None if past else datetime.now(UTC))
        if as_json:
            shown = [
                {
                    "id": entry.id,
                    "title": entry.title,
                    "starts_at": entry.starts_at.isoformat(),
                    "ends_at": entry.ends_at.isoformat(),
                    "profile": entry.profile,
                    "seats": entry.seats,
                }
                for entry in entries
            ]
            click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
            return
        if not entries:
            click.echo("수업이 없습니다. No class: bitgoeul timetable add --help")
            return
        zone = ZoneInfo(cohort.timezone)
        rows = [("번호 number", "일시 when", "수업 class", "장비 hardware", "자리 seats")]
        for entry in entries:
            begins, ends = entry.starts_at.astimezone(zone), entry.ends_at.astimezone(zone)
            seats = "" if entry.profile is None else str(entry.seats or "모두 all")
            when = f"{begins:%Y-%m-%d %H:%M}-{ends:%H:%M}"
            rows.append((str(entry.id), when, entry.title, entry.profile or "-", seats))
        click.echo(layout(rows))


@timetable.command()
@data_option
@cohort_option
@click.argument("title")
@click.argument("day", metavar="DATE")
@click.argument("start")
@click.argument("end")
@click.option("--hardware", default="", metavar="PROFILE", help="Hardware to keep for it.")
@click.option("--seats", type=int, default=None, help="How many to keep  [default: one for every student]")
@as_option
def add(
    data: Path,
    cohort_id: str,
    title: str,
    day: str,
    start: str,
    end: str,
    hardware: str,
    seats: int | None,
    admin: str | None,
) -> None:
    """Add the class TITLE on DATE (2026-03-09) from START to END (14:00), times of the cohort's zone."""
    from cohorts.cohorts import get_cohort
    from cohorts.timetable import add_class_session
    from portal.lessons import kept_hardware
    from portal.moments import read_moment

    with open_campus(data) as campus, campus.database.write() as session:
        zone = get_cohort(session, cohort_id).timezone
        entry = add_class_session(
            session,
            cohort_id,
            title=title,
            starts_at=read_moment(f"{day}T{start}", zone),
            ends_at=read_moment(f"{day}T{end}", zone),
            profile=kept_hardware(_hardware(campus), hardware),
            seats=seats,
            by=_by(campus, session, admin),
            now=datetime.now(UTC),
        )
        number = entry.id
    click.echo(f"수업 {number}번을 넣었습니다. Class {number} is in the timetable.")


@timetable.command("import")
@data_option
@cohort_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_option
def import_file(data: Path, cohort_id: str, file: Path, admin: str | None) -> None:
    """Add all classes of the CSV FILE, or none.

    Columns: 날짜 (date), 시작 (start), 끝 (end), 수업 (title), and if wanted 장비 (hardware) and 자리 (seats). UTF-8 or
    CP949. Classes that are there already are left alone. Exit status 1: lines are wrong; each is listed.
    """
    from cohorts.timetable_file import MAX_BYTES
    from cohorts.timetable_import import WrongTimetable, import_timetable
    from portal.lessons import spellings

    with file.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    try:
        with open_campus(data) as campus, campus.database.write() as session:
            by = _by(campus, session, admin)
            known = spellings(_hardware(campus))
            added = import_timetable(session, cohort_id, content, known, by=by, now=datetime.now(UTC))
    except WrongTimetable as error:
        for problem in error.problems:
            where = f"{problem.line}번째 줄 line {problem.line}" if problem.line else "파일 file"
            click.echo(f"! {where}: {problem.korean}\n    {problem.message}")
        click.echo("아무것도 넣지 않았습니다. Nothing was added: correct the file and import it again.")
        sys.exit(WRONG_ROWS)
    click.echo(
        f"수업 {added.new}개를 넣었습니다. 이미 있던 수업 {added.known}개. {added.new} added, {added.known} known."
    )


@timetable.command()
@data_option
@cohort_option
@click.argument("number", type=int)
def remove(data: Path, cohort_id: str, number: int) -> None:
    """Take the class NUMBER out of the timetable."""
    from cohorts.timetable import remove_class_session

    with open_campus(data) as campus, campus.database.write() as session:
        remove_class_session(session, cohort_id, number)
    click.echo(f"수업 {number}번을 뺐습니다. Class {number} was taken out.")


def _hardware(campus: CommandCampus) -> Hardware:
    from gpus.hardware import HardwareError, load_hardware
    from portal.settings import SettingsError

    try:
        return load_hardware(campus.settings.hardware)
    except HardwareError as error:
        raise SettingsError(f"The declared hardware can't be used. {error}") from error


def _by(campus: CommandCampus, session: Session, admin: str | None) -> str:
    """Whose act it is: the administrator that is named, else whoever types, as this machine knows them."""
    if admin is not None:
        return campus.administrator(session, admin)
    return f"command:{os.environ.get('USER') or 'root'}"
