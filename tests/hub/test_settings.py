"""Settings: what the environment says, and what is said when it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub_config.settings import HubSettings, SettingsError, read_settings

OAUTH = {"BITGOEUL_OAUTH_CLIENT_ID": "id", "BITGOEUL_OAUTH_CLIENT_SECRET": "hidden-value"}


@pytest.fixture
def environ(tmp_path: Path, helpers: Any) -> dict[str, str]:
    environment: dict[str, str] = helpers.environment_of_a_campus(tmp_path)
    return environment


def test_a_data_folder_and_secrets_are_enough(tmp_path: Path) -> None:
    settings = read_settings(
        {
            "BITGOEUL_DATA": str(tmp_path),
            "BITGOEUL_PORTAL_TOKEN": "t",
            "CONFIGPROXY_AUTH_TOKEN": "p",
            "BITGOEUL_DEMO_SECRET": "ab" * 16,
        }
    )
    assert settings.homes == tmp_path / "homes"
    assert settings.offerings == tmp_path / "offerings"
    assert settings.hub_port == 8081
    assert settings.portal_origin == "http://127.0.0.1:8010"
    assert (settings.sign_in, settings.locale, settings.timezone, settings.spawner) == (
        "demo",
        "ko",
        "Asia/Seoul",
        "local",
    )
    assert settings.cleanup_servers
    assert not settings.production


def test_administrators_are_named_once_and_in_lower_case(environ: dict[str, str]) -> None:
    settings = read_settings(environ | {"BITGOEUL_ADMINS": " Kim, lee@example.kr ,kim,"})
    assert settings.admins == ("kim", "lee@example.kr")


def test_settings_show_no_secret(environ: dict[str, str]) -> None:
    shown = repr(read_settings(environ | OAUTH | {"BITGOEUL_SIGN_IN": "github"}))
    for name in ("BITGOEUL_PORTAL_TOKEN", "CONFIGPROXY_AUTH_TOKEN", "BITGOEUL_DEMO_SECRET"):
        assert environ[name] not in shown
    assert "hidden-value" not in shown


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"BITGOEUL_DATA": ""}, ["BITGOEUL_DATA", "folder"], id="no data folder"),
        pytest.param({"BITGOEUL_PORTAL_TOKEN": ""}, ["BITGOEUL_PORTAL_TOKEN"], id="no portal token"),
        pytest.param({"CONFIGPROXY_AUTH_TOKEN": ""}, ["CONFIGPROXY_AUTH_TOKEN"], id="no proxy token"),
        pytest.param({"BITGOEUL_DEMO_SECRET": ""}, ["32 hexadecimal", "openssl"], id="no demo secret"),
        pytest.param({"BITGOEUL_DEMO_SECRET": "g" * 32}, ["hexadecimal"], id="demo secret not hex"),
        pytest.param({"BITGOEUL_DEMO_SECRET": "a" * 33}, ["even"], id="odd demo secret"),
        pytest.param({"BITGOEUL_SIGN_IN": "facebook"}, ["'facebook'", "demo, oidc, github"], id="unknown sign-in"),
        pytest.param({"BITGOEUL_LOCALE": "fr"}, ["'fr'", "ko, en"], id="unknown language"),
        pytest.param({"BITGOEUL_TIMEZONE": "Seoul"}, ["'Seoul'", "Asia/Seoul"], id="unknown zone"),
        pytest.param({"BITGOEUL_PUBLIC_URL": "campus.kr"}, ["'campus.kr'", "https://"], id="no scheme"),
        pytest.param({"BITGOEUL_PUBLIC_URL": "http://a.kr/hub"}, ["leave out the path"], id="a path"),
        pytest.param({"BITGOEUL_HUB_API_URL": "http://127.0.0.1:1/api"}, ["/hub/api"], id="wrong api path"),
        pytest.param({"BITGOEUL_PRODUCTION": "maybe"}, ["'maybe'", "1 for yes"], id="a flag that is none"),
        pytest.param({"BITGOEUL_LAB_STARTS": "0"}, ["'0'", "from 1 up"], id="no spawns at all"),
        pytest.param({"BITGOEUL_SPAWNER": "podman"}, ["'podman'", "package.Class"], id="unknown spawner"),
        pytest.param({"BITGOEUL_SPAWNER": "docker"}, ["LEASE_TOKEN has 0", "openssl"], id="no lease token"),
        pytest.param({"BITGOEUL_CAMPUS": "빛고을"}, ["'빛고을'", "small letters"], id="a campus that no container is"),
        pytest.param({"BITGOEUL_LAB_HOMES": "homes"}, ["'homes'", "whole path"], id="homes nowhere"),
        pytest.param({"BITGOEUL_LAB_HOME_QUOTA": "much"}, ["'MUCH'", "10G"], id="a quota that is none"),
        pytest.param({"BITGOEUL_HUB_DATABASE_URL": "db"}, ["HUB_DATABASE_URL", "postgresql"], id="no database"),
        pytest.param({"BITGOEUL_SIGN_IN": "github"}, ["OAUTH_CLIENT_SECRET"], id="oauth without a secret"),
        pytest.param(
            {"BITGOEUL_SIGN_IN": "github", "BITGOEUL_OAUTH_CLIENT_SECRET": "x"}, ["OAUTH_CLIENT_ID"], id="no client id"
        ),
        pytest.param(
            OAUTH | {"BITGOEUL_SIGN_IN": "github", "BITGOEUL_OAUTH_CLIENT_SECRET_FILE": "/x"},
            ["keep one"],
            id="secret twice",
        ),
        pytest.param(
            {
                "BITGOEUL_SIGN_IN": "github",
                "BITGOEUL_OAUTH_CLIENT_ID": "id",
                "BITGOEUL_OAUTH_CLIENT_SECRET_FILE": "/nowhere/secret",
            },
            ["/nowhere/secret", "may read"],
            id="secret file missing",
        ),
        pytest.param(
            OAUTH | {"BITGOEUL_SIGN_IN": "oidc"}, ["OIDC_ISSUER", "OIDC_TOKEN_URL"], id="oidc without addresses"
        ),
        pytest.param(
            OAUTH | {"BITGOEUL_SIGN_IN": "oidc", "BITGOEUL_OIDC_ISSUER": "http://id.example.kr"},
            ["https://"],
            id="issuer without TLS",
        ),
        pytest.param(OAUTH | {"BITGOEUL_SIGN_IN": "azuread"}, ["AZUREAD_TENANT"], id="azure without tenant"),
        pytest.param(
            OAUTH | {"BITGOEUL_SIGN_IN": "azuread", "BITGOEUL_AZUREAD_TENANT": "common"},
            ["'common'", "organisation's tenant"],
            id="azure for everybody",
        ),
        pytest.param(
            {"BITGOEUL_PRODUCTION": "1", "BITGOEUL_PUBLIC_URL": "https://a.kr"},
            ["demo", "not for production"],
            id="demo passwords in production",
        ),
        pytest.param(
            OAUTH | {"BITGOEUL_PRODUCTION": "1", "BITGOEUL_PUBLIC_URL": "https://a.kr", "BITGOEUL_SIGN_IN": "github"},
            ["SPAWNER is local", "isolates"],
            id="local servers in production",
        ),
        pytest.param(
            OAUTH | {"BITGOEUL_PRODUCTION": "1", "BITGOEUL_PUBLIC_URL": "http://a.kr", "BITGOEUL_SIGN_IN": "github"},
            ["https://"],
            id="no TLS in production",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_its_rule_and_remedy(
    environ: dict[str, str], change: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(SettingsError) as refusal:
        read_settings(environ | change)
    for word in words:
        assert word in str(refusal.value)
    assert "hidden-value" not in str(refusal.value)


def test_production_accepts_a_spawner_that_isolates_and_a_real_sign_in(environ: dict[str, str]) -> None:
    settings: HubSettings = read_settings(
        environ
        | OAUTH
        | {
            "BITGOEUL_PRODUCTION": "1",
            "BITGOEUL_PUBLIC_URL": "https://campus.example.kr/",
            "BITGOEUL_SIGN_IN": "github",
            "BITGOEUL_SPAWNER": "dockerspawner.DockerSpawner",
        }
    )
    assert settings.production
    assert settings.public_url == "https://campus.example.kr"
    assert settings.demo_secret == ""
