"""`bitgoeul worker`: mark what students hand in."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import click

from portal.commands.options import data_option


@click.command()
@data_option
@click.option("--once", is_flag=True, help="Mark everything that waits, then stop.")
@click.option(
    "--expiry",
    type=click.FloatRange(min=1),
    default=30.0,
    envvar="BITGOEUL_CLAIM_SECONDS",
    show_default=True,
    help="Seconds of silence after which another worker takes a job over.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=None,
    envvar="BITGOEUL_WORKER_JOBS",
    help="Submissions to mark at once [default: two more than cores, as far as memory goes].",
)
def worker(data: Path, once: bool, expiry: float, jobs: int | None) -> None:
    """Mark what students hand in, until stopped.

    One worker marks several submissions at once; start further ones on further machines. SIGTERM and Ctrl-C give what
    was claimed back and stop.
    """
    from grader.slow_imports import leave_out_slow_imports

    leave_out_slow_imports()
    from cohorts.database import Database
    from grader.capacity import machine_places
    from grader.sandbox.base import SandboxUnavailable
    from grader.storage import Storage
    from grader.worker import name_of_this_process, run_worker
    from grader.workplace import workplace
    from portal.logs import configure_logs
    from portal.sandboxing import build_sandboxes, leased_devices
    from portal.settings import PortalSettings

    settings = PortalSettings.from_environment(os.environ, data=data)
    configure_logs("grader", settings.log_format)
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    name = name_of_this_process()
    database = Database(settings.database_url)
    try:
        sandboxes = build_sandboxes(settings, name, leased_devices(settings, database, name))
    except SandboxUnavailable as error:
        click.echo(f"{error.korean} {error.message}", err=True)
        sys.exit(2)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log = logging.getLogger("grader.worker")
    sys.setswitchinterval(0.0005)  # jobs wait for their processes far more than they compute: let them go on at once
    places = jobs or machine_places()
    serves = ", ".join(f"{lane} {number}" for lane, number in sandboxes.serves(places).items())
    log.info("worker started, sandbox: %s, jobs at once: %s", sandboxes.forked.name, serves)
    with workplace() as folder, closing(database), closing(sandboxes):
        tempfile.tempdir = str(folder)  # whatever this process unpacks or builds, the sandbox's folders among it
        taken = run_worker(
            database,
            Storage(settings.storage),
            settings.offerings,
            once=once,
            stop=stop,
            sandbox=sandboxes,
            expiry=expiry,
            name=name,
            places=places,
        )
    log.info("worker stopped after %s jobs", taken)
