"""How long a lease decision takes in a full data centre: 1,000 slices, all lent but the one that just became free, and
10,000 people who wait on four tracks, after a year of others.

A decision is `gpus.decide` in its transaction, as it runs when a server stops; "with the commit" is from asking for the
database to its answer that everything is on the disk. On SQLite in a temporary folder, and on PostgreSQL where the
machine has one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import quantiles
from tempfile import TemporaryDirectory

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from bench.report import Result
from cohorts.database import Database, migrate
from gpus.decide import decide
from gpus.desk import Desk
from gpus.hardware import Hardware
from gpus.inventory import apply_declared
from gpus.leases import end, grant, granted
from gpus.models import Lease, LeaseState, Slice, Ticket, TicketState
from gpus.upkeep import tend
from gpus.usage import accrue_all
from gpus.writer import deciding

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from postgres_server import BINARIES, running_postgres

SLICES, TICKETS, NODES = 1_000, 10_000, 125
PAST = 20_000  # leases and tickets of last year
TRACKS = ("job-conversion", "convergence-college", "advanced-talent", "other")
DECISIONS, LOOKS = 500, 100
NOW = datetime(2026, 3, 2, tzinfo=UTC)
ZONE = "Asia/Seoul"
NOTHING = text("select 1")


def measure() -> list[Result]:
    with TemporaryDirectory(prefix="bitgoeul-bench-") as folder:
        results = measure_on("SQLite", f"sqlite:///{folder}/campus.db")
    if not BINARIES:
        print("PostgreSQL is not measured: this machine has no server; apt-get install postgresql")
        return results
    with running_postgres() as url:
        return results + measure_on("PostgreSQL", url)


def measure_on(name: str, url: str) -> list[Result]:
    with full_centre(url) as (database, hardware):
        inside, whole, cpu = decisions(database, hardware)
        trips = list(round_trips(database))
        looks = list(seen(database, hardware))
        upkeep, booking = steward(database, hardware)
    return [
        Result(f"{name}: decision, median", _at(inside, 50), "ms"),
        Result(f"{name}: decision, 99th percentile", _at(inside, 99), "ms"),
        Result(f"{name}: decision, this process's CPU, median", _at(cpu, 50), "ms"),
        Result(f"{name}: decision, this process's CPU, 99th percentile", _at(cpu, 99), "ms"),
        Result(f"{name}: decision with the commit, median", _at(whole, 50), "ms"),
        Result(f"{name}: decision with the commit, 99th percentile", _at(whole, 99), "ms"),
        Result(f"{name}: an empty statement, median", _at(trips, 50), "ms"),
        Result(f"{name}: an empty statement, 99th percentile", _at(trips, 99), "ms"),
        Result(f"{name}: position, estimate and reason of one person, median", _at(looks, 50), "ms"),
        Result(f"{name}: position, estimate and reason of one person, 99th percentile", _at(looks, 99), "ms"),
        Result(f"{name}: a look after all 1,000 leases", upkeep, "ms"),
        Result(f"{name}: the use of all 1,000 leases booked", booking, "ms"),
    ]


@contextmanager
def full_centre(url: str) -> Iterator[tuple[Database, Hardware]]:
    """The data centre at the empty database `url`."""
    nodes = [
        {
            "name": f"node{node:03}",
            "slices": [{"device": f"GPU-{node}-{place}", "kind": "gpu"} for place in range(SLICES // NODES)],
        }
        for node in range(NODES)
    ]
    profiles = [
        {"name": "cpu", "title": {"ko": "CPU", "en": "CPU"}},
        {"name": "gpu", "title": {"ko": "GPU", "en": "GPU"}, "kind": "gpu"},
    ]
    hardware = Hardware.model_validate({"profiles": profiles, "nodes": nodes})
    random = Random(1)
    migrate(url)
    database = Database(url)
    try:
        with database.write() as session:
            apply_declared(session, hardware.nodes, NOW)
            for number, slice_id in enumerate(session.scalars(select(Slice.id)).all()):
                grant(
                    session,
                    granted(
                        slice_id,
                        holder=f"holder{number}",
                        profile=hardware.profile("gpu"),
                        cohort_id=None,
                        track=random.choice(TRACKS),
                        until=NOW + timedelta(hours=4),
                        answer_by=None,
                        class_session_id=None,
                        now=NOW,
                    ),
                )
            session.execute(
                insert(Ticket),
                [
                    {
                        "username": f"person{number}",
                        "profile": "gpu",
                        "kind": "gpu",
                        "track": random.choice(TRACKS),
                        "rank": NOW.timestamp() + random.random() * 7200,
                        "state": TicketState.WAITING,
                        "asked_at": NOW,
                        "seen_at": NOW,
                    }
                    for number in range(TICKETS)
                ],
            )
            _remember(session, random)
        if database.engine.dialect.name == "postgresql":
            with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("analyze"))  # as its autovacuum does within a minute
        yield database, hardware
    finally:
        database.close()


def _remember(session: Session, random: Random) -> None:
    """What was lent and waited for before."""
    leases, tickets = [], []
    for number in range(PAST):
        ended = NOW - timedelta(minutes=20 * (PAST - number))
        began = ended - timedelta(minutes=random.uniform(10, 240))
        person = {"profile": "gpu", "kind": "gpu", "track": random.choice(TRACKS)}
        leases.append(
            {
                **person,
                "slice_id": random.randint(1, SLICES),
                "holder": f"person{number % TICKETS}",
                "share": 1.0,
                "state": LeaseState.ENDED,
                "granted_at": began,
                "starting_at": began,
                "running_at": began,
                "ended_at": ended,
                "ended_because": "stopped",
            }
        )
        tickets.append(
            {
                **person,
                "username": f"person{number % TICKETS}",
                "rank": began.timestamp(),
                "state": TicketState.SERVED,
                "asked_at": began,
                "seen_at": began,
                "closed_at": began,
            }
        )
    session.execute(insert(Lease), leases)
    session.execute(insert(Ticket), tickets)


def decisions(database: Database, hardware: Hardware) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of decisions after one slice each has come back: alone, with transaction and commit, and CPU time
    of deciding, which tells more on a machine that has other things to do.
    """
    inside, whole, cpu = [], [], []
    now = NOW
    for number in range(DECISIONS + 20):
        now += timedelta(seconds=1)
        with database.write() as session:
            lease = session.scalars(select(Lease).where(Lease.ended_at.is_(None)).order_by(Lease.id).limit(1)).one()
            end(lease, "stopped", now)
        began = time.perf_counter()
        with deciding(database) as session:
            asked, busy = time.perf_counter(), time.process_time()
            granted = decide(session, hardware, "gpu", now, timezone=ZONE)
            decided, busy = time.perf_counter(), time.process_time() - busy
        done = time.perf_counter()
        assert len(granted) == 1
        if number >= 20:  # the first ones fill caches
            cpu.append(1000 * busy)
            inside.append(1000 * (decided - asked))
            whole.append(1000 * (done - began))
    return inside, whole, cpu


