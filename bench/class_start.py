"""A class of 300 at the bell: from each student's click to their server answering, through real hub, proxy and portal.

Students are signed in before; they click within `CLICKS_WITHIN` seconds, every one on a GPU slice of their own. The
labs are stand-ins (`bench.stand_in_lab`): 300 real ones don't fit on one machine. What comes before them is measured.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import yaml

from bench.people import Campus, Person, free_port, wait_for
from bench.report import Result
from cohorts.database import Database
from cohorts.models import Role
from cohorts.people import ensure_membership, ensure_person
from gpus.models import Lease

STUDENTS = 300
CLICKS_WITHIN = 15.0
LAB_SECONDS = 2.0
COHORT = "jc-2026-1"


@dataclass
class Bell:
    """What one bell brought: seconds from click to ready, and every answer that was an error."""

    ready: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)


def measure() -> list[Result]:
    """One bell."""
    bell = ring(STUDENTS)
    ready = sorted(bell.ready)
    return [
        Result(f"{STUDENTS} students, first click to last server ready", bell.seconds, "s"),
        Result("click to ready, median", ready[len(ready) // 2], "s"),
        Result("click to ready, p95", ready[int(len(ready) * 0.95)], "s"),
        Result("of it, the stand-in's own start", LAB_SECONDS, "s"),
        Result("servers ready", len(ready), "servers"),
        Result("answers with 429 or 5xx, and other failures", len(bell.errors), "answers"),
        *(Result(f"processor time of the {name}", seconds, "s") for name, seconds in bell.cpu.items()),
    ]


def ring(students: int) -> Bell:
    """Open a campus, let everybody sign in, ring the bell. Raises when two got one slice."""
    with tempfile.TemporaryDirectory(prefix="bitgoeul-bench-") as folder, stand_in() as port:
        data = Path(folder) / "campus"
        data.mkdir()
        (data / "hardware.yaml").write_text(yaml.safe_dump(declared(students)))
        campus = Campus(
            data,
            free_port(),
            environment={
                "BITGOEUL_SPAWNER": "bench.stand_in_lab.StandInSpawner",
                "BITGOEUL_STAND_IN_PORT": str(port),
                "BITGOEUL_STAND_IN_SECONDS": str(LAB_SECONDS),
                "BITGOEUL_CLEANUP_SERVERS": "0",
            },
        )
        write_additions(data)
        try:
            campus.start()
            names = enrol(data, students)
            wait_for("the hub to know everybody", lambda: known(campus) >= students, 300)
            with ThreadPoolExecutor(8) as several:
                people = list(several.map(campus.sign_in, names))
            before = {name: cpu_seconds(campus.pid_of(name)) for name in ("hub", "portal", "proxy")}
            bell = asyncio.run(_ring(campus, people))
            bell.cpu = {name: cpu_seconds(campus.pid_of(name)) - was for name, was in before.items()}
            check_leases(data, len(bell.ready))
        finally:
            campus.stop()
    return bell


def declared(slices: int) -> dict[str, object]:
    """As many slices as students, on nodes of eight."""
    return {
        "profiles": [
            {"name": "cpu", "title": {"ko": "CPU", "en": "CPU"}},
            {"name": "gpu", "title": {"ko": "GPU", "en": "GPU"}, "kind": "gpu"},
        ],
        "nodes": [
            {
                "name": f"node{node}",
                "slices": [
                    {"device": f"GPU-{number}", "kind": "gpu"} for number in range(node * 8, min(node * 8 + 8, slices))
                ],
            }
            for node in range((slices + 7) // 8)
        ],
    }


def write_additions(data: Path) -> None:
    """What the stand-in spawner has to be told, as a site tells the hub of a spawner of its own."""
    folder = data / "jupyterhub_config.d"
    folder.mkdir()
    (folder / "stand-in.py").write_text(
        f"import os, sys\nsys.path.insert(0, {str(Path(__file__).resolve().parents[1])!r})\n"
        'c.StandInSpawner.portal_url = os.environ["BITGOEUL_PORTAL_URL"]\n'
        'c.StandInSpawner.lease_token = os.environ["BITGOEUL_LEASE_TOKEN"]\n'
    )


def enrol(data: Path, students: int) -> list[str]:
    """Put the students on the demonstration cohort's roster."""
    database = Database(f"sqlite:///{data / 'bitgoeul.db'}")
    names = [f"trainee{number:03}" for number in range(1, students + 1)]
    now = datetime.now(UTC)
    with database.write() as session:
        from sqlalchemy import select

        from cohorts.models import Cohort

        cohort = session.scalars(select(Cohort.id)).first()
        assert cohort is not None
        for name in names:
            ensure_person(session, username=name, name=name, now=now)
            ensure_membership(session, cohort_id=cohort, username=name, role=Role.STUDENT, now=now)
    database.close()
    return names


