"""`bitgoeul cohort`: open a cohort from a track and a start date; list and show cohorts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from portal.commands.campus import open_campus
from portal.commands.options import data_option
from portal.commands.table import layout

ROLES = {"instructor": "강사 instructor", "assistant": "조교 assistant", "student": "학생 student"}


@click.group()
def cohort() -> None:
    """Open, list and show cohorts: people who start and end together on one track."""


@cohort.command()
@data_option
@click.argument("cohort_id", metavar="ID")
@click.option("--track", required=True, help="Track of the catalogue, e.g. job-conversion.")
@click.option("--starts-on", required=True, type=click.DateTime(["%Y-%m-%d"]), help="First day, YYYY-MM-DD.")
@click.option("--title", required=True, help="What people read, e.g. '직무전환 2026년 1기'.")
@click.option("--timezone", default=None, help="Zone of its deadlines  [default: the campus's, Asia/Seoul]")
@click.option("--json", "as_json", is_flag=True, help="Print the cohort as JSON.")
def create(
    data: Path, cohort_id: str, track: str, starts_on: datetime, title: str, timezone: str | None, as_json: bool
) -> None:
    """Open the cohort ID (a-z, 0-9 and dashes, e.g. jc-2026-1) with every course of its track.

    Each course becomes an offering with its own deadlines, counted from the first day, and its own copy of the
    assignments, which its instructors may change.
    """
    from portal.campus import open_cohort

    with open_campus(data, create=True) as campus:
        open_cohort(
            campus,
            cohort_id=cohort_id,
            track=track,
            starts_on=starts_on.date(),
            title=title,
            timezone=timezone,
            now=datetime.now(UTC),
        )
    _show(data, cohort_id, as_json)


@cohort.command("list")
@data_option
@click.option("--json", "as_json", is_flag=True, help="Print the cohorts as JSON.")
def list_them(data: Path, as_json: bool) -> None:
    """List all cohorts, the newest start first."""
    from cohorts.cohorts import list_cohorts, list_members
    from portal.api.cohort_shapes import CohortShape

    with open_campus(data) as campus, campus.database.read() as session:
        cohorts = list_cohorts(session)
        if as_json:
            shapes = [CohortShape.of(cohort).model_dump(mode="json") for cohort in cohorts]
            click.echo(json.dumps(shapes, ensure_ascii=False, indent=2))
            return
        if not cohorts:
            click.echo("기수가 없습니다. No cohort yet: bitgoeul cohort create --help")
            return
        rows = [("ID", "과정 track", "시작 starts", "인원 people", "이름 title")]
        for cohort in cohorts:
            people = str(len(list_members(session, cohort.id)))
            rows.append((cohort.id, cohort.track, cohort.starts_on.isoformat(), people, cohort.title))
        click.echo(layout(rows))


@cohort.command()
@data_option
@click.argument("cohort_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print the cohort as JSON.")
def show(data: Path, cohort_id: str, as_json: bool) -> None:
    """Show the cohort ID with its offerings and members."""
    _show(data, cohort_id, as_json)


def _show(data: Path, cohort_id: str, as_json: bool) -> None:
    from cohorts.cohorts import get_cohort, list_members
    from portal.api.cohort_shapes import CohortShape, MemberShape

    with open_campus(data) as campus, campus.database.read() as session:
        cohort = get_cohort(session, cohort_id)
        members = list_members(session, cohort_id, withdrawn=True)
        if as_json:
            shape = CohortShape.of(cohort).model_dump(mode="json")
            shape["members"] = [MemberShape.of(row).model_dump(mode="json") for row in members]
            click.echo(json.dumps(shape, ensure_ascii=False, indent=2))
            return
        click.echo(f"{cohort.title} ({cohort.id})")
        click.echo(f"  {cohort.track}, {cohort.starts_on.isoformat()}부터 from, {cohort.timezone}")
        click.echo("개설 과목 offerings")
        for offering in cohort.offerings:
            click.echo(f"  {offering.id}")
        click.echo(f"구성원 members: {sum(row.state.value == 'active' for row in members)}")
        rows = [
            (
                row.username,
                row.person.name,
                row.person.email or "",
                ROLES[row.role.value],
                "" if row.state.value == "active" else "제외됨 withdrawn",
            )
            for row in members
        ]
        if rows:
            click.echo(layout(rows, indent="  "))
        else:
            click.echo(f"  명단을 올리세요. Import a roster: bitgoeul roster preview FILE --cohort {cohort.id}")
