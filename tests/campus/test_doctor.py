"""`bitgoeul doctor`, check by check: each trap is found, told with its remedy, and not seen where it isn't."""

from __future__ import annotations

import json
import os
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from portal_site import make_settings
from ports import free_port
from sqlalchemy import create_engine, text

from portal.checks.campus import secrets
from portal.checks.clocks import Clocks
from portal.checks.disks import examine_disks
from portal.checks.engine import _node
from portal.checks.finding import Finding, version_of
from portal.checks.nvidia import examine_toolkit
from portal.checks.postgres import examine_postgres
from portal.checks.programs import certificate, examine_programs
from portal.checks.sandbox import user_namespaces
from portal.secrets_file import ensure_secrets

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
RUNTIME = {"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}
SLICES = {"node-generic-resources": ["GPU=GPU-5f0c1a2b-0000"], "default-runtime": "nvidia"}
SWARM_RESOURCE = 'swarm-resource = "DOCKER_RESOURCE_GPU"\n'


def states(findings: list[Finding]) -> dict[str, str]:
    return {finding.subject: finding.state for finding in findings}


def test_every_finding_that_falls_short_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "portal.cli", "doctor", "--site", "--json", "--data", str(tmp_path)),
            *("--engine", f"unix://{tmp_path}/none.sock"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("BITGOEUL_")}
        | {"BITGOEUL_PROXY_API_URL": f"http://127.0.0.1:{free_port()}", "BITGOEUL_PUBLIC_URL": "https://127.0.0.1:1"},
    )
    found = json.loads(done.stdout)
    assert done.returncode == 1  # no program runs here
    assert {"Proxy", "Hub", "Portal", "Certificate", "Engine", "Clocks", "User namespaces"} <= {
        finding["subject"] for finding in found
    }
    assert [finding for finding in found if (finding["state"] == "ok") == bool(finding["remedy"])] == []


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ("NVIDIA Container Toolkit CLI version 1.17.8\ncommit: abc", (1, 17, 8)),
        ("NVIDIA Container Toolkit CLI version 1.19.0-rc.2", (1, 19, 0)),
        ("20.10.24+dfsg1", (20, 10, 24)),
        ("v20.20.2", (20, 20, 2)),
        ("nothing", ()),
    ],
)
def test_versions_are_read_as_programs_print_them(told: str, version: tuple[int, ...]) -> None:
    assert version_of(told) == version


@pytest.mark.parametrize(
    ("apart", "state"),
    [(0.0, "ok"), (1.9, "ok"), (-5.0, "weak"), (5.0, "weak"), (-31.0, "missing"), (3600.0, "missing")],
)
def test_a_clock_that_is_off_is_named(apart: float, state: str) -> None:
    clocks = Clocks()
    clocks.note("the hub", NOW + timedelta(seconds=0.1), NOW, NOW + timedelta(seconds=0.2))
    clocks.note("engine node3", NOW + timedelta(seconds=apart), NOW, NOW)
    (finding,) = clocks.findings()
    assert finding.state == state
    assert "node3" in f"{finding.subject} {finding.what}"


def test_secrets_that_others_can_read_are_named(tmp_path: Path) -> None:
    ensure_secrets(tmp_path / "secrets")
    assert states(secrets(tmp_path)) == {"Secrets": "ok"}
    (tmp_path / "secrets/portal_token").chmod(0o644)
    (finding,) = secrets(tmp_path)
    assert finding.state == "missing"
    assert "portal_token (0644)" in finding.what
    assert "chmod 0600" in finding.remedy


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    """On a real file system of 64 MiB where this account may mount one, else on this one, which has room."""
    (finding,) = examine_disks(make_settings(tmp_path / "not-yet" / "data", 1))
    assert finding.subject == "Disk of data, storage, offerings, homes"
    assert finding.state in ("ok", "weak")
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", small], capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system: run the tests as root")
    try:
        settings = replace(make_settings(tmp_path / "data", 1), homes=small / "homes")
        found = {finding.subject: finding for finding in examine_disks(settings)}
        assert found["Disk of homes"].state == "missing"
        assert "make room" in found["Disk of homes"].remedy
    finally:
        subprocess.run(["umount", small], check=True)


