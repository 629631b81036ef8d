"""What every tier shares: free ports, skips that say how to enable them, and CI's rule that nothing may be skipped."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from engines import engine_answers, engine_has
from own_engine import can_run
from ports import free_port
from postgres_server import running_postgres
from sqlalchemy import create_engine
from swarm_rig import can_run as can_run_a_swarm

CHROMIUM = "/usr/bin/chromium"
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))

TIERS = {
    "browser": (lambda: Path(CHROMIUM).exists(), "needs Chromium: apt-get install chromium fonts-noto-cjk libatomic1"),
    "postgres": (lambda: bool(POSTGRES), "needs a PostgreSQL server: apt-get install postgresql"),
    "namespaces": (
        lambda: shutil.which("unshare") is not None and os.system("unshare -Ur true 2>/dev/null") == 0,
        "needs user namespaces: sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000",
    ),
    "docker": (
        engine_answers,
        "needs a container engine: start Docker and run images/build marking, or, as root: apt-get install docker.io "
        "debootstrap && .ci/engine make test ARGS=tests/docker",
    ),
    "swarm": (
        can_run_a_swarm,
        "needs a machine that can run several container engines: as root, apt-get install docker.io iproute2 iptables "
        "util-linux && make test ARGS=tests/swarm",
    ),
    "labs": (
        lambda: can_run() and engine_has("bitgoeul-lab-cpu"),
        "needs root, network namespaces, apt-get install docker.io iproute2 iptables, and an engine with the lab: "
        "make images",
    ),
    "compose": (
        lambda: can_run() and bool(shutil.which("docker-compose")) and engine_has("bitgoeul-database"),
        "needs root, network namespaces, apt-get install docker.io docker-compose iproute2 iptables openssl, and an "
        "engine with all images: make images",
    ),
    "stack": (
        lambda: can_run_a_swarm() and engine_has("bitgoeul-database"),
        "needs a machine that can run several container engines, and one with all images: as root, apt-get install "
        "docker.io iproute2 iptables util-linux && make images, or .ci/engine make test ARGS=tests/stack",
    ),
}


def pytest_configure() -> None:
    """Programs that belong to this environment come first: node where it came in a wheel, alembic for nbgrader."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tiers that this machine can't run, each with its reason and remedy."""
    for marker, (available, remedy) in TIERS.items():
        wanted = [item for item in items if item.get_closest_marker(marker)]
        if wanted and not available():
            for item in wanted:
                item.add_marker(pytest.mark.skip(reason=remedy))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """In CI a skipped tier is a failure: a machine that can't run it proves nothing."""
    report = yield
    if report.skipped and os.environ.get("BITGOEUL_TEST_NO_SKIP") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of an empty PostgreSQL server; use `fresh_postgres` for a database of a test's own."""
    with running_postgres() as url:
        yield url


@pytest.fixture
def fresh_postgres(postgres_server: str) -> str:
    """The URL of a new, empty database on the tests' PostgreSQL server."""
    name = f"test_{secrets.token_hex(6)}"
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"create database {name}")
    engine.dispose()
    return postgres_server.replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, on SQLite and on PostgreSQL in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'campus.db'}"
    url: str = request.getfixturevalue("fresh_postgres")
    return url


@pytest.fixture
def unused_port() -> int:
    return free_port()
