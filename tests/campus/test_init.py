"""`bitgoeul init`, and secrets that programs read from files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub_config.settings import read_settings
from portal.app import check_settings
from portal.init_files import FOLDERS, PROVIDER_SECRET, Wishes, initialize
from portal.secrets_file import NAMES
from portal.settings import PortalSettings, SettingsError

SECRETS = {"PORTAL_TOKEN", "SESSION_SECRET", "DEMO_SECRET", "METRICS_TOKEN", "LEASE_TOKEN", "NODE_TOKEN"}


def init(data: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "portal.cli", "init", "--data", str(data), *options]
    data.parent.mkdir(exist_ok=True)
    return subprocess.run(command, cwd=data.parent, capture_output=True, text=True, check=False)


def settings_in(data: Path) -> dict[str, str]:
    lines = (data / "bitgoeul.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_it_asks_nothing_and_says_what_comes_next(tmp_path: Path) -> None:
    result = init(tmp_path / "campus")
    assert result.returncode == 0, result.stderr
    assert "up -d" in result.stdout
    assert {path.name for path in (tmp_path / "campus/secrets").iterdir()} == {*NAMES, PROVIDER_SECRET}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "campus/secrets").iterdir()} == {0o600}
    assert (tmp_path / "campus/secrets").stat().st_mode & 0o777 == 0o700
    assert settings_in(tmp_path / "campus")["BITGOEUL_PUBLIC_URL"] == "http://localhost:8000"


def test_compose_finds_the_settings_and_a_folder_for_everything_that_is_kept(tmp_path: Path) -> None:
    campus = tmp_path / "campus"
    (tmp_path / "docker-compose.yml").write_text("services: {}\n")
    assert "docker compose up -d" in init(campus).stdout
    assert (tmp_path / ".env").resolve() == campus / "bitgoeul.env"
    assert {path.name for path in campus.iterdir() if path.is_dir()} == {*FOLDERS, "secrets"}
    settings = settings_in(campus)
    assert settings["BITGOEUL_FOLDER"] == str(campus)
    owner = campus.stat()
    assert settings["BITGOEUL_ACCOUNT"] == f"{owner.st_uid}:{owner.st_gid}"
    assert "docker compose up -d" in init(campus).stdout, "a second call finds its own link"
    other = tmp_path / "other"
    assert f"--env-file {other / 'bitgoeul.env'} up -d" in init(other).stdout, "another campus's link stays"


def test_a_second_call_makes_only_what_is_missing(tmp_path: Path) -> None:
    init(tmp_path)
    (tmp_path / "bitgoeul.env").write_text("BITGOEUL_ADMINS=mine\n")
    before = {name: (tmp_path / "secrets" / name).read_text() for name in NAMES if name != "node_token"}
    (tmp_path / "secrets/node_token").unlink()
    result = init(tmp_path, "--public-url", "https://other.example.kr")
    assert "+ secrets/node_token" in result.stdout
    assert result.stdout.count("+ ") == 1
    assert {name: (tmp_path / "secrets" / name).read_text() for name in before} == before
    assert settings_in(tmp_path) == {"BITGOEUL_ADMINS": "mine"}


def test_hub_and_portal_start_with_what_it_made(tmp_path: Path) -> None:
    init(tmp_path, "--public-url", "https://campus.example.kr", "--sign-in", "demo", "--admin", "Sera.Oh")
    files = {f"BITGOEUL_{name}_FILE": str(tmp_path / "secrets" / name.lower()) for name in SECRETS}
    environ = settings_in(tmp_path) | files | {"BITGOEUL_DATA": str(tmp_path)}
    portal = PortalSettings.from_environment(environ)
    check_settings(portal)
    hub = read_settings(environ | {"CONFIGPROXY_AUTH_TOKEN_FILE": str(tmp_path / "secrets/proxy_token")})
    assert hub.portal_token == portal.portal_token
    assert hub.metrics_token == portal.metrics_token
    assert hub.proxy_token == (tmp_path / "secrets/proxy_token").read_text().strip()
    assert portal.admins == hub.admins == ("sera.oh",)
    assert portal.session_secret not in repr(portal)


def test_the_database_password_comes_from_its_file_into_the_url(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("p@ss/word\n")
    environ = {
        "BITGOEUL_DATABASE_URL": "postgresql+psycopg://bitgoeul@database/bitgoeul",
        "BITGOEUL_DATABASE_PASSWORD_FILE": str(tmp_path / "password"),
    }
    settings = PortalSettings.from_environment(environ, data=tmp_path)
    assert settings.database_url == "postgresql+psycopg://bitgoeul:p%40ss%2Fword@database/bitgoeul"
    assert settings.hub_database_url.startswith("sqlite:///")


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"PORTAL_TOKEN": "a", "PORTAL_TOKEN_FILE": "b"}, "BITGOEUL_PORTAL_TOKEN_FILE are both set"),
        ({"NODE_TOKEN_FILE": "/nothing/here"}, "BITGOEUL_NODE_TOKEN_FILE is '/nothing/here' and can't be read"),
        ({"DATABASE_URL": "not a url"}, "BITGOEUL_DATABASE_URL is no database URL"),
        ({"DATABASE_URL": "postgresql://a:b@c/d", "DATABASE_PASSWORD": "e"}, "leave it out of the URL"),
    ],
)
def test_a_secret_that_is_said_twice_or_cannot_be_read_is_one_sentence(
    tmp_path: Path, environ: dict[str, str], told: str
) -> None:
    with pytest.raises(SettingsError, match=told):
        PortalSettings.from_environment({f"BITGOEUL_{name}": value for name, value in environ.items()}, data=tmp_path)


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        (Wishes(public_url="campus.example.kr"), "--public-url is 'campus.example.kr'"),
        (Wishes(public_url="http://campus.example.kr/path"), "without a path"),
        (Wishes(public_url="https://campus.example.kr"), "https needs --tls files"),
        (Wishes(tls="files"), "http needs off"),
        (Wishes(admins=("a\nBITGOEUL_PRODUCTION=0",)), "line break"),
    ],
)
def test_what_no_campus_can_be_told_makes_nothing(tmp_path: Path, wishes: Wishes, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        initialize(tmp_path / "campus", wishes)
    assert not (tmp_path / "campus").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to another account: run the tests as root")
def test_root_may_give_what_it_makes_to_the_account_of_the_containers(tmp_path: Path) -> None:
    assert init(tmp_path, "--owner", "1234:1235").returncode == 0
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in (tmp_path / "secrets").iterdir()}
    assert owners == {(1234, 1235)}