def toolkit(folder: Path, version: str) -> str:
    """A PATH with an nvidia-ctk that says it is of that version."""
    program = folder / "bin" / "nvidia-ctk"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho 'NVIDIA Container Toolkit CLI version {version}'\necho commit: 0\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program.parent)


@pytest.mark.parametrize(
    ("version", "daemon", "config", "expected"),
    [
        ("1.17.8", RUNTIME, "", {"NVIDIA toolkit": "missing", "daemon.json": "ok"}),
        ("1.19.0", RUNTIME, "", {"NVIDIA toolkit": "ok", "daemon.json": "ok"}),
        ("1.19.0", {}, "", {"NVIDIA toolkit": "ok", "daemon.json": "missing"}),
        (
            "1.20.1",
            RUNTIME | SLICES,
            SWARM_RESOURCE,
            dict.fromkeys(("NVIDIA toolkit", "daemon.json", "swarm-resource"), "ok"),
        ),
        ("1.20.1", RUNTIME | SLICES, "#" + SWARM_RESOURCE, {"swarm-resource": "missing"}),
        ("1.20.1", RUNTIME | SLICES, 'swarm-resource = "DOCKER_RESOURCE_TPU"\n', {"swarm-resource": "missing"}),
        ("1.20.1", RUNTIME | SLICES | {"default-runtime": "runc"}, SWARM_RESOURCE, {"daemon.json": "missing"}),
        ("1.20.1", RUNTIME | SLICES | {"node-generic-resources": ["GPU=0"]}, SWARM_RESOURCE, {"daemon.json": "weak"}),
    ],
    ids=["old", "one engine", "no runtime", "swarm", "commented out", "another name", "default runtime", "no uuid"],
)
def test_the_traps_of_the_toolkit_are_found(
    tmp_path: Path, version: str, daemon: dict[str, Any], config: str, expected: dict[str, str]
) -> None:
    (tmp_path / "etc/docker").mkdir(parents=True)
    (tmp_path / "etc/nvidia-container-runtime").mkdir()
    (tmp_path / "etc/docker/daemon.json").write_text(json.dumps(daemon))
    (tmp_path / "etc/nvidia-container-runtime/config.toml").write_text(config + "[nvidia-container-cli]\n")
    found = states(examine_toolkit(toolkit(tmp_path, version), tmp_path))
    assert found | expected == found


