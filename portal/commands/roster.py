"""`bitgoeul roster`: show what a roster would change in a cohort, then apply it or drop it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.commands.campus import open_campus
from portal.commands.cohort import ROLES
from portal.commands.options import data_option
from portal.commands.table import layout

if TYPE_CHECKING:
    from cohorts.roster import Entry, Preview

as_option = click.option("--as", "admin", default=None, metavar="USERNAME", help="Administrator who does this.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print the import as JSON.")
WRONG_ROWS = 1


@click.group()
def roster() -> None:
    """Preview and apply a cohort's roster from a CSV file.

    \b
      bitgoeul roster preview people.csv --cohort jc-2026-1     shows the difference and its number N
      bitgoeul roster apply N                                   does it, whole or not at all
      bitgoeul roster drop N                                    forgets it
    """


@roster.command()
@data_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--cohort", "cohort_id", required=True, metavar="ID", help="Cohort the roster is for.")
@as_option
@json_option
def preview(data: Path, file: Path, cohort_id: str, admin: str | None, as_json: bool) -> None:
    """Show what the roster FILE would change in the cohort; nobody is changed.

    FILE is a CSV as a spreadsheet saves it (UTF-8 or CP949; comma, semicolon or tab) with the columns 이름 (name),
    아이디 (username), 이메일 (email) and 역할 (role: 학생, 조교, 강사). Without a username column the email is the
    username. Exit status 1: rows are wrong; each is listed with its line.
    """
    from cohorts.roster import MAX_BYTES, preview_roster

    with file.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    with open_campus(data) as campus, campus.database.write() as session:
        by = campus.administrator(session, admin)
        seen = preview_roster(
            session, cohort_id=cohort_id, filename=file.name, data=content, by=by, now=datetime.now(UTC)
        )
    _print(seen, as_json)
    if seen.problems:
        sys.exit(WRONG_ROWS)


@roster.command()
@data_option
@click.argument("number", type=int)
@json_option
def show(data: Path, number: int, as_json: bool) -> None:
    """Show the import NUMBER again, against the cohort as it is now."""
    from cohorts.roster import load_preview

    with open_campus(data) as campus, campus.database.read() as session:
        _print(load_preview(session, number), as_json)


@roster.command()
@data_option
@click.argument("number", type=int)
@click.option("--confirm", is_flag=True, help="The questions of the preview have been looked into.")
@as_option
@json_option
def apply(data: Path, number: int, confirm: bool, admin: str | None, as_json: bool) -> None:
    """Apply the import NUMBER, in one transaction: all of it or nothing."""
    from cohorts.roster import apply_import

    with open_campus(data) as campus, campus.database.write() as session:
        by = campus.administrator(session, admin)
        done = apply_import(session, number, by=by, now=datetime.now(UTC), confirm=confirm)
    if as_json:
        _print(done, as_json)
        return
    click.echo(
        f"명단 {number}번을 적용했습니다. Roster import {number} is applied: "
        f"+{len(done.added)} 추가 added, +{len(done.returning)} 복귀 returned, ~{len(done.changed)} 변경 changed, "
        f"-{len(done.withdrawn)} 제외 withdrawn."
    )
    click.echo("실행 중인 캠퍼스에는 몇 초 안에 반영됩니다. A running campus follows within seconds.")


@roster.command()
@data_option
@click.argument("number", type=int)
@as_option
def drop(data: Path, number: int, admin: str | None) -> None:
    """Forget the import NUMBER; it can't be applied any more."""
    from cohorts.roster import drop_import

    with open_campus(data) as campus, campus.database.write() as session:
        drop_import(session, number, by=campus.administrator(session, admin), now=datetime.now(UTC))
    click.echo(f"명단 {number}번을 버렸습니다. Roster import {number} is dropped.")


def _print(seen: Preview, as_json: bool) -> None:
    if as_json:
        from portal.api.cohort_shapes import PreviewShape

        click.echo(PreviewShape.of(seen).model_dump_json(indent=2))
        return
    for line in _lines(seen):
        click.echo(line)


def _lines(seen: Preview) -> Iterable[str]:
    yield f"명단 {seen.id}번 roster import {seen.id}: {seen.filename} -> {seen.cohort_id}"
    if seen.state.value != "previewed":
        word = {"applied": "적용됨 applied", "dropped": "버려짐 dropped"}[seen.state.value]
        yield f"  {word}"
        return
    rows = [
        *_rows("+ 추가 added", seen.added),
        *_rows("+ 복귀 returning", seen.returning),
        *(_changed(change.before, change.after) for change in seen.changed),
        *_rows("- 제외 withdrawn", seen.withdrawn),
    ]
    if rows:
        yield layout(rows, indent="  ")
    yield f"  그대로 unchanged: {len(seen.unchanged)}"
    if seen.kept_staff:
        names = ", ".join(f"{entry.name} ({entry.username})" for entry in seen.kept_staff)
        yield f"  파일에 없지만 남는 강사·조교 staff not in the file, staying: {names}"
    for problem in seen.problems:
        where = f"{problem.line}번째 줄 line {problem.line}" if problem.line else "파일 file"
        yield f"! {where}: {problem.korean}\n    {problem.message}"
    for concern in seen.concerns:
        yield f"? {concern.korean}\n    {concern.message}"
    yield _next_step(seen)


def _rows(label: str, entries: Iterable[Entry]) -> list[tuple[str, ...]]:
    return [
        (
            label,
            entry.username,
            entry.name,
            entry.email or "",
            ROLES[entry.role.value],
            f"{entry.line}번째 줄 line {entry.line}" if entry.line else "",
        )
        for entry in entries
    ]


def _changed(before: Entry, after: Entry) -> tuple[str, ...]:
    def both(old: str, new: str) -> str:
        return new if old == new else f"{old or '-'} -> {new}"

    return (
        "~ 변경 changed",
        after.username,
        both(before.name, after.name),
        both(before.email or "", after.email or ""),
        both(ROLES[before.role.value], ROLES[after.role.value]),
        f"{after.line}번째 줄 line {after.line}",
    )


def _next_step(seen: Preview) -> str:
    if seen.problems:
        return "파일을 고쳐 다시 올려 주세요. Correct the file and preview it again; nothing was changed."
    if seen.stale:
        return "그 사이 기수가 바뀌었습니다. The cohort has changed since: preview the file again."
    confirm = " --confirm" if seen.concerns else ""
    command = f"bitgoeul roster apply {seen.id}{confirm}"
    return f"아직 아무것도 바뀌지 않았습니다. Nothing has changed yet. 적용 apply: {command}"
