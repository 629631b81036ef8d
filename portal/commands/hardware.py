"""`bitgoeul hardware`: what the hardware file declares, whether it is right, and what is lent at this moment."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portal.commands.campus import open_campus
from portal.commands.options import data_option
from portal.commands.table import layout

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from gpus.hardware import Hardware


@click.command()
@data_option
@click.option("--check", type=click.Path(dir_okay=False, path_type=Path), default=None, metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def hardware(data: Path, check: Path | None, as_json: bool) -> None:
    """Show what the campus's hardware file declares, and the slices that are lent and free now.

    With --check FILE it only reads that file and says what it declares, or what is wrong with it; no campus is needed.
    The campus's own file is DATA/hardware.yaml, or what BITGOEUL_HARDWARE names.
    """
    import os

    from portal.settings import PortalSettings

    if check is not None:
        if not check.exists():
            raise click.UsageError(
                f"{check} 파일이 없습니다. There is no file {check}."
            )  # a missing default file is fine
        _print(check, _load(check), None, as_json)
        return
    path = PortalSettings.from_environment(os.environ, data=data).hardware
    declared = _load(path)
    with open_campus(data) as campus, campus.database.read() as session:
        _print(path, declared, _live(session), as_json)


def _load(path: Path) -> Hardware:
    """The file; what is wrong with it as a sentence of the command's."""
    from gpus.hardware import HardwareError, load_hardware
    from portal.settings import SettingsError

    try:
        return load_hardware(path)
    except HardwareError as error:
        raise SettingsError(f"장비 파일을 쓸 수 없습니다. The hardware file can't be used. {error}") from error


def _live(session: Session) -> list[dict[str, Any]]:
    """Each kind's slices in numbers, and how many people wait."""
    from gpus.inventory import stock
    from gpus.tickets import waiting_by_kind

    waiting = waiting_by_kind(session)
    return [
        {
            "kind": one.kind,
            "available": one.available,
            "lent": one.lent,
            "free": one.free,
            "away": one.away,
            "waiting": waiting.get(one.kind, 0),
        }
        for one in stock(session)
    ]


def _print(path: Path, declared: Hardware, live: list[dict[str, Any]] | None, as_json: bool) -> None:
    if as_json:
        shown: dict[str, Any] = {"file": str(path), "found": path.exists(), **declared.model_dump(mode="json")}
        if live is not None:
            shown["live"] = live
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    if path.exists():
        click.echo(f"{path}: 이상 없음 fine")
    else:
        click.echo(f"{path}: 파일이 없어 모두 CPU 실습실을 씁니다. No such file: everybody gets a CPU lab.")
    for line in _lines(declared, live):
        click.echo(line)


def _lines(declared: Hardware, live: list[dict[str, Any]] | None) -> Iterable[str]:
    rows = [("장비 profile", "이름 title", "종류 kind", "코어 cores", "메모리 memory", "대여 lease", "과정 tracks")]
    for profile in declared.profiles:
        rows.append(
            (
                profile.name,
                f"{profile.title.ko} {profile.title.en}" if profile.title.ko != profile.title.en else profile.title.ko,
                profile.kind or "-",
                f"{profile.cpus:g}",
                f"{profile.memory / 1024**3:g} GiB",
                _span(profile.lease) if profile.kind else "-",
                ", ".join(profile.tracks) if profile.tracks is not None else "모두 all",
            )
        )
    yield layout(rows, indent="  ")
    if declared.nodes:
        yield "선언한 노드 declared nodes"
        for node in declared.nodes:
            kinds = {piece.kind for piece in node.slices}
            counts = (f"{kind} × {sum(piece.kind == kind for piece in node.slices)}" for kind in sorted(kinds))
            yield f"  {node.name}: {', '.join(counts) or '-'}"
    if live is None:
        return
    yield "지금 now"
    if not live:
        yield "  빌려줄 GPU가 없습니다. There is no slice to lend."
        if declared.nodes:
            yield "  선언한 노드는 포털이 시작할 때 반영됩니다. The portal takes the declared nodes in when it starts."
        return
    table = [("종류 kind", "비어 있음 free", "사용 중 lent", "전체 in service", "쓸 수 없음 away", "대기 waiting")]
    names = ("free", "lent", "available", "away", "waiting")
    table += [(one["kind"], *(str(one[name]) for name in names)) for one in live]
    yield layout(table, indent="  ")


def _span(length: timedelta) -> str:
    """As the file writes it: `4h`, `90m`."""
    seconds = round(length.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds % size == 0 and seconds:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