def round_trips(database: Database) -> Iterator[float]:
    """Milliseconds of asking for nothing: what each statement of a decision costs at least."""
    with database.read() as session:
        for _ in range(DECISIONS):
            began = time.perf_counter()
            session.execute(NOTHING).all()
            yield 1000 * (time.perf_counter() - began)


def seen(database: Database, hardware: Hardware) -> Iterator[float]:
    """Milliseconds in which people who wait are told how things stand."""
    desk = Desk(database, hardware, ZONE)
    with database.read() as session:
        waiting = session.scalars(select(Ticket.username).where(Ticket.closed_at.is_(None)).order_by(Ticket.id)).all()
    now = NOW + timedelta(seconds=DECISIONS + 30)
    for number in range(LOOKS + 10):
        began = time.perf_counter()
        _, place = desk.look(waiting[number * len(waiting) // (LOOKS + 10)], now)
        elapsed = 1000 * (time.perf_counter() - began)
        assert place is not None
        if number >= 10:
            yield elapsed


def steward(database: Database, hardware: Hardware) -> tuple[float, float]:
    """Milliseconds in which the steward keeps everybody else from deciding: at a look, and when use is booked."""
    upkeep, booking = [], []
    now = NOW + timedelta(seconds=DECISIONS + 60)
    for _ in range(5):
        now += timedelta(seconds=2)
        with deciding(database) as session:
            began = time.perf_counter()
            tend(session, hardware, now, timezone=ZONE)
            upkeep.append(1000 * (time.perf_counter() - began))
        with deciding(database) as session:
            began = time.perf_counter()
            accrue_all(session, now, hardware.rules.half_life, ZONE)
            booking.append(1000 * (time.perf_counter() - began))
    return sorted(upkeep)[2], sorted(booking)[2]


def _at(figures: list[float], percent: int) -> float:
    return quantiles(figures, n=100)[percent - 1]