def test_a_machine_without_cards_needs_no_toolkit_and_one_with_cards_does(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    assert examine_toolkit(str(tmp_path), tmp_path) == []
    (tmp_path / "dev/nvidia0").touch()
    assert states(examine_toolkit(str(tmp_path), tmp_path)) == {"NVIDIA toolkit": "missing"}


@pytest.mark.parametrize(
    ("name", "value", "state"),
    [
        ("user/max_user_namespaces", "0", "weak"),
        ("user/max_user_namespaces", "10000", "ok"),
        ("kernel/unprivileged_userns_clone", "0", "weak"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "weak"),
        ("kernel/apparmor_restrict_unprivileged_userns", "0", "ok"),
    ],
)
def test_a_kernel_that_forbids_user_namespaces_is_found(tmp_path: Path, name: str, value: str, state: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(value + "\n")
    assert user_namespaces(tmp_path).state == state


@pytest.mark.postgres
def test_postgresql_is_told_with_its_version_and_its_connections(fresh_postgres: str, tmp_path: Path) -> None:
    clocks = Clocks()
    hub = f"sqlite:///{tmp_path / 'hub.sqlite'}"
    (finding,) = examine_postgres(make_settings(tmp_path, 1, database_url=fresh_postgres, hub_database_url=hub), clocks)
    assert finding.state == "ok"
    assert "PostgreSQL 1" in finding.what
    assert "of 100 connections" in finding.what
    assert clocks.findings()[0].state == "ok"


@pytest.mark.postgres
def test_too_little_room_for_connections_is_told(fresh_postgres: str, tmp_path: Path) -> None:
    engine = create_engine(fresh_postgres, pool_size=60)
    held = [engine.connect() for _ in range(58)]
    try:
        settings = make_settings(tmp_path, 1, database_url=fresh_postgres, hub_database_url="sqlite://")
        (finding,) = examine_postgres(settings, Clocks())
    finally:
        for connection in held:
            connection.close()
        engine.dispose()
    assert finding.state == "weak"
    assert "max_connections" in finding.remedy


@pytest.mark.postgres
def test_one_database_for_hub_and_campus_is_refused_and_one_that_is_away_is_told_without_its_password(
    fresh_postgres: str, tmp_path: Path
) -> None:
    engine = create_engine(fresh_postgres)
    with engine.connect() as connection:
        assert connection.execute(text("select 1")).scalar_one() == 1
    engine.dispose()
    both = make_settings(tmp_path, 1, database_url=fresh_postgres, hub_database_url=fresh_postgres)
    assert "a database of its own" in examine_postgres(both, Clocks())[-1].remedy
    away = make_settings(
        tmp_path,
        1,
        database_url=f"postgresql+psycopg://a:s3cr3t@127.0.0.1:{free_port()}/x",
        hub_database_url="sqlite://",
    )
    (finding,) = examine_postgres(away, Clocks())
    assert finding.state == "missing"
    assert "s3cr3t" not in finding.what


@contextmanager
def served_with_tls(folder: Path, days: int) -> Iterator[tuple[str, str]]:
    """An https server with a certificate for localhost that is good for so many days; its address and certificate."""
    made = [str(folder / "cert.pem"), str(folder / "key.pem")]
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days), "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-out", made[0], "-keyout", made[1]),
        ],
        check=True,
        capture_output=True,
    )
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*made)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}", made[0]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("days", "state"), [(90, "ok"), (10, "weak"), (1, "missing")])
def test_a_certificate_that_ends_soon_is_told_with_its_day(tmp_path: Path, days: int, state: str) -> None:
    with served_with_tls(tmp_path, days) as (url, authority):
        (finding,) = certificate(url, authority)
    assert finding.state == state
    assert f"({days} days)" in finding.what or f"({days - 1} days)" in finding.what


def test_a_certificate_that_browsers_refuse_is_told(tmp_path: Path) -> None:
    with served_with_tls(tmp_path, 90) as (url, _):
        (finding,) = certificate(url)
    assert finding.state == "missing"
    assert "browsers refuse" in finding.what


def test_an_address_without_tls_has_no_certificate_to_look_at() -> None:
    assert certificate("http://127.0.0.1:8000") == []


def test_programs_that_are_away_are_told_with_the_setting_to_correct(tmp_path: Path) -> None:
    port = free_port()
    settings = replace(make_settings(tmp_path, port), proxy_api_url=f"http://127.0.0.1:{port}")
    found = examine_programs(settings, Clocks())
    assert {finding.state for finding in found} == {"missing"}
    assert [finding.remedy.split()[-1] for finding in found] == [
        "BITGOEUL_PROXY_API_URL",
        "BITGOEUL_HUB_API_URL",
        "BITGOEUL_PORTAL_URL",
    ]


def swarm_node(state: str = "ready", availability: str = "active", engine: str = "26.1.4") -> dict[str, Any]:
    """A node as `GET /nodes` tells of it."""
    named = {"NamedResourceSpec": {"Kind": "GPU", "Value": "GPU-5f0c"}}
    return {
        "Spec": {"Availability": availability},
        "Status": {"State": state, "Message": "heartbeat failure"},
        "Description": {
            "Hostname": "node3",
            "Resources": {"GenericResources": [named]},
            "Engine": {"EngineVersion": engine},
        },
    }


@pytest.mark.parametrize(
    ("node", "state", "told"),
    [
        (swarm_node(), "ok", "1 slices"),
        (swarm_node(state="down"), "missing", "heartbeat failure"),
        (swarm_node(availability="drain"), "weak", "--availability active node3"),
        (swarm_node(engine="20.10.24"), "weak", "one version on all nodes"),
    ],
)
def test_what_a_swarms_manager_says_of_a_node_is_told(node: dict[str, Any], state: str, told: str) -> None:
    finding = _node(node, "26.1.0")
    assert finding.state == state
    assert told in f"{finding.what} {finding.remedy}"
