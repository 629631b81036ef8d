"""docker-compose.yml on a bare engine: it comes up, and every program has what it needs and no more."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from campus_process import ROOT, Lab
from class_play import Play
from compose_campus import ComposeCampus
from confinement import assert_every_layer_holds, assert_no_rights_are_left
from waiting import wait_for

pytestmark = [pytest.mark.compose, pytest.mark.timeout(900)]
PROGRAMS = {"proxy", "hub", "portal", "grader", "gate", "firewall", "database"}


def test_everything_is_healthy(campus: ComposeCampus) -> None:
    states = {name: campus.container(name)["State"] for name in PROGRAMS}
    assert {name: state["Status"] for name, state in states.items()} == dict.fromkeys(PROGRAMS, "running")
    watched = {name: state["Health"]["Status"] for name, state in states.items() if "Health" in state}
    assert set(watched) >= PROGRAMS - {"firewall"}
    assert set(watched.values()) <= {"healthy", "starting"}
    assert watched["database"] == watched["gate"] == watched["portal"] == "healthy"


def test_the_engine_s_socket_is_the_gate_s_alone(campus: ComposeCampus) -> None:
    socket = campus.engine.host.removeprefix("unix://")
    holders = {name for name in PROGRAMS for mount in campus.container(name)["Mounts"] if mount["Source"] == socket}
    assert holders == {"gate"}
    assert campus.container("gate")["HostConfig"]["NetworkMode"] == "none"


def test_only_sandboxes_and_the_fence_have_rights_of_the_system_s(campus: ComposeCampus) -> None:
    strong = {"CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SYS_PTRACE", "CAP_SYS_MODULE"}
    given: dict[str, set[str]] = {}
    for name in PROGRAMS:
        host = campus.container(name)["HostConfig"]
        assert not host["Privileged"]
        assert host["CapDrop"] == ["ALL"]
        assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"])
        if found := strong & {f"CAP_{cap.removeprefix('CAP_')}" for cap in host["CapAdd"] or []}:
            given[name] = found
    assert given == {"portal": {"CAP_SYS_ADMIN"}, "grader": {"CAP_SYS_ADMIN"}, "firewall": {"CAP_NET_ADMIN"}}


@pytest.mark.parametrize("service", ["portal", "grader"])
def test_a_program_that_was_given_rights_has_none_left_when_it_begins(campus: ComposeCampus, service: str) -> None:
    assert_no_rights_are_left(partial(campus.within, service))


def test_every_layer_of_the_sandbox_holds_where_work_is_marked(campus: ComposeCampus) -> None:
    assert_every_layer_holds(partial(campus.within, "grader"))


def test_a_lab_reaches_the_portal_and_nothing_else_of_the_campus(campus: ComposeCampus, play: Play) -> None:
    if not (labs := campus.labs()):
        Lab(campus.sign_in("narae")).start()
        labs = campus.labs()
    lab = labs[0]
    database = campus.container("database")["NetworkSettings"]["Networks"]["bitgoeul_back"]["IPAddress"]
    places = {
        "portal": ("portal", 8010),
        "hub": ("hub", 8081),
        "database": (database, 5432),
        "proxy's API": ("10.213.0.10", 8001),
        "machine's door": (campus.engine.address, campus.port),
    }
    script = (
        "import socket, sys\n"
        f"for name, place in {places!r}.items():\n"
        "    try:\n        socket.create_connection(place, 3).close()\n        print(name)\n"
        "    except OSError:\n        pass\n"
    )
    assert campus.run_in(lab["Id"], "python", "-c", script).split() == ["portal", "hub"]


def test_no_secret_stands_in_a_container_s_environment_but_a_lab_s_own(campus: ComposeCampus) -> None:
    secrets = {path.name: path.read_text().strip() for path in (campus.data / "secrets").iterdir()}
    for name in PROGRAMS:
        told = "\n".join(campus.container(name)["Config"]["Env"])
        assert [secret for secret, value in secrets.items() if value and value in told] == [], name


def test_who_runs_students_code_has_no_secret_but_the_database_s_password(campus: ComposeCampus) -> None:
    given = {mount["Destination"] for mount in campus.container("grader")["Mounts"]}
    assert {path for path in given if path.startswith("/run/secrets")} == {"/run/secrets/database_password"}


def test_tls_is_a_setting(campus: ComposeCampus) -> None:
    certificate, key = (campus.data / "tls" / name for name in ("fullchain.pem", "privkey.pem"))
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=campus"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    certificate.chmod(0o644)
    key.chmod(0o644)
    words = ("BITGOEUL_TLS=files", "BITGOEUL_TLS_CERTIFICATE=tls/fullchain.pem", "BITGOEUL_TLS_KEY=tls/privkey.pem")
    options = [word for setting in words for word in ("--env", setting)]
    name = "tls-proxy"
    folder = f"{campus.data}/tls:/data/tls:ro"
    image = campus.container("proxy")["Config"]["Image"]
    engine = campus.engine
    try:
        subprocess.run(
            [
                *("docker", "--host", engine.host, "run", "--detach", "--name", name, "--publish", "8443:8000"),
                *("--env", "CONFIGPROXY_AUTH_TOKEN=none", *options, "--volume", folder, image),
                *("--ip", "0.0.0.0", "--port", "8000", "--default-target", "http://127.0.0.1:9"),
            ],
            check=True,
            capture_output=True,
        )
        transport = httpx.HTTPTransport(retries=20, verify=False)
        with httpx.Client(transport=transport) as http:
            assert http.get(f"https://{engine.address}:8443/").status_code in (502, 503)
    finally:
        engine.api.remove_container(name, force=True)


def test_a_campus_that_was_not_initialized_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    command = ["docker-compose", "--env-file", str(tmp_path / "empty"), "config"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "bitgoeul init" in done.stderr


def test_compose_2_would_understand_it() -> None:
    """What of Compose's own rules docker-compose 1.29 is lax about: no key that version 2 took away."""
    file: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert "version" not in file
    for service in file["services"].values():
        assert not {"links", "container_name", "external_links"} & set(service)
        assert all(set(told) == {"condition"} for told in service.get("depends_on", {}).values())


@pytest.mark.parametrize("service", ["grader", "portal"])
def test_a_program_ends_by_itself_when_it_is_stopped(campus: ComposeCampus, service: str) -> None:
    campus.compose("stop", service)
    try:
        assert campus.container(service)["State"]["ExitCode"] in (0, 143)
        assert "Unexpected error" not in campus.log(service)
    finally:
        campus.compose("start", service)
    wait_for("the campus is open again", campus.is_open, 120, every=0.5)