def known(campus: Campus) -> int:
    """How many of the students the hub lets in already."""
    token = campus.secret("portal_token")
    answer = httpx.get(f"{campus.url}/hub/api/groups", headers={"Authorization": f"token {token}"}, timeout=60)
    groups = {group["name"]: group["users"] for group in answer.json()}
    return max((len([name for name in users if name.startswith("trainee")]) for users in groups.values()), default=0)


async def _ring(campus: Campus, people: list[Person]) -> Bell:
    bell = Bell()
    chance = random.Random(20260302)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=STUDENTS)
    async with httpx.AsyncClient(base_url=campus.url, timeout=120, limits=limits) as http:
        began = time.perf_counter()
        await asyncio.gather(*(_student(http, bell, person, chance.uniform(0, CLICKS_WITHIN)) for person in people))
        bell.seconds = time.perf_counter() - began
    return bell


async def _student(http: httpx.AsyncClient, bell: Bell, person: Person, wait: float) -> None:
    """Click, watch the progress as the page does, open the lab."""
    await asyncio.sleep(wait)
    began = time.perf_counter()
    headers = {"Authorization": f"token {person.token}"}
    clicked = await http.post("/services/portal/api/gpus/mine", json={"profile": "gpu"}, headers=headers)
    if clicked.status_code != 200:
        bell.errors.append(f"{person.username} click: {clicked.status_code} {clicked.text[:200]}")
        return
    path = f"/hub/api/users/{person.username}/server/progress"
    async with http.stream("GET", path, headers=headers) as events:
        if events.status_code != 200:
            bell.errors.append(f"{person.username} progress: {events.status_code}")
            return
        async for line in events.aiter_lines():
            if '"ready": true' in line:
                break
            if '"failed": true' in line:
                bell.errors.append(f"{person.username} failed: {line[:300]}")
                return
    opened = await http.get(f"/user/{person.username}/lab", headers=headers)
    if opened.status_code != 200:
        bell.errors.append(f"{person.username} lab: {opened.status_code}")
        return
    bell.ready.append(time.perf_counter() - began)


def check_leases(data: Path, ready: int) -> None:
    """Every server that is ready has a slice, and no slice has two."""
    from sqlalchemy import select

    database = Database(f"sqlite:///{data / 'bitgoeul.db'}")
    with database.read() as session:
        slices = list(session.scalars(select(Lease.slice_id).where(Lease.ended_at.is_(None))))
    database.close()
    assert len(slices) == len(set(slices)) >= ready, (len(slices), len(set(slices)), ready)


@contextmanager
def stand_in() -> Iterator[int]:
    """The process that answers for all labs; its port."""
    port = free_port()
    root = Path(__file__).resolve().parents[1]
    with subprocess.Popen([sys.executable, "-m", "bench.stand_in_lab", str(port)], cwd=root) as process:
        try:
            yield port
        finally:
            process.terminate()


def cpu_seconds(pid: int) -> float:
    """User and system time of one process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
