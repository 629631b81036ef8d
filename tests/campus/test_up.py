"""What `bitgoeul up` says when it can't start; the start itself is tested by tests/integration."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from portal.campus_tree import build_environment, build_programs, choose_addresses, prepare_data
from portal.demo import demo_password
from portal.secrets_file import ensure_secrets
from portal.settings import PortalSettings, SettingsError


def test_a_taken_port_is_one_sentence_that_names_another(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = subprocess.run(
            [sys.executable, "-m", "portal.cli", "up", "--port", str(port), "--data", str(tmp_path / "data")],
            capture_output=True,
            text=True,
            check=False,
        )
    assert result.returncode == 2
    assert result.stderr.startswith(f"bitgoeul: Port {port} on 127.0.0.1 is taken by another program.")
    assert "make run PORT=" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_data_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"can't be written.*make run DATA="):
        prepare_data(tmp_path / "file" / "data")


def test_a_second_campus_on_the_same_data_is_refused(tmp_path: Path) -> None:
    import fcntl

    prepare_data(tmp_path / "data")
    with (tmp_path / "data" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = subprocess.run(
            [sys.executable, "-m", "portal.cli", "up", "--port", "1", "--data", str(tmp_path / "data")],
            capture_output=True,
            text=True,
            check=False,
        )
    assert result.returncode == 2
    assert "already runs on the data folder" in result.stderr


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    first = ensure_secrets(tmp_path / "secrets")
    assert ensure_secrets(tmp_path / "secrets") == first
    assert len(set(first.values())) == len(first)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o600}


def test_the_shells_own_variables_do_not_reach_the_campus(tmp_path: Path) -> None:
    addresses = choose_addresses("127.0.0.1", 0)
    environ = {"PATH": os.environ["PATH"], "AWS_SECRET_ACCESS_KEY": "x", "BITGOEUL_LOCALE": "en"}
    environment = build_environment(environ, tmp_path, addresses)
    assert "AWS_SECRET_ACCESS_KEY" not in environment
    assert environment["BITGOEUL_LOCALE"] == "en"
    assert PortalSettings.from_environment(environment).data == tmp_path


def test_only_the_programs_that_run_notebooks_learn_where_the_container_engine_is(tmp_path: Path) -> None:
    addresses = choose_addresses("127.0.0.1", 0)
    environ = {"PATH": os.environ["PATH"], "DOCKER_HOST": "tcp://gpu-1:2376", "BITGOEUL_WORKER_IMAGE": "grader"}
    programs = build_programs(build_environment(environ, tmp_path, addresses), tmp_path, addresses, workers=2)
    told = {program.name for program in programs if "DOCKER_HOST" in program.environment}
    assert told == {"portal", "grader-1", "grader-2"}
    assert {program.name for program in programs if "BITGOEUL_WORKER_IMAGE" in program.environment} >= told


def test_no_secret_is_shown_when_settings_are_printed(tmp_path: Path) -> None:
    environment = build_environment({}, tmp_path, choose_addresses("127.0.0.1", 0))
    settings = PortalSettings.from_environment(environment)
    assert settings.demo_secret not in repr(settings)
    assert settings.portal_token not in repr(settings)


def test_demonstration_passwords_differ_by_person_and_stay_the_same() -> None:
    secret = "ab" * 32
    assert demo_password(secret, "minji") == demo_password(secret, "minji")
    assert demo_password(secret, "minji") != demo_password(secret, "dohyun")
    assert demo_password("cd" * 32, "minji") != demo_password(secret, "minji")
