"""`bitgoeul up`: the whole campus on one machine, as one supervised tree of processes."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import click

from portal.campus_tree import build_environment, build_programs, choose_addresses, prepare_data
from portal.commands.options import data_option
from portal.settings import PortalSettings, SettingsError
from portal.supervisor import Supervisor

START_SECONDS = 90


@click.command()
@data_option
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port people open.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--workers", type=click.IntRange(1, 64), default=None, help="Graders to run [default: one per 2 cores].")
@click.option("--demo/--no-demo", default=False, help="Seed a demonstration cohort when the campus has nobody yet.")
def up(data: Path, port: int, host: str, workers: int | None, demo: bool) -> None:
    """Start a whole campus on this machine: proxy, hub, portal and graders.

    Everything it knows lies in the data folder; start it again with the same folder and it goes on where it was.
    Ctrl-C stops all of it.
    """
    began = time.monotonic()
    folder = data.expanduser().resolve()
    prepare_data(folder)
    lock = _take_lock(folder)
    addresses = choose_addresses(host, port)
    environment = build_environment(os.environ, folder, addresses)
    settings = PortalSettings.from_environment(environment)
    programs = build_programs(environment, folder, addresses, workers or max(1, (os.cpu_count() or 2) // 2))

    supervisor = Supervisor(folder / "logs", report=lambda text: click.echo(f"bitgoeul: {text}", err=True), adopt=True)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: supervisor.request_stop())
    click.echo("빛고을을 시작합니다. Starting the campus ...")
    try:
        proxy, *rest = programs
        supervisor.start(proxy)
        _prepare_campus(settings, demo=demo)
        supervisor.wait_ready(proxy.name, START_SECONDS)
        for program in rest:
            supervisor.start(program)
        for program in rest:
            supervisor.wait_ready(program.name, START_SECONDS)
        if not supervisor.stop_requested:
            _welcome(settings, time.monotonic() - began)
            supervisor.watch()
    finally:
        click.echo("\n빛고을을 멈춥니다. Stopping the campus ...")
        supervisor.stop()
        lock.close()
    click.echo("모두 멈췄습니다. Everything has stopped.")


def _take_lock(folder: Path) -> IO[str]:
    """Hold DATA/.lock, so that two campuses never share one data folder."""
    lock = (folder / ".lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise SettingsError(
            f"A campus already runs on the data folder {folder}. Stop it first (Ctrl-C where it runs), "
            "or choose another folder: make run DATA=/path/to/folder"
        ) from error
    os.set_inheritable(lock.fileno(), False)
    return lock


def _prepare_campus(settings: PortalSettings, *, demo: bool) -> None:
    from cohorts.database import Database, migrate
    from cohorts.people import ensure_administrators
    from portal.demo import seed_demonstration

    migrate(settings.database_url)
    database = Database(settings.database_url)
    try:
        now = datetime.now(UTC)
        with database.write() as session:
            ensure_administrators(session, settings.admins, now=now)
        if demo and settings.sign_in == "demo":
            seed_demonstration(database, settings, now=now)
    finally:
        database.close()


def _welcome(settings: PortalSettings, seconds: float) -> None:
    from cohorts.database import Database
    from portal.demo import demo_people

    click.echo(f"\n  빛고을이 열렸습니다 ({seconds:.1f}초). The campus is open:  {settings.public_url}\n")
    if settings.sign_in == "demo":
        database = Database(settings.database_url)
        try:
            people = demo_people(database, settings)
        finally:
            database.close()
        width = max((len(person.username) for person in people), default=8)
        for person in people:
            click.echo(f"  {person.role_ko:　<4} {person.username:<{width}}  {person.password}  {person.name}")
        click.echo("\n  시범 운영입니다: 비밀번호가 여기 보이고, 모든 실습 서버가 이 계정으로 실행됩니다.")
        click.echo("  A demonstration: passwords are printed here, and every lab runs under this account.")
    click.echo(f"\n  기록 logs: {settings.data / 'logs'}    멈추기 stop: Ctrl-C\n")
    sys.stdout.flush()
