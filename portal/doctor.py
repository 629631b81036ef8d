"""What `bitgoeul doctor` looks at: this machine, the campus on it, and with `--site` the whole data centre."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from portal.checks.campus import database, examine_campus, secrets, sign_in
from portal.checks.clocks import Clocks
from portal.checks.disks import examine_disks
from portal.checks.engine import examine_engines
from portal.checks.finding import Finding
from portal.checks.machine import examine_machine
from portal.checks.nvidia import examine_toolkit
from portal.checks.postgres import examine_postgres
from portal.checks.programs import examine_programs
from portal.checks.sandbox import examine_sandbox, user_namespaces
from portal.settings import PortalSettings


def examine(data: Path, environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """Look at everything a campus on this machine needs; changes nothing."""
    settings = PortalSettings.from_environment(environ, data=data)
    return [*examine_machine(data), *examine_campus(settings), *examine_sandbox(settings)]


def examine_site(
    data: Path, *, engines: Sequence[str], images: Sequence[str], environ: Mapping[str, str] = os.environ
) -> list[Finding]:
    """Look at the data centre: programs, databases, engines and their nodes, cards, clocks, disks, certificates.

    `engines` are addresses as in DOCKER_HOST, none for the one that the environment names; `images` are what every one
    of them has to have. Changes nothing; makes one short-lived container an engine, without network.
    """
    settings = PortalSettings.from_environment(environ, data=data)
    clocks = Clocks()
    wanted = dict.fromkeys((*images, *([settings.worker_image] if settings.worker_image else [])))
    return [
        *examine_programs(settings, clocks),
        database(settings),
        *examine_postgres(settings, clocks),
        sign_in(settings),
        *secrets(settings.data),
        *examine_engines(engines, tuple(wanted), clocks),
        *examine_toolkit(environ.get("PATH", "")),
        user_namespaces(),
        *examine_disks(settings),
        *clocks.findings(),
    ]
